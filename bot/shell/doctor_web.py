"""The doctor's checks of health pages and webhooks."""

from __future__ import annotations

from bot.providers.registry import VENDORS
from bot.settings import Settings
from bot.shell.finding import Finding, ok, problem, warning
from bot.web.reachability import fetch_status, why_port_unavailable

_REQUEST_TIMEOUT_S = 3.0
#: Addresses that mean "all interfaces", and how this machine reaches itself there.
_WILDCARD_HOSTS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - looked for, not bound
_OK, _METHOD_NOT_ALLOWED = 200, 405


async def examine(settings: Settings) -> list[Finding]:
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
