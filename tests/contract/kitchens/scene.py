"""A vendor's provider in its kitchen, and the orders that it can take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bot.errors import ProviderError
from bot.model import Operation
from bot.providers.base import Model, Provider, Remote, RenderOrder
from bot.providers.registry import VENDORS
from tests.contract.conftest import HURRIED, ORDER
from tests.wire.hasty_clock import HastyClock
from tests.wire.kitchen.faults import Fault
from tests.wire.kitchen.server import Kitchen
from tests.wire.kitchen.wire import Refusal, Stage, Step, Wire
from tests.wire.videos_faults import Fault as AnyFault

_PATIENCE = replace(HURRIED, call_s=0.9)
PUBLIC_URL = "https://bot.example"
PAID = (Step.CREATE, Step.CONTINUE)
MIB = 1024 * 1024


def make(
    wire: Wire, settings: dict[str, str], clock: HastyClock, *, public: bool = False
) -> Provider:
    """Make the provider after its vendor's own settings, as the registry does."""
    vendor = VENDORS[wire.name]
    settings = {f"{vendor.prefix}_REQUESTS_PER_MINUTE": "none", **settings}
    account = vendor.account(
        settings, clock, public_url=PUBLIC_URL if public else None, patience=_PATIENCE
    )
    return vendor.make(account)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What a test of the contract acts in."""

    wire: Wire
    kitchen: Kitchen
    provider: Provider
    clock: HastyClock

    @property
    def models(self) -> tuple[Model, ...]:
        return self.provider.capabilities().models

    def order(self, model: Model | None = None, **changes: Any) -> RenderOrder:
        """Return an order with odd characters in its prompt."""
        model = model or self.models[0]
        order = replace(ORDER, model=model.name, seconds=model.seconds[0], size=model.sizes[0])
        return replace(order, **changes)

    async def orders(self) -> list[RenderOrder]:
        """Return one order for each operation that is native here, with prompts of their own."""
        orders = [self.order()]
        for operation in (Operation.REMIX, Operation.EXTEND):
            able = [model for model in self.models if operation in model.operations]
            if able:
                prompt = f"{operation}: {ORDER.prompt}"
                parent = await self.parent(able[0])
                orders.append(
                    self.order(able[0], prompt=prompt, operation=operation, source=parent)
                )
        return orders

    async def parent(self, model: Model) -> str:
        """Return the provider's id of a render that is finished."""
        remote = await self.provider.submit(self.order(model, key="P4RT", prompt="the parent"))
        self.kitchen.finish()
        return remote.id

    async def submitted(self, stage: Stage | None = None, **changes: Any) -> str:
        """Submit one order, move the render on, and return the provider's id of it."""
        order = self.order(**changes)
        remote = await self.provider.submit(order)
        if stage is not None:
            renders = self.kitchen.renders.values()
            mine = [each.id for each in renders if each.asked.prompt == order.prompt]
            self.kitchen.finish(mine[-1], stage)
        return remote.id

    async def polled(self, remote_id: str) -> Remote | ProviderError:
        """Poll one render."""
        return (await self.provider.poll([remote_id]))[remote_id]

    def spoil(self, fault: AnyFault, order: RenderOrder, *, times: int = 1) -> None:
        """Let the paid call of an order go wrong, whichever call its vendor has for it."""
        for step in PAID:
            self.kitchen.fault(step, fault, prompt=order.prompt, times=times)

    def refuse(self, kind: Refusal, order: RenderOrder) -> bool:
        """Let the paid call of an order be refused in the vendor's words; False: it has none."""
        said = [(step, self.wire.refusal(kind, step)) for step in PAID]
        for step, answer in said:
            if answer is not None:
                self.kitchen.fault(step, Fault.answer(answer), prompt=order.prompt)
        return said[0][1] is not None

    def paid_calls(self) -> int:
        """Return how many paid calls there were, taken or not."""
        return sum(self.kitchen.requests[step] for step in PAID)


def left(target: Path) -> Sequence[str]:
    """Return what lies where a clip was to go."""
    return sorted(path.name for path in target.parent.iterdir())
