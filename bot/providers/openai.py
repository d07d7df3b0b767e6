"""Any server that speaks OpenAI's Videos API.

2026-11-20: OpenAI's own service of that shape is off since 2026-09-24; gateways and self-hosted
servers carry it on, each in a dialect of its own.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from urllib.parse import quote

from bot.errors import (
    NotAcceptedError,
    ProviderError,
    ProviderTroubleError,
    RejectedOrderError,
    RemoteNotFoundError,
    SettingsError,
    UnsupportedError,
)
from bot.model import Operation
from bot.providers import dialects, openai_wire
from bot.providers.base import Capabilities, Download, Remote, RemoteState, RenderOrder
from bot.providers.dialects import Call, Dialect
from bot.providers.exchange import Reply, Upload
from bot.providers.meter import Meter
from bot.providers.openai_list import VideoList
from bot.providers.openai_models import OPENAI_MODELS
from bot.providers.reading import is_usable_id
from bot.providers.remote_api import RemoteApi, Seen
from bot.providers.vendor import Account, Vendor
from bot.settings import Secret

_log = logging.getLogger(__name__)


class OpenAIProvider(RemoteApi):
    """A `Provider` for one account at one such server.

    Raises SettingsError for a model that is said to do what the dialect has no call for.
    """

    def __init__(self, account: Account, dialect: Dialect = dialects.OPENAI) -> None:
        _check(account, dialect)
        can = Capabilities(
            models=account.models,
            max_concurrent=account.max_concurrent,
            typical_first_poll_s=20.0,
            can_list=Call.LIST in dialect.calls and dialect.list_is_whole,
            can_cancel=dialect.can_cancel,
            can_delete=Call.DELETE in dialect.calls,
            forgets=dialect.forgets,
        )
        key = Secret(f"{dialect.key_scheme}{account.key}")
        per_minute = account.requests_per_minute if dialect.counts_creates_only else None
        if dialect.counts_creates_only:
            account = replace(account, requests_per_minute=None)
        super().__init__(account, can, credentials={dialect.key_header: key} if account.key else {})
        self._dialect = dialect
        self._creates = Meter(per_minute, account.clock)
        self._list = VideoList(self._transport, dialect.rewords, may_forget=dialect.forgets)
        #: Less than the dialect has, once this server turned out to lack some.
        self._calls = dialect.calls

    async def poll(self, remote_ids: Sequence[str]) -> Mapping[str, Remote | ProviderError]:
        unique = dict.fromkeys(remote_ids)
        found = await self._listed(frozenset(unique))
        asked = await super().poll([each for each in unique if each not in found])
        return {**found, **asked}

    async def recent(self, since: datetime) -> Sequence[Remote]:
        if Call.LIST not in self._dialect.calls or not self._dialect.list_is_whole:
            raise UnsupportedError("this API has no list that shows every render")
        kept_for = self._dialect.keeps_for
        if kept_for is not None and self._account.clock.now() - since > kept_for:
            raise ProviderTroubleError(f"the list forgets what is older than {kept_for}")
        return await self._list.since(since)

    async def download(self, remote_id: str, target: Path, *, max_bytes: int) -> Download:
        if self._dialect.names_clips:
            return await super().download(remote_id, target, max_bytes=max_bytes)
        path = f"{_path(remote_id)}/content"
        try:
            return await self._transport.download(path, target, max_bytes=max_bytes)
        except (RemoteNotFoundError, UnsupportedError) as error:
            # 2026-11-20: some relays have no such path and name an address, as tutorials show it.
            place = (await self._found(remote_id)).place
            if place == path and isinstance(error, RemoteNotFoundError):
                raise
            if place in (None, path):
                raise ProviderTroubleError(f"no clip there yet: {error}") from error
        return await super().download(remote_id, target, max_bytes=max_bytes)

    async def cancel(self, remote_id: str) -> bool:
        """Stop a render where the dialect has a call for that; else False.

        2026-08-21: OpenAI's DELETE is meant for renders that are finished (specification 2.3.0),
        and says nothing about what an unfinished one will cost.
        """
        if not self._dialect.can_cancel:
            return False
        try:
            remote = (await self._found(remote_id)).remote
            if remote.state in (RemoteState.READY, RemoteState.FAILED):
                return False
            if self._dialect.delete_cancels:
                return await self._remove(remote_id)
            reply = await self._transport.command("POST", f"{_path(remote_id)}/cancel")
        except (RemoteNotFoundError, UnsupportedError):
            return False
        return openai_wire.is_stopped(reply.body)

    async def delete(self, remote_id: str) -> bool:
        if Call.DELETE not in self._dialect.calls:
            return False
        try:
            return await self._remove(remote_id)
        except RemoteNotFoundError:
            return True
        except UnsupportedError:
            return False

    async def check(self) -> str:
        told = "the key is taken" if self._account.key else "it answers"
        try:
            if Call.MODELS in self._dialect.calls:
                await self._transport.get("models")
                return told
        except (RemoteNotFoundError, UnsupportedError):
            _log.debug("%s has no list of models", self.name)
        if Call.LIST not in self._calls:
            return await super().check()
        await self._list.page()
        return told

    async def refresh(self) -> None:
        # A list that was not there for once may be there again.
        has_list = Call.LIST in self._dialect.calls
        self._calls |= self._dialect.calls & {Call.LIST}
        self._capabilities = replace(
            self._capabilities, can_list=has_list and self._dialect.list_is_whole
        )
        if Call.MODELS not in self._dialect.calls:
            return
        try:
            reply = await self._transport.get("models")
            days = openai_wire.read_retirements(reply.body)
        except (ProviderError, ValueError) as error:
            _log.debug("%s tells nothing of its models: %s", self.name, error)
            return
        models = tuple(
            replace(model, retired_on=days.get(model.name, model.retired_on))
            for model in self._capabilities.models
        )
        self._capabilities = replace(self._capabilities, models=models)

    async def _create(self, order: RenderOrder) -> Remote:
        reply = await self._send(order)
        self._known(openai_wire.status(reply.body), openai_wire.STATES)
        return openai_wire.read_video(reply.body, reply.headers, rewords=self._dialect.rewords)

    async def _send(self, order: RenderOrder) -> Reply:
        if order.operation is not Operation.GENERATE:
            return await self._continue(order)
        upload = None if order.image is None else await asyncio.to_thread(_load, order.image)
        self._count_create()
        seed = self._dialect.takes_seed
        if self._dialect.takes_json and upload is None:
            return await self._transport.create_json(
                "videos", openai_wire.create_body(order, seed=seed)
            )
        return await self._transport.create(
            "videos", openai_wire.create_fields(order, seed=seed), upload
        )

    async def _continue(self, order: RenderOrder) -> Reply:
        source = order.source or ""
        place = _path(source)
        if order.operation is Operation.EXTEND and Call.EXTENSIONS in self._calls:
            path, body = "videos/extensions", openai_wire.extend_body(order, source)
        elif order.operation is Operation.REMIX and Call.REMIX in self._calls:
            path, body = f"{place}/remix", openai_wire.remix_body(order)
        elif order.operation is Operation.REMIX and Call.EDITS in self._calls:
            path, body = "videos/edits", openai_wire.edit_body(order, source)
        else:
            raise UnsupportedError(f"no call to {order.operation}")
        self._count_create()
        return await self._transport.continue_from(path, body)

    def _take_back(self, operation: Operation) -> None:
        if operation is Operation.REMIX and {Call.REMIX, Call.EDITS} <= self._calls:
            _log.warning("%s has no call to remix: the next one is asked for as an edit", self.name)
            self._calls -= {Call.REMIX}
            return
        super()._take_back(operation)

    def _count_create(self) -> None:
        wait_s = self._creates.wait_s()
        if wait_s > 0:
            raise NotAcceptedError("not sent: too many creations a minute", retry_after_s=wait_s)
        self._creates.take()

    async def _look(self, remote_id: str) -> Seen:
        path = _path(remote_id)
        reply = await self._transport.get(path)
        remote = openai_wire.read_video(
            reply.body, reply.headers, asked=remote_id, rewords=self._dialect.rewords
        )
        self._known(openai_wire.status(reply.body), openai_wire.STATES)
        if remote.state is not RemoteState.READY:
            return Seen(remote=remote)
        return Seen(remote=remote, place=openai_wire.clip_address(reply.body) or f"{path}/content")

    async def _remove(self, remote_id: str) -> bool:
        reply = await self._transport.delete(_path(remote_id))
        return openai_wire.read_deleted(reply.body)

    async def _found(self, remote_id: str) -> Seen:
        """Look, for a caller that has use for trouble only."""
        try:
            return await self._look(remote_id)
        except (UnsupportedError, ValueError) as error:
            raise ProviderTroubleError(f"the look was answered with {error}") from error

    async def _listed(self, wanted: frozenset[str]) -> dict[str, Remote]:
        if Call.LIST not in self._calls or len(wanted) < 2:
            return {}
        try:
            return await self._list.find(wanted)
        except UnsupportedError:
            self._calls -= {Call.LIST}
            self._capabilities = replace(self._capabilities, can_list=False)
            return {}


def _check(account: Account, dialect: Dialect) -> None:
    for model in account.models:
        if odd := sorted(model.operations - dialect.operations):
            able = ", ".join(sorted(dialect.operations))
            raise SettingsError(
                f"{dialect.prefix}_MODELS",
                f"{model.name!r} has {', '.join(odd)}, for which {account.name} has no call",
                f"{able}; the bot composes what is left",
            )


def _path(remote_id: str) -> str:
    if not is_usable_id(remote_id):
        raise RemoteNotFoundError(f"not an id of this API: {remote_id[:40]!a}")
    return f"videos/{quote(remote_id, safe='')}"


def _load(image: Path) -> Upload:
    """Read a reference picture. Blocks; RejectedOrderError for what cannot be sent."""
    try:
        content = image.read_bytes()
        content_type, file_name = openai_wire.image_kind(content)
    except (OSError, ValueError) as error:
        raise RejectedOrderError(f"the reference picture cannot be sent: {error}") from error
    return Upload(
        name="input_reference", file_name=file_name, content_type=content_type, content=content
    )


OPENAI = Vendor(
    name="openai",
    title="any server that speaks OpenAI's Videos API (its own is off since 2026-09-24)",
    prefix=dialects.OPENAI.prefix,
    key="OPENAI_API_KEY",
    base_url="https://api.openai.com/v1",
    known=OPENAI_MODELS,
    models="sora-2; sora-2-pro",
    models_example="sora-2; my-model seconds=4,8 sizes=1280x720 usd_per_second=0.05",
    has_webhook_secret=True,
    make=OpenAIProvider,
    verified=(
        "Every request held against OpenAI's specification 2.3.0 of 2026-08-21 by a test, and the"
        " loopback server against its official Python SDK. No live call: the service is off. Images"
        " beside the clip (thumbnail, spritesheet) are not fetched."
    ),
    verified_on=date(2026, 11, 20),
)
