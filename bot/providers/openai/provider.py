"""Any server with OpenAI's Videos API.

2026-11-20: OpenAI switched its own service off on 2026-09-24; gateways and self-hosted servers still
offer the API, each in its own dialect.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

from bot.errors import (
    NotAcceptedError,
    ProviderError,
    ProviderTroubleError,
    RemoteNotFoundError,
    UnsupportedError,
)
from bot.model import Operation
from bot.providers.base import Capabilities, Download, ProviderRequest, RenderState, RenderStatus
from bot.providers.http.error_mapping import trouble_from
from bot.providers.http.image_upload import load_image
from bot.providers.http.json_fields import id_path
from bot.providers.http.payloads import JsonResponse
from bot.providers.http.rate_limiter import RateLimiter
from bot.providers.openai import dialects, wire
from bot.providers.openai.dialects import Dialect, OptionalCall
from bot.providers.openai.video_list import VideoList
from bot.providers.vendors.http_provider import FetchedRender, HttpProvider
from bot.providers.vendors.model_inputs import check_model
from bot.providers.vendors.vendor import ProviderAccount, Vendor
from bot.settings import Secret

_log = logging.getLogger(__name__)


class OpenAIProvider(HttpProvider):
    """A `Provider` for one account at one such server.

    Raises SettingsError for a model with an operation for which the dialect has no call.
    """

    def __init__(self, account: ProviderAccount, dialect: Dialect = dialects.OPENAI) -> None:
        for model in account.models:
            check_model(f"{dialect.prefix}_MODELS", model, operations=dialect.operations)
        can = Capabilities(
            models=account.models,
            max_concurrent=account.max_concurrent,
            typical_first_poll_s=20.0,
            can_list=OptionalCall.LIST in dialect.calls and dialect.list_is_complete,
            can_cancel=dialect.can_cancel,
            can_delete=OptionalCall.DELETE in dialect.calls,
            keeps_renders_in_memory=dialect.keeps_renders_in_memory,
        )
        key = Secret(f"{dialect.key_scheme}{account.api_key_text}")
        per_minute = account.requests_per_minute if dialect.limits_creates_only else None
        if dialect.limits_creates_only:
            account = replace(account, requests_per_minute=None)
        super().__init__(
            account, can, credentials={dialect.key_header: key} if account.api_key_text else {}
        )
        self._dialect = dialect
        self._create_limiter = RateLimiter(per_minute, account.clock)
        self._video_list = VideoList(
            self._transport,
            dialect.ignored_fields,
            keeps_renders_in_memory=dialect.keeps_renders_in_memory,
        )
        #: The dialect's calls without those that this server turned out to lack.
        self._calls = dialect.calls

    async def poll(self, remote_ids: Sequence[str]) -> Mapping[str, RenderStatus | ProviderError]:
        unique = dict.fromkeys(remote_ids)
        found = await self._poll_by_list(frozenset(unique))
        asked = await super().poll([each for each in unique if each not in found])
        return {**found, **asked}

    async def recent(self, since: datetime) -> Sequence[RenderStatus]:
        if OptionalCall.LIST not in self._dialect.calls or not self._dialect.list_is_complete:
            raise UnsupportedError("this API has no list that shows every render")
        kept_for = self._dialect.retention
        if kept_for is not None and self._account.clock.now() - since > kept_for:
            raise ProviderTroubleError(f"the list has no renders older than {kept_for}")
        return await self._video_list.since(since)

    async def download(self, remote_id: str, target: Path, *, max_bytes: int) -> Download:
        if self._dialect.has_clip_urls:
            return await super().download(remote_id, target, max_bytes=max_bytes)
        path = f"{id_path('videos', remote_id)}/content"
        try:
            return await self._transport.download(path, target, max_bytes=max_bytes)
        except (RemoteNotFoundError, UnsupportedError) as error:
            # 2026-11-20: some relays lack this path and name the clip's address in the video object.
            place = (await self._fetch_render_or_trouble(remote_id)).clip_url
            if place == path and isinstance(error, RemoteNotFoundError):
                raise
            if place in (None, path):
                raise ProviderTroubleError(f"no clip there yet: {error}") from error
        return await super().download(remote_id, target, max_bytes=max_bytes)

    async def cancel(self, remote_id: str) -> bool:
        """Stop a render where the dialect has a call for that; else False.

        2026-08-21: OpenAI's DELETE is meant for finished renders (specification 2.3.0), which does
        not say what an unfinished one costs.
        """
        if not self._dialect.can_cancel:
            return False
        try:
            remote = (await self._fetch_render_or_trouble(remote_id)).status
            if remote.state in (RenderState.READY, RenderState.FAILED):
                return False
            if self._dialect.delete_cancels:
                return await self._delete_render(remote_id)
            reply = await self._transport.send_idempotent(
                "POST", f"{id_path('videos', remote_id)}/cancel"
            )
        except (RemoteNotFoundError, UnsupportedError):
            return False
        return wire.is_stopped(reply.body)

    async def delete(self, remote_id: str) -> bool:
        if OptionalCall.DELETE not in self._dialect.calls:
            return False
        try:
            return await self._delete_render(remote_id)
        except RemoteNotFoundError:
            return True
        except UnsupportedError:
            return False

    async def check(self) -> str:
        told = "the key is taken" if self._account.api_key_text else "it answers"
        try:
            if OptionalCall.MODELS in self._dialect.calls:
                await self._transport.get("models")
                return told
        except (RemoteNotFoundError, UnsupportedError):
            _log.debug("%s has no list of models", self.name)
        if OptionalCall.LIST not in self._calls:
            return await super().check()
        await self._video_list.fetch_page()
        return told

    async def refresh(self) -> None:
        # A list that was missing once may be back.
        has_list = OptionalCall.LIST in self._dialect.calls
        self._calls |= self._dialect.calls & {OptionalCall.LIST}
        self._capabilities = replace(
            self._capabilities, can_list=has_list and self._dialect.list_is_complete
        )
        if OptionalCall.MODELS not in self._dialect.calls:
            return
        try:
            reply = await self._transport.get("models")
            days = wire.read_retirements(reply.body)
        except (ProviderError, ValueError) as error:
            _log.debug("%s: its list of models can't be read: %s", self.name, error)
            return
        models = tuple(
            replace(model, retired_on=days.get(model.name, model.retired_on))
            for model in self._capabilities.models
        )
        self._capabilities = replace(self._capabilities, models=models)

    async def _create(self, request: ProviderRequest) -> RenderStatus:
        reply = await self._send_create(request)
        self._read_state(wire.status_word(reply.body), wire.STATES)
        return wire.read_video(
            reply.body, reply.headers, ignored_fields=self._dialect.ignored_fields
        )

    async def _send_create(self, request: ProviderRequest) -> JsonResponse:
        if request.operation is not Operation.GENERATE:
            return await self._create_from_source(request)
        image = request.image
        upload = None if image is None else await load_image(image, "input_reference")
        self._count_create()
        seed = self._dialect.takes_seed
        if self._dialect.takes_json and upload is None:
            return await self._transport.create_json("videos", wire.create_body(request, seed=seed))
        return await self._transport.create(
            "videos", wire.create_fields(request, seed=seed), upload
        )

    async def _create_from_source(self, request: ProviderRequest) -> JsonResponse:
        source = request.source_remote_id or ""
        place = id_path("videos", source)
        if request.operation is Operation.EXTEND and OptionalCall.EXTENSIONS in self._calls:
            path, body = "videos/extensions", wire.extend_body(request, source)
        elif request.operation is Operation.REMIX and OptionalCall.REMIX in self._calls:
            path, body = f"{place}/remix", wire.remix_body(request)
        elif request.operation is Operation.REMIX and OptionalCall.EDITS in self._calls:
            path, body = "videos/edits", wire.edit_body(request, source)
        else:
            raise UnsupportedError(f"no call to {request.operation}")
        self._count_create()
        return await self._transport.create_from_source(path, body)

    def _withdraw_operation(self, operation: Operation) -> None:
        if operation is Operation.REMIX and {OptionalCall.REMIX, OptionalCall.EDITS} <= self._calls:
            _log.warning("%s has no call to remix: the next remix is sent as an edit", self.name)
            self._calls -= {OptionalCall.REMIX}
            return
        super()._withdraw_operation(operation)

    def _count_create(self) -> None:
        wait_s = self._create_limiter.wait_s()
        if wait_s > 0:
            raise NotAcceptedError("not sent: too many creations a minute", retry_after_s=wait_s)
        self._create_limiter.take()

    async def _fetch_render(self, remote_id: str) -> FetchedRender:
        path = id_path("videos", remote_id)
        reply = await self._transport.get(path)
        remote = wire.read_video(
            reply.body,
            reply.headers,
            requested_id=remote_id,
            ignored_fields=self._dialect.ignored_fields,
        )
        self._read_state(wire.status_word(reply.body), wire.STATES)
        if remote.state is not RenderState.READY:
            return FetchedRender(status=remote)
        return FetchedRender(status=remote, clip_url=wire.clip_url(reply.body) or f"{path}/content")

    async def _delete_render(self, remote_id: str) -> bool:
        reply = await self._transport.delete(id_path("videos", remote_id))
        return wire.read_deleted(reply.body)

    async def _fetch_render_or_trouble(self, remote_id: str) -> FetchedRender:
        """Fetch a render; trouble also for an answer that `poll` would make trouble of."""
        with trouble_from("poll", UnsupportedError):
            return await self._fetch_render(remote_id)

    async def _poll_by_list(self, wanted: frozenset[str]) -> dict[str, RenderStatus]:
        if OptionalCall.LIST not in self._calls or len(wanted) < 2:
            return {}
        try:
            return await self._video_list.find(wanted)
        except UnsupportedError:
            self._calls -= {OptionalCall.LIST}
            self._capabilities = replace(self._capabilities, can_list=False)
            return {}


OPENAI = Vendor(
    name="openai",
    title="any server that speaks OpenAI's Videos API (its own is off since 2026-09-24)",
    prefix=dialects.OPENAI.prefix,
    key_variable="OPENAI_API_KEY",
    base_url="https://api.openai.com/v1",
    known_models=dialects.OPENAI_MODELS,
    default_models="sora-2; sora-2-pro",
    models_example="sora-2; my-model seconds=4,8 sizes=1280x720 usd_per_second=0.05",
    has_webhook_secret=True,
    make_provider=OpenAIProvider,
    verified=(
        "Every request held against OpenAI's specification 2.3.0 of 2026-08-21 by a test, and the"
        " loopback server against its official Python SDK. No live call: the service is off. Images"
        " beside the clip (thumbnail, spritesheet) are not fetched."
    ),
    verified_on=date(2026, 11, 20),
)
