"""fal's queue: any video model that it hosts, by the path of its page.

2026-11-20: submit, status and result are addresses of their own; a request is named by its app and
its id, and a failed one is `COMPLETED` like any other: the status of its RESULT tells. There is no
list, delete or idempotency key. The platform tries a request again by itself when a runner was lost
(X-Fal-No-Retry would forbid it, and is not sent: only a successful output is charged).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any
from urllib.parse import quote

from bot.errors import (
    ModerationError,
    ProviderError,
    ProviderTroubleError,
    RejectedOrderError,
    RemoteNotFoundError,
    RenderFailedError,
    SettingsError,
)
from bot.model import Operation, Size
from bot.providers import api_error, refusal
from bot.providers.base import Capabilities, Model, Remote, RemoteState, RenderOrder
from bot.providers.reading import address_or_none, id_of, list_or_empty, object_of, object_or_empty
from bot.providers.remote_api import RemoteApi, Seen, data_url
from bot.providers.vendor import Account, Vendor
from bot.settings import Secret

_STATES: Mapping[str, RemoteState] = {
    "IN_QUEUE": RemoteState.QUEUED,
    "IN_PROGRESS": RemoteState.RUNNING,
    "COMPLETED": RemoteState.READY,
}
_MODEL = re.compile(r"[A-Za-z0-9_][\w.-]*(/[A-Za-z0-9_][\w.-]*)+")
_REQUEST = re.compile(r"[A-Za-z0-9_-]{1,128}")
_NOBODYS = "00000000-0000-0000-0000-000000000000"
#: Refusals of a result that say nothing of the render, which may come up on a second try.
_PASSING = frozenset({408, 409, 425, 429})
#: A result that is asked for too early is refused with 400: the status may be ahead of it.
_EARLY = re.compile(r"\b(still|not yet|in progress|in queue)\b", re.IGNORECASE)
#: How the platform itself begins when a render came to nothing, with a status of 500 or more.
_PLATFORM_GAVE_UP = re.compile(
    r"(runner_|startup_timeout|request_timeout|generation_timeout|internal_server_error"
    r"|downstream_service_(error|unavailable))"
)
# Clips are at public addresses, and deletion is no call here. The bot takes a clip down at once.
_KEPT_S = 3 * 24 * 3600

_LANDSCAPE, _PORTRAIT = Size(width_px=1280, height_px=720), Size(width_px=720, height_px=1280)
_LARGE, _LARGE_TALL = Size(width_px=1920, height_px=1080), Size(width_px=1080, height_px=1920)
_SMALL, _SMALL_TALL = Size(width_px=854, height_px=480), Size(width_px=480, height_px=854)
#: What goes over the wire for a size: aspect ratio and resolution.
_SHAPES: Mapping[Size, tuple[str, str]] = {
    _LANDSCAPE: ("16:9", "720p"),
    _PORTRAIT: ("9:16", "720p"),
    Size(width_px=720, height_px=720): ("1:1", "720p"),
    _LARGE: ("16:9", "1080p"),
    _LARGE_TALL: ("9:16", "1080p"),
    Size(width_px=1080, height_px=1080): ("1:1", "1080p"),
    _SMALL: ("16:9", "480p"),
    _SMALL_TALL: ("9:16", "480p"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Family:
    """How the models below one path take an order: each model at fal has fields of its own."""

    #: What their paths begin with.
    path: str
    #: The field of the first frame.
    image: str = "image_url"
    #: What follows the number in `duration`, which is text.
    duration_unit: str = ""
    #: Resolutions that they make.
    resolutions: frozenset[str] = frozenset({"480p", "720p", "1080p"})
    #: Whether they take `resolution`; otherwise the path alone decides it.
    has_resolution: bool = True
    #: Whether `aspect_ratio` goes along with a picture; otherwise the picture decides it.
    shapes_image: bool = True
    has_audio: bool = False
    has_seed: bool = False
    seconds: range = range(1, 61)


# 2026-11-20, the first match counts: pages of the models as clients and catalogues on GitHub show
# them in 2026; Kling's image-to-video inherits the aspect from the picture.
_KLING = _Family(
    path="fal-ai/kling-video/v3/pro/",
    image="start_image_url",
    resolutions=frozenset({"1080p"}),
    has_resolution=False,
    shapes_image=False,
    has_audio=True,
    seconds=range(3, 16),
)
_SEEDANCE = _Family(
    path="bytedance/seedance-2.0/", has_audio=True, has_seed=True, seconds=range(4, 16)
)
_FAMILIES = (
    _KLING,
    replace(_KLING, path="fal-ai/kling-video/v3/standard/", resolutions=frozenset({"720p"})),
    replace(
        _SEEDANCE, path="bytedance/seedance-2.0/fast/", resolutions=frozenset({"480p", "720p"})
    ),
    _SEEDANCE,
    _Family(
        path="fal-ai/veo3.1",
        duration_unit="s",
        resolutions=frozenset({"720p", "1080p"}),
        has_audio=True,
        has_seed=True,
        seconds=range(4, 9, 2),
    ),
    #: What most models take; a model that does not, refuses the order or ignores the field.
    _Family(path=""),
)

_DOUBT = "fields after clients of 2026; the price as others quote it, not fal's page: to be checked"
_SEEDANCE_2 = Model(
    name="bytedance/seedance-2.0/text-to-video",
    label="Seedance 2.0",
    seconds=(5, 8, 10, 12, 15),
    sizes=(_LANDSCAPE, _PORTRAIT),
    usd_micros_per_second=dict.fromkeys((_LANDSCAPE, _PORTRAIT), 304_000),
    takes_image=True,
    source=_DOUBT,
    verified_on=date(2026, 11, 20),
)
_MODELS = (
    _SEEDANCE_2,
    replace(
        _SEEDANCE_2,
        name="bytedance/seedance-2.0/fast/text-to-video",
        label="Seedance 2.0 Fast",
        usd_micros_per_second=dict.fromkeys((_LANDSCAPE, _PORTRAIT), 242_000),
    ),
    replace(
        _SEEDANCE_2,
        name="fal-ai/kling-video/v3/standard/text-to-video",
        label="Kling 3",
        seconds=(5, 8, 10, 15),
        usd_micros_per_second=dict.fromkeys((_LANDSCAPE, _PORTRAIT), 126_000),
        prompt_max_chars=2500,
    ),
    replace(
        _SEEDANCE_2,
        name="fal-ai/kling-video/v3/pro/text-to-video",
        label="Kling 3 Pro",
        seconds=(5, 8, 10, 15),
        sizes=(_LARGE, _LARGE_TALL),
        usd_micros_per_second=dict.fromkeys((_LARGE, _LARGE_TALL), 168_000),
        prompt_max_chars=2500,
    ),
)


class FalProvider(RemoteApi):
    """A `Provider` for one account at fal; its ids are `<app>/<request id>`."""

    def __init__(self, account: Account) -> None:
        for model in account.models:
            _check(model)
        url = account.webhook_url or ""
        self._callback_url = url if url.startswith("https://") else None
        keeping = json.dumps({"expiration_duration_seconds": _KEPT_S})
        super().__init__(
            account,
            Capabilities(
                models=account.models,
                max_concurrent=account.max_concurrent,
                typical_first_poll_s=20.0,
                can_cancel=True,
                has_webhook=self._callback_url is not None,
            ),
            credentials={"Authorization": Secret(f"Key {account.key}")},
            headers={"X-Fal-Object-Lifecycle-Preference": keeping},
        )
        self._audible = {model.name for model in account.models if model.has_audio}

    async def cancel(self, remote_id: str) -> bool:
        # 2026-11-20: what is queued is removed; a runner is only asked to stop, and may finish.
        asked = True
        try:
            await self._transport.command("PUT", f"{_place(remote_id)}/cancel")
        except RemoteNotFoundError:
            return False
        except ProviderTroubleError:
            asked = False  # also the 400 of a request that is completed: its result tells
        try:
            remote = (await self._look(remote_id)).remote
        except RemoteNotFoundError:
            return asked
        except ValueError as error:
            raise ProviderTroubleError(f"the state was answered with {error}") from error
        if remote.state in (RemoteState.READY, RemoteState.FAILED):
            return remote.state is RemoteState.FAILED
        raise ProviderTroubleError("asked to stop, and still on its way")

    async def check(self) -> str:
        app = "/".join(self._account.models[0].name.split("/")[:2])
        try:
            await self._look(f"{app}/{_NOBODYS}")
        except (RemoteNotFoundError, ValueError):
            return "the key is taken"
        return "it answers"

    async def _create(self, order: RenderOrder) -> Remote:
        path, body = await _request(order, with_audio=order.model in self._audible)
        if self._callback_url is not None:
            path = f"{path}?fal_webhook={quote(self._callback_url, safe='')}"
        fields = object_of((await self._transport.create_json(path, body)).body)
        request_id = id_of(fields, "request_id", _REQUEST)
        app = self._app(fields.get("response_url"), request_id)
        # Documented: all but the submit live below owner and app alone.
        app = app or "/".join(order.model.split("/")[:2])
        return Remote(id=f"{app}/{request_id}", state=RemoteState.QUEUED)

    def _app(self, address: object, request_id: str) -> str | None:
        """Return the app that an address of a result names, if it is one of this API's own."""
        home, end = f"{self._account.base_url}/", f"/requests/{request_id}"
        if not isinstance(address, str) or not (address.startswith(home) and address.endswith(end)):
            return None
        app = address.removeprefix(home).removesuffix(end)
        return app if _MODEL.fullmatch(app) else None

    async def _look(self, remote_id: str) -> Seen:
        place = _place(remote_id)
        fields = object_of((await self._transport.get(f"{place}/status")).body)
        state = self._known(str(fields.get("status")), _STATES)
        if state is not RemoteState.READY:
            return Seen(remote=Remote(id=remote_id, state=state))
        if fields.get("error"):
            said = api_error.read_value(fields)
            return _failed(remote_id, str(said), is_moderation=said.is_moderation)
        try:
            result = object_of((await self._transport.get(place)).body)
        except ProviderTroubleError as trouble:
            words = _why_failed(trouble)
            if words is None:
                raise
            is_moderation = api_error.ApiError(message=words).is_moderation
            return _failed(remote_id, words, is_moderation=is_moderation)
        clip = _clip(result)
        # Paid for: what has no address yet is waited for until the deadline rather than given up.
        state = RemoteState.RUNNING if clip is None else RemoteState.READY
        return Seen(remote=Remote(id=remote_id, state=state), place=clip)


def _check(model: Model) -> None:
    if _MODEL.fullmatch(model.name) is None:
        problem = f"{model.name!r} is no path of a model"
        raise SettingsError("FAL_MODELS", problem, "such as fal-ai/veo3.1")
    if model.operations - {Operation.GENERATE}:
        raise SettingsError("FAL_MODELS", f"{model.name!r} can't remix or extend", "neither")
    family = _family(model.name)
    shapes = {size for size, (_, made) in _SHAPES.items() if made in family.resolutions}
    if odd := [str(size) for size in model.sizes if size not in shapes]:
        problem = f"{model.name!r} has no {', '.join(odd)}"
        raise SettingsError("FAL_MODELS", problem, ", ".join(sorted(map(str, shapes))))
    if odd := [str(seconds) for seconds in model.seconds if seconds not in family.seconds]:
        problem = f"{model.name!r} makes no {', '.join(odd)} s"
        raise SettingsError("FAL_MODELS", problem, f"{', '.join(map(str, family.seconds))} s")


def _family(model: str) -> _Family:
    return next(family for family in _FAMILIES if model.startswith(family.path))


async def _request(order: RenderOrder, *, with_audio: bool) -> tuple[str, dict[str, object]]:
    """Return the path and the body of a submit."""
    family, shape = _family(order.model), _SHAPES.get(order.size)
    if shape is None:
        raise RejectedOrderError(f"no size {order.size} here")
    body: dict[str, object] = {
        "prompt": order.prompt,
        "duration": f"{order.seconds}{family.duration_unit}",
    }
    if order.image is None or family.shapes_image:
        body["aspect_ratio"] = shape[0]
    if family.has_resolution:
        body["resolution"] = shape[1]
    if family.has_audio:
        body["generate_audio"] = with_audio
    if family.has_seed:
        body["seed"] = order.seed
    if order.image is None:
        return order.model, body
    body[family.image] = await data_url(order.image)
    return f"{order.model.removesuffix('/text-to-video')}/image-to-video", body


def _place(remote_id: str) -> str:
    app, _, request_id = remote_id.rpartition("/")
    if _MODEL.fullmatch(app) is None or _REQUEST.fullmatch(request_id) is None:
        raise RemoteNotFoundError(f"not an id of this API: {remote_id[:40]!a}")
    return f"{app}/requests/{request_id}"


def _why_failed(trouble: ProviderTroubleError) -> str | None:
    """Return what a result says of a render that failed; None for trouble that passes."""
    answer = refusal.answer_of(trouble)
    if answer is None or answer[0] in _PASSING:
        return None
    status, words = answer
    if status == 400 and _EARLY.search(words):
        return None
    return words if status < 500 or _PLATFORM_GAVE_UP.match(words) else None


def _failed(remote_id: str, words: str, *, is_moderation: bool) -> Seen:
    error: ProviderError = ModerationError(words) if is_moderation else RenderFailedError(words)
    return Seen(remote=Remote(id=remote_id, state=RemoteState.FAILED, error=error))


def _clip(result: Mapping[str, Any]) -> str | None:
    """Return the address of the clip in a result: `{video: {url}}`, seldom a list of such."""
    found: object = result.get("video") or result.get("videos")
    listed = list_or_empty(found)
    first = listed[0] if listed else found
    return address_or_none(first) or address_or_none(object_or_empty(first).get("url"))


FAL = Vendor(
    name="fal",
    title="fal",
    prefix="FAL",
    key="FAL_KEY",
    base_url="https://queue.fal.run",
    known={model.name: model for model in _MODELS},
    models="; ".join(model.name for model in _MODELS),
    models_example="fal-ai/veo3.1 seconds=4,6,8 sizes=1280x720 usd_per_second=0.40 image=yes audio=yes",
    make=FalProvider,
    verified="its Python client of 2026-08-21 (queue) and its documentation (failures, cancel,"
    " prices); fields of models after other clients. Not: billing of a cancelled request",
    verified_on=date(2026, 11, 20),
)
