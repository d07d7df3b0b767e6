"""fal's queue: any video model that it hosts, by the path of its page.

2026-11-20: submit, status and result have separate addresses; a request is identified by its app and its
id. A failed request is `COMPLETED` too: the HTTP status of its result tells that it failed. There is no
list, delete or idempotency key. The platform retries a request whose runner was lost. X-Fal-No-Retry would
prevent that and is not sent, since only a successful output is charged.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any
from urllib.parse import quote

from bot.errors import ProviderTroubleError, RemoteNotFoundError, SettingsError
from bot.model import Size
from bot.providers.base import Capabilities, Model, ProviderRequest, RenderState, RenderStatus
from bot.providers.http import error_body, error_mapping
from bot.providers.http.image_upload import data_url
from bot.providers.http.json_fields import (
    first_of,
    id_of,
    object_of,
    object_or_empty,
    unknown_id_error,
    url_or_none,
)
from bot.providers.vendors.http_provider import UNUSED_ID, FetchedRender, HttpProvider
from bot.providers.vendors.model_inputs import ModelInputs, check_inputs
from bot.providers.vendors.size_formats import (
    COMMON_720P,
    COMMON_1080P,
    COMMON_SIZES,
    SIZES_480P,
    SIZES_720P,
    SIZES_1080P,
    format_of,
)
from bot.providers.vendors.vendor import ProviderAccount, Vendor
from bot.settings import Secret

_STATES: Mapping[str, RenderState] = {
    "IN_QUEUE": RenderState.QUEUED,
    "IN_PROGRESS": RenderState.RUNNING,
    "COMPLETED": RenderState.READY,
}
_MODEL = re.compile(r"[A-Za-z0-9_][\w.-]*(/[A-Za-z0-9_][\w.-]*)+")
_REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
#: Errors of a result that may pass and say nothing about the render.
_TRANSIENT_STATUSES = frozenset({408, 409, 425, 429})
#: A result that is fetched too early is refused with 400: the status can be ahead of the result.
_NOT_READY_YET = re.compile(r"\b(still|not yet|in progress|in queue)\b", re.IGNORECASE)
#: How error messages of the platform begin when a render failed, with a status of 500 or more.
_PLATFORM_GAVE_UP = re.compile(
    r"(runner_|startup_timeout|request_timeout|generation_timeout|internal_server_error"
    r"|downstream_service_(error|unavailable))"
)
# Clips are at public addresses and there is no delete, so they expire after three days. The bot
# downloads clips as soon as they are ready.
_REMOTE_RETENTION_S = 3 * 24 * 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class _ModelFamily(ModelInputs):
    """What the models whose paths begin with `path` take: each model at fal has its own fields."""

    path: str
    sizes: tuple[Size, ...] = COMMON_SIZES
    image_field: str = "image_url"


# The first match counts. 2026-11-20: the models' pages as clients and catalogues on GitHub quote them in
# 2026; Kling's image-to-video takes the aspect ratio from the image.
_KLING = _ModelFamily(
    path="fal-ai/kling-video/v3/pro/",
    image_field="start_image_url",
    sizes=COMMON_1080P,
    has_resolution=False,
    aspect_ratio_with_image=False,
    has_audio=True,
    seconds=range(3, 16),
)
_SEEDANCE = _ModelFamily(
    path="bytedance/seedance-2.0/", has_audio=True, has_seed=True, seconds=range(4, 16)
)
_FAMILIES = (
    _KLING,
    replace(_KLING, path="fal-ai/kling-video/v3/standard/", sizes=COMMON_720P),
    replace(_SEEDANCE, path="bytedance/seedance-2.0/fast/", sizes=(*COMMON_720P, *SIZES_480P)),
    _SEEDANCE,
    _ModelFamily(
        path="fal-ai/veo3.1",
        duration_unit="s",
        sizes=(*COMMON_720P, *COMMON_1080P),
        has_audio=True,
        has_seed=True,
        seconds=range(4, 9, 2),
    ),
    #: What most models take; others reject the request or ignore the field.
    _ModelFamily(path=""),
)

_UNVERIFIED_SOURCE = (
    "fields after clients of 2026; the price as others quote it, not fal's page: to be checked"
)
_SEEDANCE_2 = Model(
    name="bytedance/seedance-2.0/text-to-video",
    label="Seedance 2.0",
    seconds=(5, 8, 10, 12, 15),
    sizes=SIZES_720P,
    usd_micros_per_second=dict.fromkeys(SIZES_720P, 304_000),
    takes_image=True,
    facts_source=_UNVERIFIED_SOURCE,
    verified_on=date(2026, 11, 20),
)
_MODELS = (
    _SEEDANCE_2,
    replace(
        _SEEDANCE_2,
        name="bytedance/seedance-2.0/fast/text-to-video",
        label="Seedance 2.0 Fast",
        usd_micros_per_second=dict.fromkeys(SIZES_720P, 242_000),
    ),
    *(
        replace(
            _SEEDANCE_2,
            name=f"fal-ai/kling-video/v3/{tier}/text-to-video",
            label=label,
            seconds=(5, 8, 10, 15),
            sizes=sizes,
            usd_micros_per_second=dict.fromkeys(sizes, usd_micros),
            prompt_max_chars=2500,
        )
        for tier, label, sizes, usd_micros in (
            ("standard", "Kling 3", SIZES_720P, 126_000),
            ("pro", "Kling 3 Pro", SIZES_1080P, 168_000),
        )
    ),
)


class FalProvider(HttpProvider):
    """A `Provider` for one account at fal; its ids are `<app>/<request id>`."""

    def __init__(self, account: ProviderAccount) -> None:
        for model in account.models:
            if _MODEL.fullmatch(model.name) is None:
                problem = f"{model.name!r} is no path of a model"
                raise SettingsError("FAL_MODELS", problem, "such as fal-ai/veo3.1")
        check_inputs("FAL_MODELS", account, _family)
        self._callback_url = account.https_webhook_url
        lifecycle = json.dumps({"expiration_duration_seconds": _REMOTE_RETENTION_S})
        super().__init__(
            account,
            Capabilities(
                models=account.models,
                max_concurrent=account.max_concurrent,
                typical_first_poll_s=20.0,
                can_cancel=True,
                has_webhook=self._callback_url is not None,
            ),
            credentials={"Authorization": Secret(f"Key {account.api_key_text}")},
            headers={"X-Fal-Object-Lifecycle-Preference": lifecycle},
        )

    async def cancel(self, remote_id: str) -> bool:
        # 2026-11-20: a queued request is removed; a running one is only asked to stop and may finish.
        asked = True
        try:
            await self._transport.send_idempotent("PUT", f"{_request_path(remote_id)}/cancel")
        except RemoteNotFoundError:
            return False
        except ProviderTroubleError:
            asked = False  # also a 400 for a completed request; the render tells
        try:
            with error_mapping.trouble_from("state"):
                remote = (await self._fetch_render(remote_id)).status
        except RemoteNotFoundError:
            return asked
        if remote.state in (RenderState.READY, RenderState.FAILED):
            return remote.state is RenderState.FAILED
        raise ProviderTroubleError("asked to stop, and still on its way")

    async def check(self) -> str:
        app = "/".join(self._account.models[0].name.split("/")[:2])
        return await self._check_by_id(f"{app}/{UNUSED_ID}")

    async def _create(self, request: ProviderRequest) -> RenderStatus:
        path, body = await _build_body(request, self._account)
        if self._callback_url is not None:
            path = f"{path}?fal_webhook={quote(self._callback_url, safe='')}"
        fields = object_of((await self._transport.create_json(path, body)).body)
        request_id = id_of(fields, "request_id", _REQUEST_ID)
        app = self._app(fields.get("response_url"), request_id)
        # Documented: all calls but the submit are below `owner/app`.
        app = app or "/".join(request.model.split("/")[:2])
        return RenderStatus(id=f"{app}/{request_id}", state=RenderState.QUEUED)

    def _app(self, address: object, request_id: str) -> str | None:
        """Return the app in the address of a result; None for an address on another host."""
        home, end = f"{self._account.base_url}/", f"/requests/{request_id}"
        if not isinstance(address, str) or not (address.startswith(home) and address.endswith(end)):
            return None
        app = address.removeprefix(home).removesuffix(end)
        return app if _MODEL.fullmatch(app) else None

    async def _fetch_render(self, remote_id: str) -> FetchedRender:
        place = _request_path(remote_id)
        fields = object_of((await self._transport.get(f"{place}/status")).body)
        state = self._read_state(str(fields.get("status")), _STATES)
        if state is not RenderState.READY:
            return FetchedRender(status=RenderStatus(id=remote_id, state=state))
        if fields.get("error"):
            return _failed_render(remote_id, error_body.parse_value(fields))
        try:
            result = object_of((await self._transport.get(place)).body)
        except ProviderTroubleError as trouble:
            words = _failure_words(trouble)
            if words is None:
                raise
            return _failed_render(remote_id, error_body.ErrorBody(message=words))
        return FetchedRender.of(RenderStatus(id=remote_id, state=state), _clip_url(result))


def _family(model: str) -> _ModelFamily:
    return next(family for family in _FAMILIES if model.startswith(family.path))


async def _build_body(
    request: ProviderRequest, account: ProviderAccount
) -> tuple[str, dict[str, object]]:
    """Return the path and the body of a submit."""
    family = _family(request.model)
    words = format_of(request.size, COMMON_SIZES)
    body: dict[str, object] = {
        "prompt": request.prompt,
        "duration": f"{request.seconds}{family.duration_unit}",
    }
    if request.image is None or family.aspect_ratio_with_image:
        body["aspect_ratio"] = words.aspect_ratio
    if family.has_resolution:
        body["resolution"] = words.resolution
    body |= family.audio_and_seed(request, account)
    if request.image is None:
        return request.model, body
    body[family.image_field] = await data_url(request.image)
    return f"{request.model.removesuffix('/text-to-video')}/image-to-video", body


def _request_path(remote_id: str) -> str:
    app, _, request_id = remote_id.rpartition("/")
    if _MODEL.fullmatch(app) is None or _REQUEST_ID.fullmatch(request_id) is None:
        raise unknown_id_error(remote_id)
    return f"{app}/requests/{request_id}"


def _failure_words(trouble: ProviderTroubleError) -> str | None:
    """Return the message of a result that says the render failed; None for other errors."""
    answer = error_mapping.response_behind(trouble)
    if answer is None or answer[0] in _TRANSIENT_STATUSES:
        return None
    status, words = answer
    if status == 400 and _NOT_READY_YET.search(words):
        return None
    return words if status < 500 or _PLATFORM_GAVE_UP.match(words) else None


def _failed_render(remote_id: str, said: error_body.ErrorBody) -> FetchedRender:
    error = error_mapping.render_error(said, "no reason")
    return FetchedRender(status=RenderStatus(id=remote_id, state=RenderState.FAILED, error=error))


def _clip_url(result: Mapping[str, Any]) -> str | None:
    """Return the clip's address in a result: `{video: {url}}`, rarely a list of these."""
    first = first_of(result.get("video") or result.get("videos"))
    return url_or_none(first) or url_or_none(object_or_empty(first).get("url"))


FAL = Vendor(
    name="fal",
    title="fal",
    prefix="FAL",
    key_variable="FAL_KEY",
    base_url="https://queue.fal.run",
    known_models={model.name: model for model in _MODELS},
    default_models="; ".join(model.name for model in _MODELS),
    models_example="fal-ai/veo3.1 seconds=4,6,8 sizes=1280x720 usd_per_second=0.40 image=yes audio=yes",
    make_provider=FalProvider,
    verified="its Python client of 2026-08-21 (queue) and its documentation (failures, cancel,"
    " prices); fields of models after other clients. Not: billing of a cancelled request",
    verified_on=date(2026, 11, 20),
)
