"""The doctor's checks of the network: Discord (token, application, guilds, clock), and webhooks."""

from datetime import datetime

from bot.chat.transport.discord_check import DiscordCheck, GuildCheck, check_discord
from bot.chat.transport.invite import invite_url
from bot.clock import Clock
from bot.providers.registry import VENDORS
from bot.settings import Settings
from bot.shell.finding import Finding, ok, problem, warning
from bot.web.reachability import fetch_status, why_port_unavailable

_DISCORD_TIMEOUT_S = 10.0
#: Tolerated difference to Discord's clock in seconds; Discord's dates are whole seconds.
_MAX_CLOCK_OFFSET_S = 30
_MIN_SIGN_INS_LEFT = 20
_PORTAL = "https://discord.com/developers/applications"
_REQUEST_TIMEOUT_S = 3.0
#: Addresses that mean "all interfaces", and the address by which this machine reaches itself.
_WILDCARD_HOSTS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - looked for, not bound
_OK, _METHOD_NOT_ALLOWED = 200, 405


async def examine_discord(settings: Settings, clock: Clock) -> list[Finding]:
    """Check the token, if there is one, with a few calls to Discord, and compare its clock with `clock`."""
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


async def examine_web(settings: Settings) -> list[Finding]:
    """Check HTTP_BIND, PUBLIC_URL and the webhook secrets."""
    if settings.http_bind is None:
        if settings.public_url is None:
            return [ok("HTTP_BIND", "empty: no health pages, and polls instead of webhooks")]
        said = "empty, so webhooks to PUBLIC_URL can't arrive"
        return [warning("HTTP_BIND", said, "set both, or empty PUBLIC_URL")]
    host, port = settings.http_bind
    is_up = await _is_up(host, port)
    found = [
        ok("HTTP_BIND", "the bot answers there")
        if is_up
        else await _finding_of_free_port(host, port)
    ]
    if settings.public_url is not None:
        found += await _findings_of_public_url(settings.public_url, settings, is_up=is_up)
        found += _findings_of_webhook_secrets(settings)
    return found


async def _is_up(host: str, port: int) -> bool:
    near = _WILDCARD_HOSTS.get(host, host)
    shown = f"[{near}]" if ":" in near else near
    return await fetch_status(f"http://{shown}:{port}/livez", _REQUEST_TIMEOUT_S) == _OK


async def _finding_of_free_port(host: str, port: int) -> Finding:
    why_not = await why_port_unavailable(host, port)
    if why_not is None:
        return ok("HTTP_BIND", f"{host}:{port} is free; the bot is not running")
    advice = "stop what listens there, or choose another address"
    return problem("HTTP_BIND", f"{host}:{port} is not available: {why_not}", advice)


async def _findings_of_public_url(
    public_url: str, settings: Settings, *, is_up: bool
) -> list[Finding]:
    found: list[Finding] = []
    if public_url.startswith("http://"):
        said = "not https: most video APIs send no webhooks there"
        found.append(warning("PUBLIC_URL", said, "put a proxy with a certificate in front"))
    if not is_up:
        return [*found, ok("PUBLIC_URL", "not tried: the bot is not running")]
    named = next((each for each in settings.video_providers if each in VENDORS), "any")
    status = await fetch_status(f"{public_url}/webhooks/{named}", _REQUEST_TIMEOUT_S)
    if status == _METHOD_NOT_ALLOWED:
        return [*found, ok("PUBLIC_URL", "leads to the bot")]
    said = "is not answered" if status is None else f"does not lead to the bot (status {status})"
    advice = "let the proxy forward /webhooks/ to HTTP_BIND; until then the bot polls"
    return [*found, warning("PUBLIC_URL", said, advice)]


def _findings_of_webhook_secrets(settings: Settings) -> list[Finding]:
    vendors = [VENDORS[name] for name in settings.video_providers if name in VENDORS]
    names = [f"{each.prefix}_WEBHOOK_SECRET" for each in vendors if each.has_webhook_secret]
    advice = "copy it from the provider's webhook page; without it webhooks are rejected"
    return [
        warning(name, "not set", advice)
        for name in names
        if not settings.others.get(name, "").strip()
    ]
