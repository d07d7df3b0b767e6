"""Wraps a provider and derives the provider's health from the outcome of each call."""

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeAlias

from bot.errors import (
    NotAcceptedError,
    ProviderAccountError,
    ProviderError,
    ProviderTroubleError,
    SorabotError,
    UnknownOutcomeError,
)
from bot.providers.base import Capabilities, Download, Provider, ProviderRequest, RenderStatus
from bot.providers.health import CircuitBreakers

_ACCOUNT_REFUSED = "it refuses the account"
#: A function that is called with the provider, the call and the outcome of each request: `ok`, an
#: error's code, `defect` for an exception outside `bot.errors`, or `cut_off` for a cancelled call.
#: A poll of several renders counts once per render.
RequestObserver: TypeAlias = Callable[[str, str, str], None]


@dataclass(eq=False)
class WatchedProvider:
    """A `Provider` that forwards calls to another and records their outcome in `CircuitBreakers`.

    After a refused submit only an accepted submit ends the outage, because an API with an empty
    balance still answers all other calls. A successful `check` ends any other outage.
    """

    _provider: Provider
    _health: CircuitBreakers
    #: Called with the outcome of each call; must not raise.
    _on_request: RequestObserver | None = None

    @property
    def name(self) -> str:
        return self._provider.name

    def capabilities(self) -> Capabilities:
        return self._provider.capabilities()

    async def submit(self, request: ProviderRequest) -> RenderStatus:
        health_when_sent = self._health.of(self.name)
        try:
            with self._count_outcome("submit"):
                remote = await self._provider.submit(request)
        except NotAcceptedError as error:
            wait_s, why = error.retry_after_s, "it takes no new work right now"
            self._health.record_trouble(self.name, why, retry_after_s=wait_s)
            raise
        except UnknownOutcomeError:
            self._health.record_trouble(self.name, "it did not answer a request")
            raise
        except ProviderAccountError:
            self._health.record_account_refusal(self.name, _ACCOUNT_REFUSED, by_submit=True)
            raise
        self._health.record_success(self.name, health_when_sent)
        return remote

    async def poll(self, remote_ids: Sequence[str]) -> Mapping[str, RenderStatus | ProviderError]:
        with self._count_outcome("poll", errors_only=True):
            answers = await self._provider.poll(remote_ids)
        for each in answers.values():
            self._count("poll", each.code if isinstance(each, ProviderError) else "ok")
        troubles = [each for each in answers.values() if isinstance(each, ProviderTroubleError)]
        if any(isinstance(each, ProviderAccountError) for each in answers.values()):
            self._health.record_account_refusal(self.name, _ACCOUNT_REFUSED)
        elif troubles and len(troubles) == len(answers):
            waits_s = [each.retry_after_s for each in troubles if each.retry_after_s is not None]
            wait_s, why = max(waits_s, default=None), "it does not answer"
            self._health.record_trouble(self.name, why, retry_after_s=wait_s)
        return answers

    async def recent(self, since: datetime) -> Sequence[RenderStatus]:
        with self._count_outcome("recent"):
            return await self._provider.recent(since)

    async def download(self, remote_id: str, target: Path, *, max_bytes: int) -> Download:
        with self._count_outcome("download"):
            return await self._provider.download(remote_id, target, max_bytes=max_bytes)

    async def cancel(self, remote_id: str) -> bool:
        with self._count_outcome("cancel"):
            return await self._provider.cancel(remote_id)

    async def delete(self, remote_id: str) -> bool:
        with self._count_outcome("delete"):
            return await self._provider.delete(remote_id)

    async def check(self) -> str:
        try:
            with self._count_outcome("check"):
                result = await self._provider.check()
        except ProviderAccountError:
            self._health.record_account_refusal(self.name, _ACCOUNT_REFUSED)
            raise
        self._health.record_free_call(self.name)
        return result

    async def refresh(self) -> None:
        with self._count_outcome("refresh"):
            await self._provider.refresh()

    async def close(self) -> None:
        await self._provider.close()

    @contextmanager
    def _count_outcome(self, call: str, *, errors_only: bool = False) -> Generator[None]:
        """Count the call in the block by its outcome; `errors_only` leaves out a success."""
        outcome = "cut_off"
        try:
            yield
            outcome = "ok"
        except SorabotError as error:
            outcome = error.code
            raise
        except Exception:
            outcome = "defect"
            raise
        finally:
            if outcome != "ok" or not errors_only:
                self._count(call, outcome)

    def _count(self, call: str, outcome: str) -> None:
        if self._on_request is not None:
            self._on_request(self.name, call, outcome)
