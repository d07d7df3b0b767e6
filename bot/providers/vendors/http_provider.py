"""The base class of all providers over HTTP.

A subclass writes `_create` and `_fetch_render`, and a method for each other call that its API has;
see docs/adding-a-provider.md.
"""

import asyncio
import contextlib
import logging
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from bot.errors import (
    ProviderAccountError,
    ProviderError,
    ProviderTroubleError,
    RemoteNotFoundError,
    SourceGoneError,
    UnknownOutcomeError,
    UnsupportedError,
)
from bot.model import Operation
from bot.providers.base import Capabilities, Download, ProviderRequest, RenderState, RenderStatus
from bot.providers.http.rate_limiter import RateLimiter
from bot.providers.http.transport import Transport
from bot.providers.vendors.vendor import ProviderAccount
from bot.settings import Secret

_log = logging.getLogger(__name__)

#: Limit for one poll with its retries, in seconds.
_POLL_TIMEOUT_S = 20.0
_MAX_CONCURRENT_POLLS = 8
#: No render has this id, which has the shape of most APIs' ids.
UNUSED_ID = "00000000-0000-0000-0000-000000000000"
_MAX_UNKNOWN_WORDS_LOGGED = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchedRender:
    """The state of a render and the address of its clip, read from one answer of a video API."""

    status: RenderStatus
    #: Address of the clip: absolute, or a path under the API's address; None while there is no clip.
    clip_url: str | None = None

    @classmethod
    def of(cls, status: RenderStatus, clip_url: str | None) -> "FetchedRender":
        """Return a render with the address of its clip, for APIs whose answers name the address.

        READY without an address becomes RUNNING: the clip is paid for, so the bot waits for the
        address until the deadline. An address with any other state is dropped.
        """
        if status.state is not RenderState.READY:
            return cls(status=status)
        if clip_url is None:
            return cls(status=replace(status, state=RenderState.RUNNING))
        return cls(status=status, clip_url=clip_url)


class HttpProvider(ABC):
    """A `Provider` over one HTTP API.

    account       the operator's settings.
    capabilities  with the models of `account`.
    credentials   header names and values, for the API's own origin only; None: the key as a bearer token.
    headers       further headers of each call to the API.
    """

    def __init__(
        self,
        account: ProviderAccount,
        capabilities: Capabilities,
        *,
        credentials: Mapping[str, Secret] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        if credentials is None:
            credentials = {"Authorization": Secret(f"Bearer {account.api_key_text}")}
        self._account = account
        self._capabilities = capabilities
        self._transport = Transport(
            base_url=account.base_url,
            credentials=credentials,
            clock=account.clock,
            timeouts=account.timeouts,
            headers=headers,
            rate_limiter=RateLimiter(account.requests_per_minute, account.clock),
        )
        self._poll_semaphore = asyncio.Semaphore(_MAX_CONCURRENT_POLLS)
        self._unknown_words_logged: set[str] = set()

    @abstractmethod
    async def _create(self, request: ProviderRequest) -> RenderStatus:
        """Make the paid call once, with `create`, `create_json` or `create_from_source` of the transport.

        Raises the transport's errors, and ValueError for an answer without a usable id. `submit`
        takes these as outcomes of the paid call. A failure before the call must raise
        ProviderRejectedError for a request that the API can't take, SourceGoneError for a missing
        source, and NotAcceptedError for anything else.
        """

    @abstractmethod
    async def _fetch_render(self, remote_id: str) -> FetchedRender:
        """Fetch one render with calls that cost nothing; idempotent.

        Raises RemoteNotFoundError for an id that this API can't have given (it may be any text),
        the errors of `Transport.get`, and ValueError for an answer that can't be read.
        """

    @property
    def name(self) -> str:
        return self._account.name

    def capabilities(self) -> Capabilities:
        return self._capabilities

    async def submit(self, request: ProviderRequest) -> RenderStatus:
        try:
            return await self._create(request)
        except (ValueError, ProviderTroubleError) as error:
            # The render may exist: `_create` raises other errors when it failed before the paid call.
            raise UnknownOutcomeError(f"the create was answered with {error}") from error
        except RemoteNotFoundError as error:
            raise SourceGoneError(str(error)) from error
        except UnsupportedError as error:
            self._withdraw_operation(request.operation)
            raise SourceGoneError(f"no such call: {error}") from error

    async def poll(self, remote_ids: Sequence[str]) -> Mapping[str, RenderStatus | ProviderError]:
        unique = tuple(dict.fromkeys(remote_ids))
        answers = await asyncio.gather(*(self._poll_one(each) for each in unique))
        return dict(zip(unique, answers, strict=True))

    async def recent(self, since: datetime) -> Sequence[RenderStatus]:
        del since
        raise UnsupportedError("this API lists no renders")

    async def download(self, remote_id: str, target: Path, *, max_bytes: int) -> Download:
        # Addresses of clips expire, so each download fetches a fresh one.
        try:
            seen = await self._fetch_render(remote_id)
        except (UnsupportedError, ValueError) as error:
            raise ProviderTroubleError(f"no address of the clip: {error}") from error
        if seen.clip_url is None:
            raise ProviderTroubleError(f"no address of the clip, state {seen.status.state}")
        try:
            return await self._transport.download(seen.clip_url, target, max_bytes=max_bytes)
        except (RemoteNotFoundError, ProviderAccountError, UnsupportedError) as error:
            if not seen.clip_url.startswith(("http://", "https://")):
                raise
            # Another host refused the file, which says nothing about the render or the account.
            raise ProviderTroubleError(f"the clip's address is refused: {error}") from error

    async def cancel(self, remote_id: str) -> bool:
        """Return False: the base class knows no call that cancels a render."""
        del remote_id
        return False

    async def delete(self, remote_id: str) -> bool:
        """Return False: the base class knows no call that deletes a render."""
        del remote_id
        return False

    async def check(self) -> str:
        # The answer to an id that does not exist tells whether the key is good, where the API checks
        # the key before the id and has ids of this shape.
        return await self._check_by_id(UNUSED_ID)

    async def refresh(self) -> None:
        return

    async def close(self) -> None:
        await self._transport.close()

    async def _check_by_id(self, unused_id: str) -> str:
        try:
            await self._fetch_render(unused_id)
        except (RemoteNotFoundError, ValueError):
            return "the key is taken"
        return "it answers"

    async def _delete(self, path: str) -> bool:
        with contextlib.suppress(RemoteNotFoundError):
            await self._transport.delete(path)
        return True

    def _read_state(self, status_word: str, states: Mapping[str, RenderState]) -> RenderState:
        """Return the state for a status word; an unknown word means RUNNING and is logged once."""
        if status_word in states:
            return states[status_word]
        logged = self._unknown_words_logged
        if status_word not in logged and len(logged) < _MAX_UNKNOWN_WORDS_LOGGED:
            logged.add(status_word)
            text = "%s: the status %a is not known; it counts as still running"
            _log.warning(text, self.name, status_word[:40])
        return RenderState.RUNNING

    async def _poll_one(self, remote_id: str) -> RenderStatus | ProviderError:
        try:
            async with self._poll_semaphore, asyncio.timeout(_POLL_TIMEOUT_S):
                return (await self._fetch_render(remote_id)).status
        except (RemoteNotFoundError, ProviderTroubleError, ProviderAccountError) as error:
            return error
        except (UnsupportedError, ValueError) as error:
            return ProviderTroubleError(f"the poll was answered with {error}")
        except TimeoutError:
            # A poll that hangs must not delay the others.
            return ProviderTroubleError(f"no answer to the poll in {_POLL_TIMEOUT_S:.0f} s")

    def _withdraw_operation(self, operation: Operation) -> None:
        can = self._capabilities
        if not any(operation in model.operations for model in can.models):
            return
        _log.warning("%s has no call to %s: the bot composes such requests", self.name, operation)
        models = tuple(
            replace(model, operations=model.operations - {operation}) for model in can.models
        )
        self._capabilities = replace(can, models=models)
