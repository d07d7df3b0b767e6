"""Any server that speaks OpenAI's Videos API.

2026-11-20: OpenAI's own service of that shape is off since 2026-09-24; gateways and self-hosted
servers carry it on, each leaving some calls out.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

from bot.clock import Clock
from bot.errors import (
    ProviderAccountError,
    ProviderError,
    ProviderTroubleError,
    RejectedOrderError,
    RemoteNotFoundError,
    SettingsError,
    SourceGoneError,
    UnknownOutcomeError,
    UnsupportedError,
)
from bot.model import Operation
from bot.providers import openai_wire
from bot.providers.base import Capabilities, Download, Remote, RenderOrder
from bot.providers.exchange import Reply, Upload
from bot.providers.model_setting import read_models
from bot.providers.openai_models import OPENAI_MODELS
from bot.providers.patience import Patience
from bot.providers.transport import Transport
from bot.settings import Secret

_log = logging.getLogger(__name__)

#: Longest that one poll may take, its retries included, in seconds.
_POLL_S = 20.0
_POLLS_AT_A_TIME = 8
_PAGE_SIZE = 100
#: A page of the list without one of ours is read past while it may save so many requests.
_GETS_A_PAGE = 10
_MAX_PAGES = 100
_MAX_WORDS_LOGGED = 50


class OpenAIProvider:
    """A `Provider`; `models` is the text of OPENAI_MODELS.

    Raises SettingsError, naming the variable, for models or a key that cannot be used.
    """

    def __init__(
        self,
        *,
        api_key: Secret,
        base_url: str,
        models: str,
        max_concurrent: int,
        clock: Clock,
        patience: Patience | None = None,
    ) -> None:
        if not api_key.reveal().isascii():
            raise SettingsError(
                "OPENAI_API_KEY", "has characters that no HTTP header takes", "ASCII letters"
            )
        self._capabilities = Capabilities(
            models=read_models(models, variable="OPENAI_MODELS", known=OPENAI_MODELS),
            max_concurrent=max_concurrent,
            typical_first_poll_s=20.0,
            can_list=True,
            can_delete=True,
        )
        self._transport = Transport(
            base_url=base_url,
            credentials={"Authorization": Secret(f"Bearer {api_key.reveal()}")},
            clock=clock,
            patience=patience,
        )
        self._polls = asyncio.Semaphore(_POLLS_AT_A_TIME)
        self._words_logged: set[str] = set()
        self._has_list = True

    @property
    def name(self) -> str:
        return "openai"

    def capabilities(self) -> Capabilities:
        return self._capabilities

    async def submit(self, order: RenderOrder) -> Remote:
        if order.operation is Operation.GENERATE:
            upload = None if order.image is None else await asyncio.to_thread(_load, order.image)
            reply = await self._transport.create("videos", openai_wire.create_fields(order), upload)
        else:
            reply = await self._continue(order)
        try:
            remote = openai_wire.read_video(reply.body, reply.headers)
        except ValueError as error:
            raise UnknownOutcomeError(f"the create was answered with {error}") from error
        self._note_status(reply.body)
        return remote

    async def poll(self, remote_ids: Sequence[str]) -> Mapping[str, Remote | ProviderError]:
        unique = tuple(dict.fromkeys(remote_ids))
        found = await self._listed(frozenset(unique)) if len(unique) > 1 else {}
        rest = [remote_id for remote_id in unique if remote_id not in found]
        asked = await asyncio.gather(*(self._poll_one(remote_id) for remote_id in rest))
        return {**found, **dict(zip(rest, asked, strict=True))}

    async def recent(self, since: datetime) -> Sequence[Remote]:
        # The API tells whole seconds: a render of 12:00:00.7 reads 12:00:00.
        floor_at = since.replace(microsecond=0)
        found: dict[str, Remote] = {}
        after: str | None = None
        for _ in range(_MAX_PAGES):
            page = await self._page(after)
            fresh = [video for video in page.videos if video.id not in found]
            found.update((video.id, video) for video in fresh)
            if not page.videos or page.has_more is False or _ends_before(page, floor_at):
                return [video for video in found.values() if _is_since(video, floor_at)]
            if not fresh:
                if page.has_more is None:
                    # 2026-11-20: SGLang gives everything at once and knows no cursor.
                    return [video for video in found.values() if _is_since(video, floor_at)]
                raise ProviderTroubleError("the list repeats itself")
            after = page.last_id
        raise ProviderTroubleError(f"the list goes on after {_MAX_PAGES} pages")

    async def download(self, remote_id: str, target: Path, *, max_bytes: int) -> Download:
        return await self._transport.download(
            f"{_path(remote_id)}/content", target, max_bytes=max_bytes
        )

    async def cancel(self, remote_id: str) -> bool:
        """False, always: the API has no such call.

        2026-08-21: its DELETE is meant for renders that are finished (specification 2.3.0), and
        says nothing about what an unfinished one will cost.
        """
        del remote_id
        return False

    async def delete(self, remote_id: str) -> bool:
        try:
            reply = await self._transport.delete(_path(remote_id))
        except RemoteNotFoundError:
            return True
        except UnsupportedError:
            return False  # 2026-10-07: LiteLLM's proxy has no DELETE
        return openai_wire.read_deleted(reply.body)

    async def close(self) -> None:
        await self._transport.close()

    async def _continue(self, order: RenderOrder) -> Reply:
        source = order.source or ""
        try:
            place = _path(source)
            if order.operation is Operation.REMIX:
                body = openai_wire.remix_body(order)
                return await self._transport.continue_from(f"{place}/remix", body)
            body = openai_wire.extend_body(order, source)
            return await self._transport.continue_from("videos/extensions", body)
        except RemoteNotFoundError as error:
            raise SourceGoneError(str(error)) from error
        except UnsupportedError as error:
            self._take_back(order.operation)
            raise SourceGoneError(f"no such call: {error}") from error

    def _take_back(self, operation: Operation) -> None:
        can = self._capabilities
        if not any(operation in model.operations for model in can.models):
            return
        _log.warning("this server has no call to %s: the bot composes such orders", operation)
        models = tuple(
            replace(model, operations=model.operations - {operation}) for model in can.models
        )
        self._capabilities = replace(can, models=models)

    async def _listed(self, wanted: frozenset[str]) -> dict[str, Remote]:
        """Return what the newest pages of the list say of `wanted`: one request for many renders.

        Whatever the list leaves out, or the whole of it when it can't be read, is asked for by id.
        """
        found: dict[str, Remote] = {}
        after: str | None = None
        barren = 0
        while self._has_list:
            try:
                async with asyncio.timeout(_POLL_S):
                    page = await self._page(after)
            except UnsupportedError:
                self._has_list = False
                self._capabilities = replace(self._capabilities, can_list=False)
                break
            except (ProviderTroubleError, ProviderAccountError, TimeoutError):
                break
            here = {video.id: video for video in page.videos if video.id in wanted}
            barren += not here.keys() - found.keys()
            found |= here
            # A page without one of ours may be all newer than ours, or all older: reading on is
            # worth it while requests one by one would be many more.
            spare = len(wanted) - len(found) - barren * _GETS_A_PAGE
            if spare <= 0 or not page.has_more or page.last_id in (None, after):
                break
            after = page.last_id
        return found

    async def _poll_one(self, remote_id: str) -> Remote | ProviderError:
        try:
            async with self._polls, asyncio.timeout(_POLL_S):
                reply = await self._transport.get(_path(remote_id))
            remote = openai_wire.read_video(reply.body, reply.headers)
        except (RemoteNotFoundError, ProviderTroubleError, ProviderAccountError) as error:
            return error
        except (UnsupportedError, ValueError) as error:
            return ProviderTroubleError(f"the poll was answered with {error}")
        except TimeoutError:
            # One answer that hangs must not hold up those of all the others.
            return ProviderTroubleError(f"no answer to the poll in {_POLL_S:.0f} s")
        self._note_status(reply.body)
        return remote

    async def _page(self, after: str | None) -> openai_wire.Page:
        query = {"limit": str(_PAGE_SIZE), "order": "desc"}
        if after is not None:
            query["after"] = after
        try:
            reply = await self._transport.get("videos", query)
            return openai_wire.read_page(reply.body)
        except RemoteNotFoundError as error:
            if after is None:
                raise UnsupportedError("this server has no list") from error
            raise ProviderTroubleError("the list broke off") from error
        except ValueError as error:
            raise ProviderTroubleError(f"the list was answered with {error}") from error

    def _note_status(self, body: object) -> None:
        word = openai_wire.unknown_status(body)
        if word is None or word in self._words_logged:
            return
        if len(self._words_logged) < _MAX_WORDS_LOGGED:
            self._words_logged.add(word)
            _log.warning("the status %a is not known; it counts as still running", word)


def _path(remote_id: str) -> str:
    if not openai_wire.is_usable_id(remote_id):
        raise RemoteNotFoundError(f"not an id of this API: {remote_id[:40]!a}")
    return f"videos/{quote(remote_id, safe='')}"


def _load(image: Path) -> Upload:
    try:
        content = image.read_bytes()
        content_type, file_name = openai_wire.image_kind(content)
    except (OSError, ValueError) as error:
        raise RejectedOrderError(f"the reference picture cannot be sent: {error}") from error
    return Upload(
        name="input_reference", file_name=file_name, content_type=content_type, content=content
    )


def _is_since(video: Remote, floor_at: datetime) -> bool:
    return video.created_at is None or video.created_at >= floor_at


def _ends_before(page: openai_wire.Page, floor_at: datetime) -> bool:
    """Whether all that follows the page is older, which holds if it runs from new to old."""
    instants = [video.created_at for video in page.videos if video.created_at is not None]
    descends = all(a >= b for a, b in itertools.pairwise(instants))
    return len(instants) == len(page.videos) > 1 and descends and instants[-1] < floor_at
