"""Replicate's predictions: the official video models, by `owner/name`.

2026-11-20: an order is a prediction, which looks the same in every answer. There is no delete (the
platform forgets inputs and outputs after an hour) and no idempotency key. `Prefer: wait` is not
sent, so that an answer never hangs on the render, nor is `Cancel-After`: a run ends after 30
minutes by itself.
"""

from __future__ import annotations

import asyncio
import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import cast
from urllib.parse import parse_qs, quote, urlsplit

from bot.errors import (
    ModerationError,
    NotAcceptedError,
    ProviderError,
    ProviderRejectedError,
    ProviderTroubleError,
    RemoteNotFoundError,
    RenderFailedError,
    SettingsError,
    UnknownOutcomeError,
    UnsupportedError,
)
from bot.model import Operation, Size
from bot.providers.base import Capabilities, Model, ProviderRequest, RenderState, RenderStatus
from bot.providers.http import error_body
from bot.providers.http.json_fields import (
    datetime_or_none,
    id_of,
    int_or_none,
    object_of,
    object_or_empty,
    text_or_none,
    url_or_none,
)
from bot.providers.http.payloads import Upload
from bot.providers.openai.wire import image_type
from bot.providers.vendors.http_provider import FetchedRender, HttpProvider, data_url
from bot.providers.vendors.vendor import ProviderAccount, Vendor
from bot.settings import Secret

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
# 2026-11-20: no document lists the codes in `error`; E005 is what users report for content.
_MODERATION = re.compile(r"\bE005\b|\bsensitive\b|\bNSFW\b", re.IGNORECASE)
#: Larger pictures are sent as files, as its documentation asks.
_DATA_URL_MAX_BYTES = 256_000
_MAX_PAGES = 100

_LANDSCAPE, _PORTRAIT = Size(width_px=1280, height_px=720), Size(width_px=720, height_px=1280)
#: What goes over the wire for a size: aspect ratio and resolution.
_SHAPES: Mapping[Size, tuple[str, str]] = {
    _LANDSCAPE: ("16:9", "720p"),
    _PORTRAIT: ("9:16", "720p"),
    Size(width_px=720, height_px=720): ("1:1", "720p"),
    Size(width_px=1920, height_px=1080): ("16:9", "1080p"),
    Size(width_px=1080, height_px=1920): ("9:16", "1080p"),
    Size(width_px=1080, height_px=1080): ("1:1", "1080p"),
    Size(width_px=854, height_px=480): ("16:9", "480p"),
    Size(width_px=480, height_px=854): ("9:16", "480p"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _ModelInputs:
    """What a model's `input` has: each model at Replicate has fields of its own."""

    #: The field of the first frame.
    image_field: str = "image"
    #: The field that decides the resolution, and its words.
    resolution_field: str = "resolution"
    resolution_words: Mapping[str, str] | None = None
    has_audio: bool = False
    has_seed: bool = False
    seconds: range = range(1, 61)


#: What most models take; a model that does not, refuses the order or ignores the field.
_DEFAULT_INPUTS = _ModelInputs()
_KNOWN_INPUTS: Mapping[str, _ModelInputs] = {
    "bytedance/seedance-2.0": _ModelInputs(has_audio=True, has_seed=True, seconds=range(4, 16)),
    "kwaivgi/kling-v3-video": _ModelInputs(
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
    sizes=(_LANDSCAPE, _PORTRAIT),
    usd_micros_per_second=dict.fromkeys((_LANDSCAPE, _PORTRAIT), 290_000),
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
        usd_micros_per_second=dict.fromkeys((_LANDSCAPE, _PORTRAIT), 252_000),
        prompt_max_chars=2500,
    ),
)


class ReplicateProvider(HttpProvider):
    """A `Provider` for one account at Replicate."""

    def __init__(self, account: ProviderAccount) -> None:
        for model in account.models:
            _check_model(model)
        url = account.webhook_url or ""
        # It takes https alone; and what nobody can verify hastens no poll.
        self._callback_url = url if url.startswith("https://") and account.webhook_secret else None
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
            credentials={"Authorization": Secret(f"Bearer {account.api_key_text}")},
        )
        self._models_with_audio = {model.name for model in account.models if model.has_audio}

    async def recent(self, since: datetime) -> Sequence[RenderStatus]:
        floor_at = since.replace(microsecond=0)
        found: dict[str, RenderStatus] = {}
        query: dict[str, str] | None = None
        for _ in range(_MAX_PAGES):
            page, cursor = await self._fetch_page(query)
            found.update((each.id, each) for each in page)
            if cursor is None or _ends_before(page, floor_at):
                return [each for each in found.values() if _is_since(each, floor_at)]
            if query == {"cursor": cursor}:
                raise ProviderTroubleError("the list repeats itself")
            query = {"cursor": cursor}
        raise ProviderTroubleError(f"the list goes on after {_MAX_PAGES} pages")

    async def cancel(self, remote_id: str) -> bool:
        # 2026-11-20: what is canceled while it runs is charged (changelog of 2025-10-16): only what
        # has not begun is stopped.
        try:
            remote = (await self._fetch_render(remote_id)).status
            if remote.state is RenderState.QUEUED:
                reply = await self._transport.send_idempotent(
                    "POST", f"{_prediction_path(remote_id)}/cancel"
                )
                remote = self._read_prediction(reply.body).status
        except RemoteNotFoundError:
            return False
        except ValueError as error:
            raise ProviderTroubleError(f"the cancel was answered with {error}") from error
        if remote.state is RenderState.QUEUED:
            raise ProviderTroubleError("asked to stop, and still waiting")
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
        reply = await self._transport.get(_prediction_path(remote_id))
        seen = self._read_prediction(reply.body)
        if seen.status.state is RenderState.READY and seen.clip_url is None:
            if object_of(reply.body).get("data_removed") is True:
                raise RemoteNotFoundError("its clip was removed an hour after it was made")
            # Paid for: it is waited for until the deadline rather than given up.
            return replace(seen, status=replace(seen.status, state=RenderState.RUNNING))
        return seen

    async def _input(self, request: ProviderRequest) -> dict[str, object]:
        inputs, shape = _KNOWN_INPUTS.get(request.model, _DEFAULT_INPUTS), _SHAPES.get(request.size)
        if shape is None:
            raise ProviderRejectedError(f"no size {request.size} here")
        resolution = (
            shape[1] if inputs.resolution_words is None else inputs.resolution_words[shape[1]]
        )
        fields: dict[str, object] = {
            "prompt": request.prompt,
            "duration": request.seconds,
            "aspect_ratio": shape[0],
            inputs.resolution_field: resolution,
        }
        if inputs.has_audio:
            fields["generate_audio"] = request.model in self._models_with_audio
        if inputs.has_seed:
            fields["seed"] = request.seed
        if request.image is not None:
            fields[inputs.image_field] = await self._image_url(request.image)
        return fields

    async def _image_url(self, image: Path) -> str:
        """Return an address of a reference picture that the model can read."""
        upload = await asyncio.to_thread(_load_image, image)
        if len(upload.content) <= _DATA_URL_MAX_BYTES:
            return await data_url(image)
        try:
            fields = object_of((await self._transport.create("files", {}, upload)).body)
        except (UnknownOutcomeError, ValueError) as error:
            # A file more or less: no render was ordered yet.
            raise NotAcceptedError(f"its picture: {error}") from error
        address = text_or_none(object_or_empty(fields.get("urls")).get("get"))
        if address is None:
            raise NotAcceptedError("its picture was taken without an address")
        return address

    async def _fetch_page(
        self, query: Mapping[str, str] | None
    ) -> tuple[list[RenderStatus], str | None]:
        """Return a page of the list and the cursor of the next one."""
        try:
            fields = object_of((await self._transport.get("predictions", query)).body)
            results: object = fields.get("results")
            if not isinstance(results, list):
                raise ValueError("a list without results")  # noqa: TRY004 - the answer is wrong
            page = [self._read_prediction(each).status for each in cast("list[object]", results)]
        except (ValueError, RemoteNotFoundError, UnsupportedError) as error:
            raise ProviderTroubleError(f"the list was answered with {error}") from error
        following = text_or_none(fields.get("next"))
        if not following:
            return page, None
        cursor = parse_qs(urlsplit(following).query).get("cursor", [""])[0]
        if not cursor:
            raise ProviderTroubleError("the list goes on nobody knows where")
        return page, cursor

    def _read_prediction(self, value: object) -> FetchedRender:
        fields = object_of(value)
        remote_id = id_of(fields, pattern=_ID)
        word = str(fields.get("status"))
        state = self._read_state(word, _STATES)
        place = _clip_url(fields.get("output")) if state is RenderState.READY else None
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
        return FetchedRender(status=remote, clip_url=place)


def _check_model(model: Model) -> None:
    if _MODEL.fullmatch(model.name) is None:
        problem = f"{model.name!r} is no official model"
        raise SettingsError("REPLICATE_MODELS", problem, "owner/name")
    if model.operations - {Operation.GENERATE}:
        raise SettingsError("REPLICATE_MODELS", f"{model.name!r} can't remix or extend", "neither")
    inputs = _KNOWN_INPUTS.get(model.name, _DEFAULT_INPUTS)
    made = inputs.resolution_words
    shapes = {size for size, (_, word) in _SHAPES.items() if made is None or word in made}
    if odd := [str(size) for size in model.sizes if size not in shapes]:
        problem = f"{model.name!r} has no {', '.join(odd)}"
        raise SettingsError("REPLICATE_MODELS", problem, ", ".join(sorted(map(str, shapes))))
    if odd := [str(seconds) for seconds in model.seconds if seconds not in inputs.seconds]:
        problem = f"{model.name!r} makes no {', '.join(odd)} s"
        allowed = f"{inputs.seconds[0]} to {inputs.seconds[-1]} s"
        raise SettingsError("REPLICATE_MODELS", problem, allowed)


def _prediction_path(remote_id: str) -> str:
    if _ID.fullmatch(remote_id) is None:
        raise RemoteNotFoundError(f"not an id of this API: {remote_id[:40]!a}")
    return f"predictions/{quote(remote_id, safe='')}"


def _load_image(image: Path) -> Upload:
    try:
        content = image.read_bytes()
        content_type, file_name = image_type(content)
    except (OSError, ValueError) as error:
        raise ProviderRejectedError(f"the reference picture cannot be sent: {error}") from error
    return Upload(name="content", file_name=file_name, content_type=content_type, content=content)


def _clip_url(output: object) -> str | None:
    """Return the address in an output: text, or a list that begins with it."""
    found = cast("list[object]", output) if isinstance(output, list) else [output]
    return url_or_none(found[0] if found else None)


def _failure(word: str, error: object) -> ProviderError:
    said = error_body.parse_value(error)
    if said.is_moderation or _MODERATION.search(str(said)):
        return ModerationError(str(said))
    return RenderFailedError(str(said) or word)


def _is_since(remote: RenderStatus, since: datetime) -> bool:
    return remote.created_at is None or remote.created_at >= since


def _ends_before(page: Sequence[RenderStatus], since: datetime) -> bool:
    """Whether all that follows the page is older, which holds if it runs from new to old."""
    instants = [each.created_at for each in page if each.created_at is not None]
    descends = all(a >= b for a, b in itertools.pairwise(instants))
    return len(instants) == len(page) > 1 and descends and instants[-1] < since


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
