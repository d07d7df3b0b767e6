"""The doctor's checks at Discord: token, application, guilds and clock."""

from __future__ import annotations

from datetime import datetime

from bot.chat.transport.discord_check import DiscordCheck, GuildCheck, check_discord
from bot.chat.transport.invite import invite_url
from bot.clock import Clock
from bot.settings import Settings
from bot.shell.finding import Finding, ok, problem, warning

_DISCORD_TIMEOUT_S = 10.0
#: Tolerated difference between the clocks; Discord's dates are whole seconds.
_MAX_CLOCK_OFFSET_S = 30
_MIN_SIGN_INS_LEFT = 20
_PORTAL = "https://discord.com/developers/applications"


async def examine(settings: Settings, clock: Clock) -> list[Finding]:
    """Check the token, if there is one, with a few calls to Discord, and compare the clocks."""
    check = await check_discord(
        settings.discord_token,
        settings.discord_guild_ids,
        api_url=settings.discord_api_url,
        timeout_s=_DISCORD_TIMEOUT_S,
    )
    return [*_findings_of_check(check, settings), _finding_of_clock(check.answered_at, clock.now())]


def _findings_of_check(check: DiscordCheck, settings: Settings) -> list[Finding]:
    found: list[Finding] = []
    if check.is_token_rejected:
        advice = f"make another one: {_PORTAL} → Bot → Reset Token"
        found.append(problem("DISCORD_TOKEN", "Discord does not accept it", advice))
    elif check.error:
        advice = "look at the network, at DISCORD_API_URL, and at https://discordstatus.com"
        found.append(problem("Discord", f"can't be reached: {check.error}", advice))
    elif settings.discord_token is not None:
        found += _findings_of_application(check, settings)
        found += [_finding_of_guild(each, check.application_id) for each in check.guilds]
    return found


def _findings_of_application(check: DiscordCheck, settings: Settings) -> list[Finding]:
    found = [ok("DISCORD_TOKEN", f"accepted; the bot is {check.bot_name}")]
    page = f"{_PORTAL}/{check.application_id}"
    if check.missing_intents:
        names = ", ".join(check.missing_intents)
        advice = f"switch them on: {page}/bot → Privileged Gateway Intents"
        found.append(problem("intents", f"missing: {names}", advice))
    else:
        found.append(ok("intents", "all that the bot asks for are allowed"))
    if check.has_interactions_endpoint:
        said = "the application has an Interactions Endpoint URL: commands go there, not to the bot"
        found.append(problem("application", said, f"empty it: {page}/information"))
    configured = settings.discord_application_id
    if configured not in (None, check.application_id):
        said = f"the token is of application {check.application_id}"
        found.append(warning("DISCORD_APPLICATION_ID", said, "set it to that, or leave it out"))
    if check.session_starts_left is not None and check.session_starts_left < _MIN_SIGN_INS_LEFT:
        said = f"{check.session_starts_left} sign-ins are left for today"
        advice = "find out what restarts the bot so often, and wait a day"
        found.append((warning if check.session_starts_left else problem)("Discord", said, advice))
    if not settings.discord_guild_ids:
        said = "not checked: only servers that DISCORD_GUILD_IDS names are checked"
        found.append(ok("permissions", said))
    return found


def _finding_of_guild(guild: GuildCheck, application_id: int | None) -> Finding:
    about = f"server {guild.id}"
    if guild.error:
        return warning(about, f"can't be checked: {guild.error}", "try again in a minute")
    invite = "" if application_id is None else invite_url(application_id)
    if guild.name is None:
        return problem(about, "the bot is not in it", f"invite it: {invite}")
    if guild.missing_permissions:
        # Discord's settings say View Channels where discord.py says Read Messages.
        names = ", ".join(guild.missing_permissions).replace("Read Messages", "View Channels")
        advice = f"give them to the bot's role, or invite it again: {invite}"
        return problem(about, f"{guild.name}: the bot lacks {names}", advice)
    return ok(about, f"{guild.name}: the bot may do all that it needs")


def _finding_of_clock(discord_time: datetime | None, now: datetime) -> Finding:
    if discord_time is None:
        return ok("clock", "not compared: Discord did not respond")
    off_s = (now - discord_time).total_seconds()
    if abs(off_s) <= _MAX_CLOCK_OFFSET_S:
        return ok("clock", f"within {_MAX_CLOCK_OFFSET_S} s of Discord's")
    way = "ahead of" if off_s > 0 else "behind"
    said = f"{abs(off_s):,.0f} s {way} Discord's"
    return problem("clock", said, "set the machine's clock by NTP, then restart the bot")
