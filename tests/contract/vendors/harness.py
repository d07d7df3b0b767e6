"""A vendor's provider connected to the vendor's double, and requests that the provider accepts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bot.errors import ProviderError
from bot.model import Operation
from bot.providers.base import Model, Provider, ProviderRequest, RenderStatus
from bot.providers.registry import VENDORS
from tests.contract.conftest import REQUEST, SHORT_TIMEOUTS
from tests.wire.autojump_clock import AutojumpClock
from tests.wire.provider_double.faults import ProviderFault
from tests.wire.provider_double.server import ProviderDouble
from tests.wire.provider_double.wire import Refusal, RenderStage, Step, Wire
from tests.wire.videos_faults import VideosFault as AnyFault

_TIMEOUTS = replace(SHORT_TIMEOUTS, call_s=0.9)
PUBLIC_URL = "https://bot.example"
PAID = (Step.CREATE, Step.CONTINUE)
MIB = 1024 * 1024


def make(
    wire: Wire, settings: dict[str, str], clock: AutojumpClock, *, public: bool = False
) -> Provider:
    """Create a provider from its vendor's settings, as the provider registry does."""
    vendor = VENDORS[wire.name]
    settings = {f"{vendor.prefix}_REQUESTS_PER_MINUTE": "none", **settings}
    account = vendor.read_account(
        settings, clock, public_url=PUBLIC_URL if public else None, timeouts=_TIMEOUTS
    )
    return vendor.make_provider(account)


@dataclass(frozen=True, slots=True, kw_only=True)
class VendorHarness:
    """A vendor's provider, its double and its clock, with helpers for the contract tests."""

    wire: Wire
    double: ProviderDouble
    provider: Provider
    clock: AutojumpClock

    @property
    def models(self) -> tuple[Model, ...]:
        return self.provider.capabilities().models

    def request(self, model: Model | None = None, **changes: Any) -> ProviderRequest:
        """Return a request for a clip whose prompt contains unusual characters."""
        model = model or self.models[0]
        plain = replace(REQUEST, model=model.name, seconds=model.seconds[0], size=model.sizes[0])
        return replace(plain, **changes)

    async def native_requests(self) -> list[ProviderRequest]:
        """Return a request for each operation that the vendor offers, each with its own prompt."""
        requests = [self.request()]
        for operation in (Operation.REMIX, Operation.EXTEND):
            able = [model for model in self.models if operation in model.operations]
            if able:
                prompt = f"{operation}: {REQUEST.prompt}"
                parent = await self.parent(able[0])
                requests.append(
                    self.request(
                        able[0], prompt=prompt, operation=operation, source_remote_id=parent
                    )
                )
        return requests

    async def parent(self, model: Model) -> str:
        """Make a finished render to continue from, and return its remote id."""
        remote = await self.provider.submit(
            self.request(model, idempotency_key="P4RT", prompt="the parent")
        )
        self.double.finish()
        return remote.id

    async def submitted(self, stage: RenderStage | None = None, **changes: Any) -> str:
        """Submit a request, move its render to `stage`, and return its remote id."""
        request = self.request(**changes)
        remote = await self.provider.submit(request)
        if stage is not None:
            renders = self.double.renders.values()
            mine = [each.id for each in renders if each.paid_call.prompt == request.prompt]
            self.double.finish(mine[-1], stage)
        return remote.id

    async def polled(self, remote_id: str) -> RenderStatus | ProviderError:
        """Poll one render."""
        return (await self.provider.poll([remote_id]))[remote_id]

    def fail_paid_call(self, fault: AnyFault, request: ProviderRequest, *, times: int = 1) -> None:
        """Make the paid call of a request fail with `fault`, whether it creates or continues a
        clip.
        """
        for step in PAID:
            self.double.fault(step, fault, prompt=request.prompt, times=times)

    def refuse(self, kind: Refusal, request: ProviderRequest) -> bool:
        """Make the vendor's double refuse the paid call of a request in the vendor's own format.

        Returns False if the vendor has no such refusal.
        """
        said = [(step, self.wire.refusal(kind, step)) for step in PAID]
        for step, answer in said:
            if answer is not None:
                self.double.fault(step, ProviderFault.answer(answer), prompt=request.prompt)
        return said[0][1] is not None

    def paid_calls(self) -> int:
        """Return the number of paid calls that were made, whether they were accepted or not."""
        return sum(self.double.requests[step] for step in PAID)


def files_beside(target: Path) -> Sequence[str]:
    """Return the names of all files in the folder of `target`."""
    return sorted(path.name for path in target.parent.iterdir())
