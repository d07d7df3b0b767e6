"""OpenRouter's video API: models of many vendors behind one key.

2026-11-20: the API itself lists what its models can do and cost. There is no list of jobs, cancel,
delete or idempotency key.
"""

import logging
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal, InvalidOperation

from bot.errors import ProviderError
from bot.providers.base import Capabilities, ProviderRequest, RenderState, RenderStatus
from bot.providers.http import error_body
from bot.providers.http.error_mapping import render_error, trouble_from
from bot.providers.http.image_upload import data_url
from bot.providers.http.json_fields import (
    id_of,
    id_path,
    number_or_none,
    object_of,
    object_or_empty,
)
from bot.providers.vendors.http_provider import FetchedRender, HttpProvider
from bot.providers.vendors.model_inputs import check_model
from bot.providers.vendors.model_setting import usd_to_micros
from bot.providers.vendors.openrouter_models import (
    SIZES,
    AnyModel,
    ModelFacts,
    complete_models,
    read_catalogue,
)
from bot.providers.vendors.size_formats import format_of
from bot.providers.vendors.vendor import ProviderAccount, Vendor

_log = logging.getLogger(__name__)
_STATES: Mapping[str, RenderState] = {
    "pending": RenderState.QUEUED,
    "in_progress": RenderState.RUNNING,
    "completed": RenderState.READY,
    "failed": RenderState.FAILED,
    "cancelled": RenderState.FAILED,
    "expired": RenderState.FAILED,
}


class OpenRouterProvider(HttpProvider):
    """A `Provider` for one key at OpenRouter.

    Until `refresh` has read the API's list, offers only models that the setting describes in full.
    """

    def __init__(self, account: ProviderAccount) -> None:
        for model in account.models:
            check_model("OPENROUTER_MODELS", model, sizes=SIZES)
        self._callback_url = account.verifiable_webhook_url
        super().__init__(
            account,
            Capabilities(
                models=complete_models(account.models, {}),
                max_concurrent=account.max_concurrent,
                typical_first_poll_s=30.0,
                has_webhook=self._callback_url is not None,
            ),
        )
        self._facts: Mapping[str, ModelFacts] = {}
        self._complaints: Mapping[str, str] = {}

    async def refresh(self) -> None:
        try:
            reply = await self._transport.get("videos/models")
            facts, complaints = read_catalogue(reply.body, self._account.models)
        except (ProviderError, ValueError) as error:
            _log.warning("%s: its list of models can't be read: %s", self.name, error)
            return
        for name, complaint in complaints.items():
            if self._complaints.get(name) != complaint:
                _log.warning("%s: its facts about %a are not used: %s", self.name, name, complaint)
        self._facts, self._complaints = facts, complaints
        models = complete_models(self._account.models, facts)
        self._capabilities = replace(self._capabilities, models=models)

    async def check(self) -> str:
        reply = await self._transport.get("key")
        with trouble_from("check of the key"):
            about_key = object_of(object_of(reply.body).get("data"))
        left = number_or_none(about_key.get("limit_remaining"))
        rest = "" if left is None else f", ${left:.2f} left of its limit"
        return f"the key is taken{rest}"

    async def _create(self, request: ProviderRequest) -> RenderStatus:
        fields = object_of(
            (await self._transport.create_json("videos", await self._body(request))).body
        )
        return RenderStatus(id=id_of(fields), state=RenderState.QUEUED)

    async def _fetch_render(self, remote_id: str) -> FetchedRender:
        path = id_path("videos", remote_id)
        fields = object_of((await self._transport.get(path)).body)
        word = str(fields.get("status"))
        state = self._read_state(word, _STATES)
        remote = RenderStatus(
            id=remote_id,
            state=state,
            error=render_error(error_body.parse_value(fields.get("error")), f"{word}, no reason")
            if state is RenderState.FAILED
            else None,
            cost_usd_micros=_cost(fields.get("usage")),
        )
        # `unsigned_urls` name this address too: on this host, with the key. The signed `urls` are not needed.
        return FetchedRender.of(remote, f"{path}/content?index=0")

    async def _body(self, request: ProviderRequest) -> dict[str, object]:
        words = format_of(request.size, SIZES)
        body: dict[str, object] = {
            "model": request.model,
            "prompt": request.prompt,
            "duration": request.seconds,
            "aspect_ratio": words.aspect_ratio,
            "resolution": words.resolution,
        }
        facts = self._facts.get(request.model)
        if facts is not None and facts.has_audio:
            body["generate_audio"] = self._account.wants_audio(request.model)
        if facts is not None and facts.has_seed:
            body["seed"] = request.seed
        if request.image is not None:
            address = {"url": await data_url(request.image)}
            first = {"type": "image_url", "image_url": address, "frame_type": "first_frame"}
            body["frame_images"] = [first]
        if self._callback_url is not None:
            body["callback_url"] = self._callback_url
        return body


def _cost(usage: object) -> int | None:
    """Return the cost; None for a request on the operator's own vendor key, whose cost is partial."""
    fields = object_or_empty(usage)
    cost = number_or_none(fields.get("cost"))
    if cost is None or fields.get("is_byok") is True:
        return None
    try:
        return usd_to_micros(Decimal(str(cost))) if cost >= 0 else None
    except (InvalidOperation, ValueError, OverflowError):
        return None


OPENROUTER = Vendor(
    name="openrouter",
    title="OpenRouter",
    prefix="OPENROUTER",
    key_variable="OPENROUTER_API_KEY",
    base_url="https://openrouter.ai/api/v1",
    known_models=AnyModel(source="OpenRouter's list of models, read at the start and every hour"),
    default_models="google/veo-3.1-lite; kwaivgi/kling-v3.0-std; runway/gen-4.5",
    models_example="google/veo-3.1-lite; bytedance/seedance-2.5 seconds=5,10 sizes=1280x720"
    " usd_per_second=0.24",
    has_webhook_secret=True,
    make_provider=OpenRouterProvider,
    verified="its API specification of 2026-08-22 (github OpenRouterTeam/typescript-sdk) and its"
    " guide. Not: the keys of prices, which have no documentation; images within a request",
    verified_on=date(2026, 11, 20),
)
