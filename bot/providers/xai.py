"""xAI's Grok Imagine: clips from words and pictures, edits and extensions of its own clips.

2026-11-20: a create answers with a `request_id` alone; the clip comes down from a public, temporary
address on another host. There is no list, cancel, delete, webhook or idempotency key.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any
from urllib.parse import quote

from bot.errors import (
    ModerationError,
    NotAcceptedError,
    ProviderAccountError,
    ProviderError,
    ProviderTroubleError,
    RejectedOrderError,
    RemoteNotFoundError,
    RenderFailedError,
    SettingsError,
    SourceGoneError,
    UnsupportedError,
)
from bot.model import Operation, Size
from bot.providers import api_error
from bot.providers.base import Capabilities, Model, Remote, RemoteState, RenderOrder
from bot.providers.exchange import Reply
from bot.providers.reading import (
    id_of,
    is_usable_id,
    number_or_none,
    object_of,
    object_or_empty,
    text_or_none,
    whole_or_none,
)
from bot.providers.remote_api import RemoteApi, Seen, data_url
from bot.providers.vendor import Account, Vendor
from bot.settings import Secret

_STATES: Mapping[str, RemoteState] = {
    "pending": RemoteState.RUNNING,
    "done": RemoteState.READY,
    "failed": RemoteState.FAILED,
    "expired": RemoteState.FAILED,
}
#: 10^10 ticks are a dollar.
_TICKS_PER_USD_MICRO = 10_000
_LONGEST_S = 15
# 2026-11-20: sources of an edit have 8.7 s at most, of an extension 2 to 15 s, and 2 to 10 s are
# added (docs.x.ai, video guides; the specification allows more). What is longer or shorter has been
# seen to be taken and to fail afterwards.
_EDITED_MAX_S = 8
_EXTENDED_S = range(2, 15 + 1)
_ADDED_S = range(2, 10 + 1)

_LANDSCAPE, _PORTRAIT = Size(width_px=1280, height_px=720), Size(width_px=720, height_px=1280)
_SQUARE = Size(width_px=720, height_px=720)
_SMALL, _SMALL_TALL = Size(width_px=854, height_px=480), Size(width_px=480, height_px=854)
_LARGE, _LARGE_TALL = Size(width_px=1920, height_px=1080), Size(width_px=1080, height_px=1920)
#: What goes over the wire for a size: aspect ratio and resolution.
_SHAPES: Mapping[Size, tuple[str, str]] = {
    _LANDSCAPE: ("16:9", "720p"),
    _PORTRAIT: ("9:16", "720p"),
    _SQUARE: ("1:1", "720p"),
    Size(width_px=960, height_px=720): ("4:3", "720p"),
    Size(width_px=720, height_px=960): ("3:4", "720p"),
    Size(width_px=1080, height_px=720): ("3:2", "720p"),
    Size(width_px=720, height_px=1080): ("2:3", "720p"),
    _SMALL: ("16:9", "480p"),
    _SMALL_TALL: ("9:16", "480p"),
    _LARGE: ("16:9", "1080p"),
    _LARGE_TALL: ("9:16", "1080p"),
}
_720P = (_LANDSCAPE, _PORTRAIT, _SQUARE)
_480P = (_SMALL, _SMALL_TALL)
_1080P = (_LARGE, _LARGE_TALL)

_IMAGINE = Model(
    name="grok-imagine-video",
    label="Grok Imagine",
    seconds=(5, 6, 8, 10, 12, 15),
    sizes=(*_720P, *_480P),
    # 2026-11-20: a reference picture is $0.002 more (1.5: $0.01), and resellers charge $0.01 for a
    # second of a source; the cost that the answers tell includes what is due.
    usd_micros_per_second=dict.fromkeys(_720P, 70_000) | dict.fromkeys(_480P, 50_000),
    operations=frozenset({Operation.GENERATE, Operation.REMIX, Operation.EXTEND}),
    takes_image=True,
    has_audio=True,
    prompt_max_chars=4096,
    source="xAI's API specification (a copy) and model pages",
    verified_on=date(2026, 11, 20),
)
_KNOWN: Mapping[str, Model] = {
    "grok-imagine-video": _IMAGINE,
    "grok-imagine-video-1.5": replace(
        _IMAGINE,
        name="grok-imagine-video-1.5",
        label="Grok Imagine 1.5",
        sizes=(*_720P, *_480P, *_1080P),
        usd_micros_per_second=dict.fromkeys(_720P, 140_000)
        | dict.fromkeys(_480P, 80_000)
        | dict.fromkeys(_1080P, 250_000),
        operations=frozenset({Operation.GENERATE}),
        source="xAI's API specification (a copy); prices as resellers quote them, to be checked",
    ),
}


class XaiProvider(RemoteApi):
    """A `Provider` for one team at xAI."""

    def __init__(self, account: Account) -> None:
        for model in account.models:
            _check(model)
        super().__init__(
            account,
            Capabilities(models=account.models, max_concurrent=account.max_concurrent),
            credentials={"Authorization": Secret(f"Bearer {account.key}")},
        )

    async def check(self) -> str:
        reply = await self._transport.get("api-key")
        try:
            fields = object_of(reply.body)
        except ValueError as error:
            raise ProviderTroubleError(f"the key's page was answered with {error}") from error
        for flag in ("api_key_blocked", "api_key_disabled", "team_blocked"):
            if fields.get(flag) is True:
                raise ProviderAccountError(f"the key is taken, but {flag} is true")
        return "the key is taken"

    async def _create(self, order: RenderOrder) -> Remote:
        if order.operation is Operation.GENERATE:
            reply = await self._transport.create_json("videos/generations", await _body(order))
        else:
            reply = await self._continue(order)
        remote_id = id_of(object_of(reply.body), "request_id")
        return Remote(id=remote_id, state=RemoteState.QUEUED)

    async def _look(self, remote_id: str) -> Seen:
        if not is_usable_id(remote_id):
            raise RemoteNotFoundError(f"not an id of this API: {remote_id[:40]!a}")
        try:
            reply = await self._transport.get(f"videos/{quote(remote_id, safe='')}")
        except ProviderTroubleError as error:
            if not _is_moderated(error):
                raise
            failure = ModerationError(str(error))
            return Seen(remote=Remote(id=remote_id, state=RemoteState.FAILED, error=failure))
        return self._read(remote_id, object_of(reply.body))

    def _read(self, remote_id: str, fields: Mapping[str, Any]) -> Seen:
        video = object_of(fields.get("video") or {})
        place = video.get("url") or None
        word: object = fields.get("status")
        # 2026-11-20: finished renders have come without a status, the clip in its place.
        state = self._known(str(word), _STATES) if word else RemoteState.RUNNING
        if word is None and place is not None:
            state = RemoteState.READY
        error: ProviderError | None = None
        if video.get("respect_moderation") is False:
            # Said with the status `done`, and an address that is empty.
            state, error, place = RemoteState.FAILED, ModerationError("respect_moderation"), None
        elif state is RemoteState.FAILED:
            error = _failure(fields)
        elif state is RemoteState.READY and not isinstance(place, str):
            # Paid for: it is waited for until the deadline rather than given up.
            state, place = RemoteState.RUNNING, None
        remote = Remote(
            id=remote_id,
            state=state,
            progress=_progress(fields.get("progress")),
            error=error,
            cost_usd_micros=_cost(fields.get("usage")),
            model=text_or_none(fields.get("model")),
            seconds=_seconds(video.get("duration")),
        )
        return Seen(remote=remote, place=place if state is RemoteState.READY else None)

    async def _continue(self, order: RenderOrder) -> Reply:
        place = await self._source(order)
        body: dict[str, object] = {
            "prompt": order.prompt,
            "model": order.model,
            "video": {"url": place},
        }
        if order.operation is Operation.REMIX:
            return await self._transport.continue_from("videos/edits", body)
        return await self._transport.continue_from(
            "videos/extensions", {**body, "duration": order.seconds}
        )

    async def _source(self, order: RenderOrder) -> str:
        """Return where the clip is that an order starts from: only addresses name it here."""
        try:
            seen = await self._look(order.source or "")
        except (ProviderTroubleError, UnsupportedError, ValueError) as error:
            # Nothing was ordered yet.
            hint_s = error.retry_after_s if isinstance(error, ProviderTroubleError) else None
            raise NotAcceptedError(f"its source: {error}", retry_after_s=hint_s) from error
        place, seconds = seen.place, seen.remote.seconds
        if place is None:
            raise SourceGoneError(f"the source has no clip, state {seen.remote.state}")
        if seconds is not None and not _is_taken(order, seconds):
            raise SourceGoneError(f"no {order.operation} of {seconds} s by {order.seconds} s here")
        return place


def _is_taken(order: RenderOrder, source_s: int) -> bool:
    if order.operation is Operation.REMIX:
        return source_s <= _EDITED_MAX_S
    return source_s in _EXTENDED_S and order.seconds in _ADDED_S


def _check(model: Model) -> None:
    known = _KNOWN.get(model.name)
    sizes = tuple(_SHAPES) if known is None else known.sizes
    if odd := [str(size) for size in model.sizes if size not in sizes]:
        problem = f"{model.name!r} has no {', '.join(odd)}"
        raise SettingsError("XAI_MODELS", problem, ", ".join(map(str, sizes)))
    if model.seconds[-1] > _LONGEST_S:
        problem = f"{model.name!r} has a length of {model.seconds[-1]} s"
        raise SettingsError("XAI_MODELS", problem, f"1 to {_LONGEST_S} s")


async def _body(order: RenderOrder) -> dict[str, object]:
    shape = _SHAPES.get(order.size)
    if shape is None:
        raise RejectedOrderError(f"no size {order.size} here")
    # Names that are not its own are ignored and defaults taken instead (2026-09-01).
    body: dict[str, object] = {
        "prompt": order.prompt,
        "model": order.model,
        "duration": order.seconds,
        "aspect_ratio": shape[0],
        "resolution": shape[1],
    }
    if order.image is not None:
        body["image"] = {"url": await data_url(order.image)}
    return body


def _is_moderated(error: ProviderTroubleError) -> bool:
    # 2026-11-20: a poll may be answered with 400 and "Generated video rejected by content
    # moderation." for good; other 400s pass, and come early in a render's life.
    said = str(error)
    return said.startswith(("400 ", "403 ")) and api_error.ApiError(message=said).is_moderation


def _failure(fields: Mapping[str, Any]) -> ProviderError:
    said = api_error.read_value(fields.get("error"))
    if said.is_moderation:
        return ModerationError(str(said))
    return RenderFailedError(str(said) or f"status {fields.get('status')!r:.40}, no reason")


def _progress(value: object) -> int | None:
    percent = whole_or_none(value)
    return None if percent is None else min(max(percent, 0), 100)


def _seconds(value: object) -> int | None:
    """Whole seconds; edits have had lengths such as 8.7."""
    seconds = number_or_none(value)
    return None if seconds is None or not 1 <= seconds <= 3600 else int(seconds)


def _cost(usage: object) -> int | None:
    ticks = whole_or_none(object_or_empty(usage).get("cost_in_usd_ticks"), at_least=0)
    return None if ticks is None else -(-ticks // _TICKS_PER_USD_MICRO)


XAI = Vendor(
    name="xai",
    title="xAI (Grok Imagine)",
    prefix="XAI",
    key="XAI_API_KEY",
    base_url="https://api.x.ai/v1",
    known=_KNOWN,
    models="grok-imagine-video; grok-imagine-video-1.5",
    models_example="grok-imagine-video; grok-imagine-video-1.5 label=Grok",
    requests_per_minute=60,
    make=XaiProvider,
    verified="a public copy of its API specification, its Python SDK of 2026-08-18, its guides",
    verified_on=date(2026, 11, 20),
)
