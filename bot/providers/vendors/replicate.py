"""Replicate's predictions: the official video models, by `owner/name`.

2026-11-20: a request makes a prediction, which has the same shape in every answer. There is no delete (the
platform removes inputs and outputs after an hour) and no idempotency key. `Prefer: wait` is not sent,
because the answer would wait for the render; nor is `Cancel-After`: a run ends by itself after 30 minutes.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import cast
from urllib.parse import parse_qs, urlsplit

from bot.errors import (
    ModerationError,
    NotAcceptedError,
    ProviderError,
    ProviderTroubleError,
    RemoteNotFoundError,
    SettingsError,
    UnknownOutcomeError,
    UnsupportedError,
)
from bot.providers.base import Capabilities, Model, ProviderRequest, RenderState, RenderStatus
from bot.providers.http import error_body
from bot.providers.http.error_mapping import render_error, trouble_from
from bot.providers.http.image_upload import data_url, load_image
from bot.providers.http.json_fields import (
    datetime_or_none,
    first_of,
    id_of,
    id_path,
    int_or_none,
    object_of,
    object_or_empty,
    text_or_none,
    url_or_none,
)
from bot.providers.http.listing import ListPage, renders_since
from bot.providers.vendors.http_provider import FetchedRender, HttpProvider
from bot.providers.vendors.model_inputs import ModelInputs, check_inputs
from bot.providers.vendors.size_formats import (
    COMMON_720P,
    COMMON_1080P,
    COMMON_SIZES,
    SIZES_720P,
    format_of,
)
from bot.providers.vendors.vendor import ProviderAccount, Vendor

_STATES: Mapping[str, RenderState] = {
    "starting": RenderState.QUEUED,
    "processing": RenderState.RUNNING,
    "succeeded": RenderState.READY,
    "failed": RenderState.FAILED,
    "canceled": RenderState.FAILED,
    "aborted": RenderState.FAILED,
}
_MODEL = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_ID = re.compile(r"[A-Za-z0-9-]{1,128}")
# 2026-11-20: no document lists the codes in `error`; users report E005 for refused content.
_MODERATION = re.compile(r"\bE005\b|\bsensitive\b|\bNSFW\b", re.IGNORECASE)
#: Larger images are sent as files, as its documentation asks.
_DATA_URL_MAX_BYTES = 256_000

#: What most models take; others reject the request or ignore the field.
_DEFAULT_INPUTS = ModelInputs(sizes=COMMON_SIZES)
_KNOWN_INPUTS: Mapping[str, ModelInputs] = {
    "bytedance/seedance-2.0": replace(
        _DEFAULT_INPUTS, has_audio=True, has_seed=True, seconds=range(4, 16)
    ),
    "kwaivgi/kling-v3-video": ModelInputs(
        sizes=(*COMMON_720P, *COMMON_1080P),
        image_field="start_image",
        resolution_field="mode",
        resolution_words={"720p": "standard", "1080p": "pro"},
        has_audio=True,
        seconds=range(3, 16),
    ),
}
_SEEDANCE_2 = Model(
    name="bytedance/seedance-2.0",
    label="Seedance 2.0",
    seconds=(5, 8, 10, 12, 15),
    sizes=SIZES_720P,
    usd_micros_per_second=dict.fromkeys(SIZES_720P, 290_000),
    takes_image=True,
    facts_source="fields after clients of 2026; the dearest of prices that others quote: to be checked",
    verified_on=date(2026, 11, 20),
)
_MODELS = (
    _SEEDANCE_2,
    replace(
        _SEEDANCE_2,
        name="kwaivgi/kling-v3-video",
        label="Kling 3",
        seconds=(5, 8, 10, 15),
        usd_micros_per_second=dict.fromkeys(SIZES_720P, 252_000),
        prompt_max_chars=2500,
    ),
)


class ReplicateProvider(HttpProvider):
    """A `Provider` for one account at Replicate."""

    def __init__(self, account: ProviderAccount) -> None:
        for model in account.models:
            if _MODEL.fullmatch(model.name) is None:
                problem = f"{model.name!r} is no official model"
                raise SettingsError("REPLICATE_MODELS", problem, "owner/name")
        check_inputs("REPLICATE_MODELS", account, _inputs_of)
        self._callback_url = account.verifiable_webhook_url
        super().__init__(
            account,
            Capabilities(
                models=account.models,
                max_concurrent=account.max_concurrent,
                typical_first_poll_s=20.0,
                can_list=True,
                can_cancel=True,
                has_webhook=self._callback_url is not None,
            ),
        )

    async def recent(self, since: datetime) -> Sequence[RenderStatus]:
        return await renders_since(self._fetch_page, since)

    async def cancel(self, remote_id: str) -> bool:
        # 2026-11-20: a prediction that is canceled while it runs is charged (changelog of 2025-10-16),
        # so only one that has not begun is canceled.
        try:
            with trouble_from("cancel"):
                remote = (await self._fetch_render(remote_id)).status
                if remote.state is RenderState.QUEUED:
                    path = f"{id_path('predictions', remote_id, _ID)}/cancel"
                    reply = await self._transport.send_idempotent("POST", path)
                    remote = self._read_prediction(reply.body).status
        except RemoteNotFoundError:
            return False
        if remote.state is RenderState.QUEUED:
            raise ProviderTroubleError("asked to stop, and still queued")
        return remote.state is RenderState.FAILED

    async def check(self) -> str:
        await self._transport.get("account")
        return "the key is taken"

    async def _create(self, request: ProviderRequest) -> RenderStatus:
        body: dict[str, object] = {"input": await self._input(request)}
        if self._callback_url is not None:
            body["webhook"] = self._callback_url
            body["webhook_events_filter"] = ["completed"]
        reply = await self._transport.create_json(f"models/{request.model}/predictions", body)
        return self._read_prediction(reply.body).status

    async def _fetch_render(self, remote_id: str) -> FetchedRender:
        reply = await self._transport.get(id_path("predictions", remote_id, _ID))
        seen = self._read_prediction(reply.body)
        is_removed = object_of(reply.body).get("data_removed") is True
        if is_removed and seen.status.state is RenderState.READY and seen.clip_url is None:
            raise RemoteNotFoundError("its clip was removed an hour after it was made")
        return FetchedRender.of(seen.status, seen.clip_url)

    async def _input(self, request: ProviderRequest) -> dict[str, object]:
        inputs = _inputs_of(request.model)
        words = format_of(request.size, COMMON_SIZES)
        resolution = (inputs.resolution_words or {}).get(words.resolution, words.resolution)
        fields: dict[str, object] = {
            "prompt": request.prompt,
            "duration": request.seconds,
            "aspect_ratio": words.aspect_ratio,
            inputs.resolution_field: resolution,
        }
        fields |= inputs.audio_and_seed(request, self._account)
        if request.image is not None:
            fields[inputs.image_field] = await self._image_url(request.image)
        return fields

    async def _image_url(self, image: Path) -> str:
        """Return an address of a reference image that the model can read."""
        upload = await load_image(image, "content")
        if len(upload.content) <= _DATA_URL_MAX_BYTES:
            return await data_url(image)
        try:
            fields = object_of((await self._transport.create("files", {}, upload)).body)
        except (UnknownOutcomeError, ValueError) as error:
            # Only the upload may have succeeded; no render was requested yet.
            raise NotAcceptedError(f"upload of its image: {error}") from error
        address = text_or_none(object_or_empty(fields.get("urls")).get("get"))
        if address is None:
            raise NotAcceptedError("its image was uploaded, but the answer has no address")
        return address

    async def _fetch_page(self, cursor: str | None) -> ListPage:
        query = None if cursor is None else {"cursor": cursor}
        with trouble_from("list", RemoteNotFoundError, UnsupportedError):
            fields = object_of((await self._transport.get("predictions", query)).body)
            results: object = fields.get("results")
            if not isinstance(results, list):
                raise ValueError("a list without results")  # noqa: TRY004 - the answer is wrong
            page = [self._read_prediction(each).status for each in cast("list[object]", results)]
        following = text_or_none(fields.get("next"))
        if not following:
            return ListPage(renders=page, next_cursor=None)
        next_cursor = parse_qs(urlsplit(following).query).get("cursor", [""])[0]
        if not next_cursor:
            raise ProviderTroubleError("the list has a next page without a cursor")
        return ListPage(renders=page, next_cursor=next_cursor)

    def _read_prediction(self, value: object) -> FetchedRender:
        fields = object_of(value)
        remote_id = id_of(fields, pattern=_ID)
        word = str(fields.get("status"))
        state = self._read_state(word, _STATES)
        given = object_or_empty(fields.get("input"))
        remote = RenderStatus(
            id=remote_id,
            state=state,
            error=_failure(word, fields.get("error")) if state is RenderState.FAILED else None,
            prompt=text_or_none(given.get("prompt")),
            model=text_or_none(fields.get("model")),
            seconds=int_or_none(given.get("duration")),
            created_at=datetime_or_none(fields.get("created_at")),
        )
        return FetchedRender(status=remote, clip_url=url_or_none(first_of(fields.get("output"))))


def _inputs_of(model: str) -> ModelInputs:
    return _KNOWN_INPUTS.get(model, _DEFAULT_INPUTS)


def _failure(word: str, error: object) -> ProviderError:
    said = error_body.parse_value(error)
    if _MODERATION.search(str(said)):
        return ModerationError(str(said))
    return render_error(said, word)


REPLICATE = Vendor(
    name="replicate",
    title="Replicate",
    prefix="REPLICATE",
    key_variable="REPLICATE_API_TOKEN",
    base_url="https://api.replicate.com/v1",
    known_models={model.name: model for model in _MODELS},
    default_models="; ".join(model.name for model in _MODELS),
    models_example="bytedance/seedance-1-pro seconds=5,10 sizes=1920x1080 usd_per_second=0.15"
    " image=yes",
    requests_per_minute=600,
    has_webhook_secret=True,
    make_provider=ReplicateProvider,
    verified="its HTTP documentation, a copy of its specification of 2025-01, its Python client;"
    " inputs of models after other clients. Not: whether clips ever want the token",
    verified_on=date(2026, 11, 20),
)
