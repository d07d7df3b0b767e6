"""Runway: its own models and those that it resells, as tasks.

2026-11-20: the answer to a create has only an `id`. DELETE stops a task and removes a finished one.
There is no list, webhook or idempotency key.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from bot.errors import ProviderError, ProviderRejectedError, RemoteNotFoundError
from bot.providers.base import Capabilities, Model, ProviderRequest, RenderState, RenderStatus
from bot.providers.http import error_body
from bot.providers.http.error_mapping import render_error, trouble_from
from bot.providers.http.image_upload import data_url
from bot.providers.http.json_fields import (
    datetime_or_none,
    first_of,
    id_of,
    id_path,
    int_or_none,
    number_or_none,
    object_of,
    url_or_none,
)
from bot.providers.vendors.http_provider import FetchedRender, HttpProvider
from bot.providers.vendors.model_inputs import ModelInputs, check_inputs
from bot.providers.vendors.size_formats import SIZES_720P, SIZES_1080P
from bot.providers.vendors.vendor import ProviderAccount, Vendor

_VERSION = "2024-11-06"
_STATES: Mapping[str, RenderState] = {
    "PENDING": RenderState.QUEUED,
    # The account has too many running tasks: this one was accepted and waits.
    "THROTTLED": RenderState.QUEUED,
    "RUNNING": RenderState.RUNNING,
    "SUCCEEDED": RenderState.READY,
    "FAILED": RenderState.FAILED,
    "CANCELLED": RenderState.FAILED,
}
_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
#: Its documentation asks for at most one poll every five seconds.
_POLL_AFTER_S = 5.0
#: Limit for an image within the request, as a data: address.
_IMAGE_MAX_CHARS = 5 * 1024 * 1024

_VEO = ModelInputs(has_audio=True, sizes=(*SIZES_720P, *SIZES_1080P), seconds=range(4, 9, 2))
_KNOWN_INPUTS: Mapping[str, ModelInputs] = {
    "gen4.5": ModelInputs(has_seed=True, sizes=SIZES_720P, seconds=range(2, 11)),
    "veo3.1": _VEO,
    "veo3.1_fast": _VEO,
}
# $0.01 a credit: gen4.5 has 12 a second, veo3.1 40 and veo3.1_fast 15 with sound.
_GEN = Model(
    name="gen4.5",
    label="Runway Gen-4.5",
    seconds=(5, 8, 10),
    sizes=SIZES_720P,
    usd_micros_per_second=dict.fromkeys(SIZES_720P, 120_000),
    takes_image=True,
    has_audio=False,
    prompt_max_chars=1000,
    facts_source="Runway's Python SDK 5.13.0 of 2026-07-27 and its page of prices",
    verified_on=date(2026, 11, 20),
)
_VEO_FAST = replace(
    _GEN,
    name="veo3.1_fast",
    label="Veo 3.1 Fast",
    seconds=(4, 6, 8),
    sizes=(*SIZES_720P, *SIZES_1080P),
    usd_micros_per_second=dict.fromkeys((*SIZES_720P, *SIZES_1080P), 150_000),
    has_audio=True,
)
_MODELS = (
    _GEN,
    _VEO_FAST,
    replace(
        _VEO_FAST,
        name="veo3.1",
        label="Veo 3.1",
        usd_micros_per_second=dict.fromkeys(_VEO_FAST.sizes, 400_000),
    ),
)


class RunwayProvider(HttpProvider):
    """A `Provider` for one organization at Runway."""

    def __init__(self, account: ProviderAccount) -> None:
        check_inputs("RUNWAYML_MODELS", account, _inputs_of)
        # 2026-11-20: its SDK says this of gen4.5. Other models may count otherwise; then the bot
        # refuses a prompt that Runway would have taken.
        models = tuple(replace(each, counts_utf16=True) for each in account.models)
        super().__init__(
            account,
            Capabilities(
                models=models,
                max_concurrent=account.max_concurrent,
                typical_first_poll_s=20.0,
                can_cancel=True,
                can_delete=True,
            ),
            headers={"X-Runway-Version": _VERSION},
        )

    async def cancel(self, remote_id: str) -> bool:
        # 2026-11-20: no source says that stopping a running task saves its cost, and DELETE removes
        # a finished clip, so only a task that has not begun is stopped.
        try:
            with trouble_from("state"):
                state = (await self._fetch_render(remote_id)).status.state
            if state is RenderState.QUEUED:
                await self._transport.delete(_task_path(remote_id))
        except RemoteNotFoundError:
            return False
        return state in (RenderState.QUEUED, RenderState.FAILED)

    async def delete(self, remote_id: str) -> bool:
        return await self._delete(_task_path(remote_id))

    async def check(self) -> str:
        reply = await self._transport.get("v1/organization")
        with trouble_from("check of the account"):
            fields = object_of(reply.body)
        left = int_or_none(fields.get("creditBalance"))
        return "the key is taken" if left is None else f"the key is taken, {left} credits left"

    async def _create(self, request: ProviderRequest) -> RenderStatus:
        body: dict[str, object] = {
            "model": request.model,
            "promptText": request.prompt,
            "ratio": f"{request.size.width_px}:{request.size.height_px}",
            "duration": request.seconds,
        }
        body |= _inputs_of(request.model).audio_and_seed(request, self._account, "audio")
        path = "v1/text_to_video"
        if request.image is not None:
            path, image_url = "v1/image_to_video", await data_url(request.image)
            if len(image_url) > _IMAGE_MAX_CHARS:
                raise ProviderRejectedError("the reference image is too large")
            body["promptImage"] = image_url
        fields = object_of((await self._transport.create_json(path, body)).body)
        return RenderStatus(id=id_of(fields, pattern=_ID), state=RenderState.QUEUED)

    async def _fetch_render(self, remote_id: str) -> FetchedRender:
        fields = object_of((await self._transport.get(_task_path(remote_id))).body)
        word = str(fields.get("status"))
        state = self._read_state(word, _STATES)
        clip_url = url_or_none(first_of(fields.get("output")))
        is_over = state is RenderState.FAILED or (state is RenderState.READY and clip_url)
        remote = RenderStatus(
            id=remote_id,
            state=state,
            progress=_progress(fields.get("progress")),
            error=_failure(word, fields) if state is RenderState.FAILED else None,
            poll_after_s=None if is_over else _POLL_AFTER_S,
            created_at=datetime_or_none(fields.get("createdAt")),
        )
        return FetchedRender.of(remote, clip_url)


def _inputs_of(model: str) -> ModelInputs:
    return _KNOWN_INPUTS.get(model, ModelInputs())


def _task_path(remote_id: str) -> str:
    return id_path("v1/tasks", remote_id, _ID)


def _failure(word: str, fields: Mapping[str, Any]) -> ProviderError:
    said = error_body.parse_value(
        {"message": fields.get("failure"), "code": fields.get("failureCode")}
    )
    # Codes such as SAFETY.INPUT.TEXT.
    return render_error(said, f"{word}, no reason")


def _progress(value: object) -> int | None:
    """Return 0 to 100 of 0.0 to 1.0."""
    part = number_or_none(value)
    return None if part is None or not 0 <= part <= 1 else int(part * 100)


RUNWAY = Vendor(
    name="runway",
    title="Runway",
    prefix="RUNWAYML",
    key_variable="RUNWAYML_API_SECRET",
    base_url="https://api.dev.runwayml.com",
    known_models={model.name: model for model in _MODELS},
    default_models="; ".join(model.name for model in _MODELS),
    models_example="gen4.5; seedance2 seconds=5,10 sizes=1280x720 usd_per_second=0.36 image=yes",
    max_concurrent=1,
    make_provider=RunwayProvider,
    verified="its Python SDK 5.13.0 of 2026-07-27 and its documentation. Not: what a stopped task"
    " costs, the sentence of an empty balance",
    verified_on=date(2026, 11, 20),
)
