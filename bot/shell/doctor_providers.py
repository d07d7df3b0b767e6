"""The doctor's checks of providers: a free call to each API, and a render by the built-in one."""

import asyncio
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from tempfile import TemporaryDirectory

from bot.clock import Clock
from bot.errors import BadClipError, ProviderError, SorabotError
from bot.media.clip_reader import probe
from bot.model import Size
from bot.providers.base import Provider, ProviderRequest, RenderState
from bot.providers.registry import LOCAL, build_providers
from bot.settings import Settings
from bot.shell.finding import Finding, ok, problem, warning
from bot.shell.provider_facts import CheckOutcome, ProviderCheck, check_providers

_RENDER_TIMEOUT_S = 12.0
_POLL_GAP_S = 0.1
_MAX_BYTES = 16 * 1024 * 1024
_SAMPLE_REQUEST = ProviderRequest(
    idempotency_key="DOCTOR",
    prompt="a red fox in the snow",
    model="",
    seconds=1,
    size=Size(width_px=128, height_px=72),
    seed=1,
)


async def examine(settings: Settings, clock: Clock) -> list[Finding]:
    """Make one free call to each configured provider, all at the same time."""
    remote = tuple(name for name in settings.video_providers if name != LOCAL)
    checked = await check_providers(replace(settings, video_providers=remote), clock)
    return [_finding_of_check(each) for each in checked]


async def examine_renderer(settings: Settings, clock: Clock) -> list[Finding]:
    """Let the built-in renderer make a clip of one second, and probe the file."""
    is_needed = LOCAL in settings.video_providers
    codecs = f"PyAV {metadata.version('av')}"
    began_at = clock.now()
    try:
        async with asyncio.timeout(_RENDER_TIMEOUT_S):
            with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
                facts = await _render_and_probe(Path(folder), clock)
    except TimeoutError:
        said = f"no clip of one second within {_RENDER_TIMEOUT_S:g} s"
        return [warning("renderer", said, "the machine is busy or slow; try again later")]
    except (SorabotError, OSError) as error:
        advice = f"reinstall the bot (fonts, {codecs}); the log of a failed clip says more"
        return [(problem if is_needed else warning)("renderer", f"can't render: {error}", advice)]
    took_s = (clock.now() - began_at).total_seconds()
    return [ok("renderer", f"made a clip of one second in {took_s:.1f} s, {facts}; {codecs}")]


async def _render_and_probe(folder: Path, clock: Clock) -> str:
    settings = Settings(data_dir=folder, video_providers=(LOCAL,))
    provider = build_providers(settings, clock)[LOCAL]
    try:
        clip = folder / "clip.mp4"
        await _render_sample(provider, clock, clip)
        facts = await probe(clip)
    finally:
        await provider.close()
    return f"{facts.width_px}x{facts.height_px}"


async def _render_sample(provider: Provider, clock: Clock, clip: Path) -> None:
    request = replace(_SAMPLE_REQUEST, model=provider.capabilities().models[0].name)
    status = await provider.submit(request)
    while status.state is not RenderState.READY:
        if status.error is not None:
            raise status.error
        await clock.sleep(_POLL_GAP_S)
        found = (await provider.poll([status.id]))[status.id]
        if isinstance(found, ProviderError):
            raise found
        status = found
    if (await provider.download(status.id, clip, max_bytes=_MAX_BYTES)).size_bytes == 0:
        raise BadClipError("an empty file")


def _finding_of_check(checked: ProviderCheck) -> Finding:
    name, message, took = checked.name, checked.message, f"{checked.took_ms:,} ms"
    match checked.outcome:
        case CheckOutcome.OK:
            return ok(name, f"{message} ({took})")
        case CheckOutcome.NOT_TRIED:
            return ok(name, f"not tried: {message}")
        case CheckOutcome.REFUSED:
            said = f"it rejects the account: {message}"
            return problem(name, said, "check its key and its balance")
        case CheckOutcome.BUSY:
            return warning(name, f"it asks for a pause: {message}", "nothing: the bot waits")
        case CheckOutcome.TROUBLE:
            advice = "check the network and its address; `providers drain` gives it no new jobs"
            return problem(name, f"it does not respond as it should: {message} ({took})", advice)
