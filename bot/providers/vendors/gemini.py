"""Google's Gemini Omni through the Interactions API: clips, and edits of its own clips.

2026-11-20: a finished interaction has its clip at an address on Google's host, or as base64 within the
answer; Google's guide says that GET may return base64 even where an address was requested. There is no
idempotency key. A request could name a webhook address, but such webhooks are signed with another key
than those of an endpoint that is registered for the project, so requests name none.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

from bot.errors import (
    ModerationError,
    ProviderAccountError,
    ProviderError,
    ProviderTroubleError,
    RemoteNotFoundError,
    SourceGoneError,
    UnsupportedError,
)
from bot.model import Operation
from bot.providers.base import (
    Capabilities,
    Download,
    Model,
    ProviderRequest,
    RenderState,
    RenderStatus,
)
from bot.providers.http import clip_file, error_body
from bot.providers.http.error_mapping import render_error, trouble_from
from bot.providers.http.image_upload import data_url
from bot.providers.http.json_fields import (
    id_of,
    id_path,
    list_or_empty,
    object_of,
    object_or_empty,
    text_or_none,
    url_or_none,
)
from bot.providers.vendors.http_provider import FetchedRender, HttpProvider
from bot.providers.vendors.model_inputs import check_model
from bot.providers.vendors.size_formats import (
    SIZES_360P,
    SIZES_720P,
    SIZES_1080P,
    format_of,
)
from bot.providers.vendors.vendor import ProviderAccount, Vendor
from bot.settings import Secret

_STATES: Mapping[str, RenderState] = {
    "queued": RenderState.QUEUED,
    "in_progress": RenderState.RUNNING,
    "completed": RenderState.READY,
    # It waits for input that the bot never sends.
    "requires_action": RenderState.FAILED,
    "failed": RenderState.FAILED,
    "cancelled": RenderState.FAILED,
    "incomplete": RenderState.FAILED,
    "budget_exceeded": RenderState.FAILED,
}
#: Limit for an answer with a clip in it; base64 makes the clip a third larger.
_RESPONSE_MAX_BYTES = 96 * 1024 * 1024
_MIN_SECONDS = 3
_MAX_EXTENSION_S = 10
_TASKS: Mapping[Operation, str] = {Operation.REMIX: "edit", Operation.EXTEND: "extend"}

#: Without 4k: such a clip within an answer could exceed `_RESPONSE_MAX_BYTES` and be lost though paid.
_SIZES = (*SIZES_720P, *SIZES_360P, *SIZES_1080P)
_OMNI = Model(
    name="gemini-omni-1.1-flash",
    label="Gemini Omni 1.1 Flash",
    seconds=(4, 6, 8, 10),
    sizes=_SIZES,
    # 720p: 5,792 tokens a second at $17.50 a million; the others are the highest prices quoted.
    usd_micros_per_second=dict.fromkeys(SIZES_720P, 101_360)
    | dict.fromkeys(SIZES_360P, 39_000)
    | dict.fromkeys(SIZES_1080P, 195_000),
    # EXTEND is off by default: the model chooses the length of an extension, 3 to 10 s, no source
    # shows that `duration` decides it, and so the price is a guess. `extend=yes` turns it on.
    operations=frozenset({Operation.GENERATE, Operation.REMIX}),
    takes_image=True,
    has_audio=True,
    facts_source="a copy of Google's guide; prices as others quote them, to be checked; an edit also pays"
    " for its source, some $0.009 a second",
    verified_on=date(2026, 11, 20),
)
_KNOWN_MODELS: Mapping[str, Model] = {
    _OMNI.name: _OMNI,
    "gemini-omni-1.2-flash": replace(
        _OMNI,
        name="gemini-omni-1.2-flash",
        label="Gemini Omni 1.2 Flash",
        seconds=(4, 6, 8, 10, 12, 15),
        facts_source="lengths and prices as others quote them for it and for 1.1, to be checked",
    ),
}


class GeminiProvider(HttpProvider):
    """A `Provider` for one project at the Gemini API."""

    def __init__(self, account: ProviderAccount) -> None:
        for model in account.models:
            known = _KNOWN_MODELS.get(model.name, _KNOWN_MODELS["gemini-omni-1.2-flash"])
            lengths = range(_MIN_SECONDS, known.seconds[-1] + 1)
            check_model("GEMINI_MODELS", model, sizes=_SIZES, seconds=lengths, operations=Operation)
        super().__init__(
            account,
            Capabilities(
                models=account.models,
                max_concurrent=account.max_concurrent,
                typical_first_poll_s=30.0,
                can_cancel=True,
                can_delete=True,
            ),
            credentials={"x-goog-api-key": Secret(account.api_key_text)},
        )

    async def download(self, remote_id: str, target: Path, *, max_bytes: int) -> Download:
        try:
            found = _video(await self._fetch_interaction(remote_id))
        except (UnsupportedError, ValueError) as error:
            raise ProviderTroubleError(f"no address of the clip: {error}") from error
        content = None if found is None else text_or_none(found.get("data"))
        if content:
            return await clip_file.save_base64(content, target, max_bytes=max_bytes)
        return await super().download(remote_id, target, max_bytes=max_bytes)

    async def cancel(self, remote_id: str) -> bool:
        refused: ProviderError | None = None
        try:
            await self._transport.send_idempotent(
                "POST", f"{id_path('interactions', remote_id)}/cancel"
            )
        except RemoteNotFoundError:
            return False
        except (ProviderTroubleError, UnsupportedError) as error:
            refused = error  # it also refuses to cancel a finished one
        try:
            with trouble_from("state", UnsupportedError):
                fields = await self._fetch_interaction(remote_id)
        except RemoteNotFoundError:
            return False
        word = str(fields.get("status"))
        if word == "cancelled":
            # Google charges for tokens.
            return not _has_video_tokens(fields)
        if self._read_state(word, _STATES) in (RenderState.READY, RenderState.FAILED):
            return False
        raise ProviderTroubleError(f"asked to stop, and still {word[:40]}") from refused

    async def delete(self, remote_id: str) -> bool:
        return await self._delete(id_path("interactions", remote_id))

    async def check(self) -> str:
        await self._transport.get("models", {"pageSize": "1"})
        return "the key is taken"

    async def _create(self, request: ProviderRequest) -> RenderStatus:
        body: dict[str, object] = {
            "model": request.model,
            "input": await _input(request),
            "background": True,
            # Without this there is nothing to poll or to edit later.
            "store": True,
            "response_format": _response_format(request),
            "generation_config": {"video_config": {"task": _task(request)}},
        }
        if request.operation is Operation.GENERATE:
            reply = await self._transport.create_json("interactions", body)
        else:
            if request.operation is Operation.EXTEND and request.seconds > _MAX_EXTENSION_S:
                raise SourceGoneError(f"no extension by {request.seconds} s here")
            body["previous_interaction_id"] = request.source_remote_id
            reply = await self._transport.create_from_source("interactions", body)
        return RenderStatus(id=id_of(object_of(reply.body)), state=RenderState.QUEUED)

    async def _fetch_render(self, remote_id: str) -> FetchedRender:
        fields = await self._fetch_interaction(remote_id)
        word = str(fields.get("status"))
        state = self._read_state(word, _STATES)
        error = _failure(word, fields) if state is RenderState.FAILED else None
        found = _video(fields) if state is RenderState.READY else None
        if state is RenderState.READY and found is None:
            state, error = _without_video(fields)
        model = text_or_none(fields.get("model"))
        remote = RenderStatus(id=remote_id, state=state, error=error, model=model)
        return FetchedRender(
            status=remote, clip_url=None if found is None else self._clip_url(found)
        )

    async def _fetch_interaction(self, remote_id: str) -> Mapping[str, Any]:
        """Return an interaction; raises as `_fetch_render`."""
        reply = await self._transport.get(
            id_path("interactions", remote_id), max_bytes=_RESPONSE_MAX_BYTES
        )
        return object_of(reply.body)

    def _clip_url(self, video: Mapping[str, Any]) -> str | None:
        """Return the address of a clip; None for a clip within the answer."""
        uri = url_or_none(video.get("uri"))
        if uri is None:
            return None
        there, here = urlsplit(uri), urlsplit(self._account.base_url)
        # Without `alt`, Google's host answers with metadata of the file.
        if there.netloc != here.netloc or "alt" in parse_qs(there.query):
            return uri
        return f"{uri}{'&' if there.query else '?'}alt=media"


def _task(request: ProviderRequest) -> str:
    usual = "text_to_video" if request.image is None else "image_to_video"
    return _TASKS.get(request.operation, usual)


async def _input(request: ProviderRequest) -> list[dict[str, str]]:
    words = {"type": "text", "text": request.prompt}
    if request.image is None:
        return [words]
    head, _, content = (await data_url(request.image)).partition(";base64,")
    image = {"type": "image", "data": content, "mime_type": head.removeprefix("data:")}
    return [image, words]


def _response_format(request: ProviderRequest) -> dict[str, str]:
    """Return the format of the clip; edits and extensions keep that of their source."""
    wanted = {"type": "video", "delivery": "uri"}
    if request.operation is Operation.GENERATE:
        words = format_of(request.size, _SIZES)
        wanted |= {"aspect_ratio": words.aspect_ratio, "resolution": words.resolution}
    if request.operation is not Operation.REMIX:
        wanted["duration"] = f"{request.seconds}s"
    return wanted


def _output_contents(fields: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the outputs of the model."""
    for step in _objects(fields.get("steps")):
        if step.get("type") == "model_output":
            yield from _objects(step.get("content"))


def _video(fields: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the clip of an interaction: its address or its content."""
    for each in _output_contents(fields):
        if each.get("type") == "video" and (each.get("uri") or each.get("data")):
            return each
    return None


def _without_video(fields: Mapping[str, Any]) -> tuple[RenderState, ProviderError | None]:
    """Return state and error of a completed interaction without a clip."""
    texts = (
        str(each.get("text") or "")
        for each in _output_contents(fields)
        if each.get("type") == "text"
    )
    said = error_body.parse_value(" ".join(filter(None, texts)))
    if str(said) and not _has_video_tokens(fields):
        # 2026-11-20: this is how it refuses content (a third party's recordings).
        return RenderState.FAILED, ModerationError(f"text instead of a clip: {said}")
    # It was charged, so the bot waits for the clip until the deadline.
    return RenderState.RUNNING, None


def _has_video_tokens(fields: Mapping[str, Any]) -> bool:
    told = object_or_empty(fields.get("usage"))
    return any(
        str(each.get("modality")).lower() == "video" and bool(each.get("tokens"))
        for each in _objects(told.get("output_tokens_by_modality"))
    )


def _failure(word: str, fields: Mapping[str, Any]) -> ProviderError:
    said = error_body.parse_value(fields.get("error"))
    reason = text_or_none(fields.get("finish_reason"))
    if reason is not None and not said.code:
        said = replace(said, code=reason[:60])
    if not said.is_moderation and (said.is_account or word == "budget_exceeded"):
        return ProviderAccountError(f"{word} {said}".strip())
    return render_error(said, f"{word[:40]}, no reason")


def _objects(value: object) -> Iterator[Mapping[str, Any]]:
    for item in list_or_empty(value):
        if isinstance(item, dict):
            yield cast("dict[str, Any]", item)


GEMINI = Vendor(
    name="gemini",
    title="Google Gemini Omni",
    prefix="GEMINI",
    key_variable="GEMINI_API_KEY",
    base_url="https://generativelanguage.googleapis.com/v1beta",
    known_models=_KNOWN_MODELS,
    default_models=_OMNI.name,
    models_example="gemini-omni-1.1-flash seconds=5,10 sizes=1280x720; gemini-omni-1.2-flash",
    has_webhook_secret=True,
    make_provider=GeminiProvider,
    verified="its Python SDK's types of 2026-08-21, a copy of its guide to Omni, a third party's"
    " recordings. Not: prices, how long an extension gets, whether a cancelled clip is charged",
    verified_on=date(2026, 11, 20),
)
