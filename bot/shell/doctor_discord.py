"""What Discord says of the token, the application and the servers; and what time it has."""

from __future__ import annotations

from datetime import datetime

from bot.chat.checkup import Server, Visit, visit
from bot.chat.invite import invite_url
from bot.clock import Clock
from bot.settings import Settings
from bot.shell.finding import Finding, ok, problem, warning

_VISIT_S = 10.0
#: As far as this the bot's clock may be off; Discord's dates are whole seconds.
_CLOCK_OFF_S = 30
_FEW_SIGN_INS = 20
_PORTAL = "https://discord.com/developers/applications"


async def examine(settings: Settings, clock: Clock) -> list[Finding]:
    """Call Discord a few times with the token, if there is one, and compare the clocks."""
    seen = await visit(
        settings.discord_token,
        settings.discord_guild_ids,
        api_url=settings.discord_api_url,
        limit_s=_VISIT_S,
    )
    return [*_of_visit(seen, settings), _clock(seen.answered_at, clock.now())]


def _of_visit(seen: Visit, settings: Settings) -> list[Finding]:
    found: list[Finding] = []
    if seen.is_refused:
        advice = f"make another one: {_PORTAL} → Bot → Reset Token"
        found.append(problem("DISCORD_TOKEN", "Discord does not accept it", advice))
    elif seen.trouble:
        advice = "look at the network, at DISCORD_API_URL, and at https://discordstatus.com"
        found.append(problem("Discord", f"can't be asked: {seen.trouble}", advice))
    elif settings.discord_token is not None:
        found += _of_application(seen, settings)
        found += [_of_server(each, seen.application_id) for each in seen.servers]
    return found


def _of_application(seen: Visit, settings: Settings) -> list[Finding]:
    found = [ok("DISCORD_TOKEN", f"accepted; the bot is {seen.bot_name}")]
    page = f"{_PORTAL}/{seen.application_id}"
    if seen.missing_intents:
        names = ", ".join(seen.missing_intents)
        advice = f"switch them on: {page}/bot → Privileged Gateway Intents"
        found.append(problem("intents", f"missing: {names}", advice))
    else:
        found.append(ok("intents", "all that the bot asks for are allowed"))
    if seen.has_endpoint:
        said = "the application has an Interactions Endpoint URL: commands go there, not to the bot"
        found.append(problem("application", said, f"empty it: {page}/information"))
    asked = settings.discord_application_id
    if asked is not None and asked != seen.application_id:
        said = f"the token is of application {seen.application_id}"
        found.append(warning("DISCORD_APPLICATION_ID", said, "set it to that, or leave it out"))
    if seen.sign_ins_left is not None and seen.sign_ins_left < _FEW_SIGN_INS:
        said = f"{seen.sign_ins_left} sign-ins are left for today"
        advice = "find out what restarts the bot so often, and wait a day"
        found.append((warning if seen.sign_ins_left else problem)("Discord", said, advice))
    if not settings.discord_guild_ids:
        said = "not looked at: that is done in the servers that DISCORD_GUILD_IDS names"
        found.append(ok("permissions", said))
    return found


def _of_server(server: Server, application_id: int | None) -> Finding:
    about = f"server {server.id}"
    if server.trouble:
        return warning(about, f"can't be looked at: {server.trouble}", "try again in a minute")
    invite = "" if application_id is None else invite_url(application_id)
    if server.name is None:
        return problem(about, "the bot is not in it", f"invite it: {invite}")
    if server.missing:
        # Discord's settings say View Channels; discord.py keeps its old name.
        names = ", ".join(server.missing).replace("Read Messages", "View Channels")
        advice = f"give them to the bot's role, or invite it again: {invite}"
        return problem(about, f"{server.name}: the bot lacks {names}", advice)
    return ok(about, f"{server.name}: the bot may do all that it needs")


def _clock(told_at: datetime | None, now: datetime) -> Finding:
    if told_at is None:
        return ok("clock", "not compared: nobody answered who knows the time")
    off_s = (now - told_at).total_seconds()
    if abs(off_s) <= _CLOCK_OFF_S:
        return ok("clock", f"within {_CLOCK_OFF_S} s of Discord's")
    way = "ahead of" if off_s > 0 else "behind"
    said = f"{abs(off_s):,.0f} s {way} Discord's"
    return problem("clock", said, "set the machine's clock by NTP, then restart the bot")
