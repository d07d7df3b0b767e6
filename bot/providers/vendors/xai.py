"""xAI's Grok Imagine: clips from prompts and images, edits and extensions of its own clips.

2026-11-20: the answer to a create has only a `request_id`; the clip is at a public, temporary address on
another host. There is no list, cancel, delete, webhook or idempotency key.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from bot.errors import (
    ModerationError,
    NotAcceptedError,
    ProviderAccountError,
    ProviderError,
    ProviderTroubleError,
    SourceGoneError,
    UnsupportedError,
)
from bot.model import Operation
from bot.providers.base import Capabilities, Model, ProviderRequest, RenderState, RenderStatus
from bot.providers.http import error_body
from bot.providers.http.error_mapping import render_error, trouble_from
from bot.providers.http.image_upload import data_url
from bot.providers.http.json_fields import (
    id_of,
    id_path,
    int_or_none,
    number_or_none,
    object_of,
    object_or_empty,
    text_or_none,
)
from bot.providers.http.payloads import JsonResponse
from bot.providers.vendors.http_provider import FetchedRender, HttpProvider
from bot.providers.vendors.model_inputs import check_model
from bot.providers.vendors.size_formats import (
    COMMON_720P,
    SIZES_480P,
    SIZES_1080P,
    format_of,
    sizes_of,
)
from bot.providers.vendors.vendor import ProviderAccount, Vendor

_STATES: Mapping[str, RenderState] = {
    "pending": RenderState.RUNNING,
    "done": RenderState.READY,
    "failed": RenderState.FAILED,
    "expired": RenderState.FAILED,
}
#: 10^10 ticks are a dollar.
_TICKS_PER_USD_MICRO = 10_000
_MAX_SECONDS = 15
# 2026-11-20: the source of an edit has at most 8.7 s, that of an extension 2 to 15 s, and an extension adds
# 2 to 10 s (docs.x.ai, video guides; the specification allows more). Other lengths were seen to be accepted
# and to fail afterwards.
_MAX_REMIX_SOURCE_S = 8
_EXTEND_SOURCE_S = range(2, 15 + 1)
_EXTENSION_S = range(2, 10 + 1)

_SIZES = (*sizes_of("720p"), *SIZES_480P, *SIZES_1080P)

_IMAGINE = Model(
    name="grok-imagine-video",
    label="Grok Imagine",
    seconds=(5, 6, 8, 10, 12, 15),
    sizes=(*COMMON_720P, *SIZES_480P),
    # 2026-11-20: a reference image costs $0.002 more (1.5: $0.01), and resellers charge $0.01 for a
    # second of a source; the cost in the answers includes both.
    usd_micros_per_second=dict.fromkeys(COMMON_720P, 70_000) | dict.fromkeys(SIZES_480P, 50_000),
    operations=frozenset({Operation.GENERATE, Operation.REMIX, Operation.EXTEND}),
    takes_image=True,
    has_audio=True,
    prompt_max_chars=4096,
    facts_source="xAI's API specification (a copy) and model pages",
    verified_on=date(2026, 11, 20),
)
_KNOWN_MODELS: Mapping[str, Model] = {
    "grok-imagine-video": _IMAGINE,
    "grok-imagine-video-1.5": replace(
        _IMAGINE,
        name="grok-imagine-video-1.5",
        label="Grok Imagine 1.5",
        sizes=(*COMMON_720P, *SIZES_480P, *SIZES_1080P),
        usd_micros_per_second=dict.fromkeys(COMMON_720P, 140_000)
        | dict.fromkeys(SIZES_480P, 80_000)
        | dict.fromkeys(SIZES_1080P, 250_000),
        operations=frozenset({Operation.GENERATE}),
        facts_source="xAI's API specification (a copy); prices as resellers quote them, to be checked",
    ),
}


class XaiProvider(HttpProvider):
    """A `Provider` for one team at xAI."""

    def __init__(self, account: ProviderAccount) -> None:
        for model in account.models:
            known = _KNOWN_MODELS.get(model.name)
            check_model(
                "XAI_MODELS",
                model,
                sizes=_SIZES if known is None else known.sizes,
                seconds=range(1, _MAX_SECONDS + 1),
                operations=Operation,
            )
        super().__init__(
            account,
            Capabilities(models=account.models, max_concurrent=account.max_concurrent),
        )

    async def check(self) -> str:
        reply = await self._transport.get("api-key")
        with trouble_from("check of the key"):
            fields = object_of(reply.body)
        for flag in ("api_key_blocked", "api_key_disabled", "team_blocked"):
            if fields.get(flag) is True:
                raise ProviderAccountError(f"the key is taken, but {flag} is true")
        return "the key is taken"

    async def _create(self, request: ProviderRequest) -> RenderStatus:
        if request.operation is Operation.GENERATE:
            reply = await self._transport.create_json("videos/generations", await _body(request))
        else:
            reply = await self._create_from_source(request)
        remote_id = id_of(object_of(reply.body), "request_id")
        return RenderStatus(id=remote_id, state=RenderState.QUEUED)

    async def _fetch_render(self, remote_id: str) -> FetchedRender:
        try:
            reply = await self._transport.get(id_path("videos", remote_id))
        except ProviderTroubleError as error:
            if not _is_moderated(error):
                raise
            failure = ModerationError(str(error))
            return FetchedRender(
                status=RenderStatus(id=remote_id, state=RenderState.FAILED, error=failure)
            )
        return self._read_render(remote_id, object_of(reply.body))

    def _read_render(self, remote_id: str, fields: Mapping[str, Any]) -> FetchedRender:
        video = object_of(fields.get("video") or {})
        clip_url = text_or_none(video.get("url")) or None
        word: object = fields.get("status")
        # 2026-11-20: answers for finished renders were seen with a clip and no status.
        state = self._read_state(str(word), _STATES) if word else RenderState.RUNNING
        if word is None and clip_url is not None:
            state = RenderState.READY
        error: ProviderError | None = None
        if video.get("respect_moderation") is False:
            # Comes with the status `done` and an empty address.
            state, error = RenderState.FAILED, ModerationError("respect_moderation")
        elif state is RenderState.FAILED:
            said = error_body.parse_value(fields.get("error"))
            error = render_error(said, f"status {fields.get('status')!r:.40}, no reason")
        remote = RenderStatus(
            id=remote_id,
            state=state,
            progress=_progress(fields.get("progress")),
            error=error,
            cost_usd_micros=_cost(fields.get("usage")),
            model=text_or_none(fields.get("model")),
            seconds=_seconds(video.get("duration")),
        )
        return FetchedRender.of(remote, clip_url)

    async def _create_from_source(self, request: ProviderRequest) -> JsonResponse:
        place = await self._source_url(request)
        body: dict[str, object] = {
            "prompt": request.prompt,
            "model": request.model,
            "video": {"url": place},
        }
        if request.operation is Operation.REMIX:
            return await self._transport.create_from_source("videos/edits", body)
        return await self._transport.create_from_source(
            "videos/extensions", {**body, "duration": request.seconds}
        )

    async def _source_url(self, request: ProviderRequest) -> str:
        """Return the address of the source clip: this API identifies a source by its address."""
        try:
            seen = await self._fetch_render(request.source_remote_id or "")
        except (ProviderTroubleError, UnsupportedError, ValueError) as error:
            # No render was requested yet.
            pause_s = error.retry_after_s if isinstance(error, ProviderTroubleError) else None
            raise NotAcceptedError(f"its source: {error}", retry_after_s=pause_s) from error
        place, seconds = seen.clip_url, seen.status.seconds
        if place is None:
            raise SourceGoneError(f"the source has no clip, state {seen.status.state}")
        if seconds is not None and not _accepts_source(request, seconds):
            raise SourceGoneError(
                f"no {request.operation} of {seconds} s by {request.seconds} s here"
            )
        return place


def _accepts_source(request: ProviderRequest, source_s: int) -> bool:
    if request.operation is Operation.REMIX:
        return source_s <= _MAX_REMIX_SOURCE_S
    return source_s in _EXTEND_SOURCE_S and request.seconds in _EXTENSION_S


async def _body(request: ProviderRequest) -> dict[str, object]:
    words = format_of(request.size, _SIZES)
    # The API ignores unknown field names and uses defaults instead (2026-09-01).
    body: dict[str, object] = {
        "prompt": request.prompt,
        "model": request.model,
        "duration": request.seconds,
        "aspect_ratio": words.aspect_ratio,
        "resolution": words.resolution,
    }
    if request.image is not None:
        body["image"] = {"url": await data_url(request.image)}
    return body


def _is_moderated(error: ProviderTroubleError) -> bool:
    # 2026-11-20: a poll may be answered with 400 and "Generated video rejected by content
    # moderation.", which is final; other 400s come early in a render and pass.
    said = str(error)
    return said.startswith(("400 ", "403 ")) and error_body.ErrorBody(message=said).is_moderation


def _progress(value: object) -> int | None:
    percent = int_or_none(value)
    return None if percent is None else min(max(percent, 0), 100)


def _seconds(value: object) -> int | None:
    """Whole seconds; edits have had lengths such as 8.7."""
    seconds = number_or_none(value)
    return None if seconds is None or not 1 <= seconds <= 3600 else int(seconds)


def _cost(usage: object) -> int | None:
    ticks = int_or_none(object_or_empty(usage).get("cost_in_usd_ticks"), at_least=0)
    return None if ticks is None else -(-ticks // _TICKS_PER_USD_MICRO)


XAI = Vendor(
    name="xai",
    title="xAI (Grok Imagine)",
    prefix="XAI",
    key_variable="XAI_API_KEY",
    base_url="https://api.x.ai/v1",
    known_models=_KNOWN_MODELS,
    default_models="grok-imagine-video; grok-imagine-video-1.5",
    models_example="grok-imagine-video; grok-imagine-video-1.5 label=Grok",
    requests_per_minute=60,
    make_provider=XaiProvider,
    verified="a public copy of its API specification, its Python SDK of 2026-08-18, its guides",
    verified_on=date(2026, 11, 20),
)
