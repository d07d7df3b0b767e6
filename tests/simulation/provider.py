"""A `Provider` for the simulated video API; it can raise every error that a provider can raise."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from bot.errors import (
    ModerationError,
    NotAcceptedError,
    ProviderError,
    ProviderTroubleError,
    RemoteNotFoundError,
    RenderFailedError,
    UnknownOutcomeError,
    UnsupportedError,
)
from bot.providers.base import (
    Capabilities,
    Download,
    Model,
    ProviderRequest,
    RenderState,
    RenderStatus,
)
from bot.providers.http.clip_file import save
from tests.simulation.sites import FaultSite
from tests.simulation.videos import SKEW_S, SimulatedRender, Videos, size
from tests.simulation.world import EPOCH, SimulatedWorld

#: How long the job engine waits for a paid call's response, in seconds. A late request reaches the
#: provider up to `_LATE_S` after that.
CREATE_S = 90.0
_LATE_S = 30.0
#: The provider's deadline for a job, in seconds.
DEADLINE_S = 900.0


class ScriptedProvider:
    """A provider that sends requests to `Videos`; they arrive even if the bot process is killed."""

    def __init__(self, videos: Videos, capabilities: Capabilities) -> None:
        self.videos = videos
        self._capabilities = capabilities

    @property
    def name(self) -> str:
        return self.videos.name

    @property
    def _world(self) -> SimulatedWorld:
        return self.videos.world

    def capabilities(self) -> Capabilities:
        return self._capabilities

    async def submit(self, request: ProviderRequest) -> RenderStatus:
        world, about = self._world, self._world.label(request.idempotency_key)
        self.videos.count()
        world.asked(request.idempotency_key)
        if self.videos.is_down:
            await self._wait()
            raise NotAcceptedError("no connection")
        for site, error in (
            (FaultSite.CREATE_REFUSED, NotAcceptedError("connection refused")),
            (
                FaultSite.CREATE_429,
                NotAcceptedError("429", retry_after_s=world.dice.uniform(1, 20)),
            ),
            (FaultSite.CREATE_MODERATED, ModerationError("no")),
            (FaultSite.CREATE_500, UnknownOutcomeError("500")),
        ):
            if world.strikes(site, about):
                await self._wait()
                raise error
        if self.videos.polled and world.strikes(FaultSite.CREATE_DUPLICATE, about):
            await self._wait()
            return self._describe(self.videos.renders[world.dice.choice(self.videos.polled)])
        world.unknown_keys.add(request.idempotency_key)
        if world.strikes(FaultSite.CREATE_HANGS, about):
            await asyncio.sleep(10_000)
        if world.strikes(FaultSite.CREATE_LATE, about):
            world.send(lambda: self._create(request), CREATE_S + world.dice.uniform(0, _LATE_S))
            await asyncio.sleep(10_000)
        sent = world.send(lambda: self._create(request), self._latency_s())
        for site in (FaultSite.CREATE_LOST, FaultSite.CREATE_500_DONE, FaultSite.CREATE_HTML):
            if world.strikes(site, about):
                await self._wait(1.0)
                raise UnknownOutcomeError(site)
        await self._wait(1.0)
        answer = sent.answer()
        world.told_s[request.idempotency_key] = world.now_s
        return answer

    async def poll(self, remote_ids: Sequence[str]) -> Mapping[str, RenderStatus | ProviderError]:
        world = self._world
        self.videos.count()
        for each in remote_ids:
            world.asked(each)
            if each not in self.videos.polled:
                self.videos.polled.append(each)
        await self._wait()
        if self.videos.is_down or world.strikes(FaultSite.POLL_500):
            raise ProviderTroubleError("500", retry_after_s=world.dice.choice([None, 5.0]))
        if world.strikes(FaultSite.POLL_HTML):
            return dict.fromkeys(remote_ids, ProviderTroubleError("HTML"))
        if world.strikes(FaultSite.POLL_HANGS):
            await asyncio.sleep(world.dice.choice([30, 10_000]))
            raise ProviderTroubleError("timed out")
        answers = {each: self._status(each) for each in remote_ids}
        if world.strikes(FaultSite.POLL_PARTIAL):
            answers.pop(world.dice.choice(list(answers)))
        return answers

    async def recent(self, since: datetime) -> Sequence[RenderStatus]:
        if not self._capabilities.can_list:
            raise UnsupportedError("no list")
        self.videos.count()
        await self._wait()
        if self.videos.is_down or self._world.strikes(FaultSite.LIST_500):
            raise ProviderTroubleError("500")
        since_s = (since - EPOCH).total_seconds()
        return [
            self._describe(each)
            for each in self.videos.renders.values()
            if each.created_s + SKEW_S >= since_s
        ]

    async def download(self, remote_id: str, target: Path, *, max_bytes: int) -> Download:
        world = self._world
        self.videos.count()
        await self._wait()
        world.asked(remote_id)
        if self.videos.is_down or world.strikes(FaultSite.FILE_500):
            raise ProviderTroubleError("500")
        if world.strikes(FaultSite.FILE_EXPIRED):
            raise RemoteNotFoundError("expired")
        body = self.videos.renders[remote_id].body
        return await save(
            self._chunks(body),
            target,
            max_bytes=max_bytes,
            announced_bytes=self.announced_bytes(body),
        )

    def announced_bytes(self, body: bytes) -> int | None:
        """Return the Content-Length header that announces a whole file."""
        return len(body)

    async def cancel(self, remote_id: str) -> bool:
        world = self._world
        self.videos.count()
        world.asked(remote_id)
        if self.videos.is_down or world.strikes(FaultSite.CANCEL_500):
            await self._wait()
            raise ProviderTroubleError("500")
        if not self._capabilities.can_cancel or world.strikes(FaultSite.CANCEL_NO):
            await self._wait()
            return False
        render = self.videos.renders[remote_id]
        return await self._through(lambda: self.videos.stop(render))

    async def delete(self, remote_id: str) -> bool:
        return False

    async def check(self) -> str:
        return "well"

    async def refresh(self) -> None:
        """Do nothing, because the provider's capabilities never change."""

    async def close(self) -> None:
        """Do nothing, because this provider holds no resources."""

    def _create(self, request: ProviderRequest) -> RenderStatus:
        if self.videos.is_down:
            raise NotAcceptedError("no connection")
        return self._describe(self.videos.create(request))

    def _status(self, remote_id: str) -> RenderStatus | ProviderError:
        world, render = self._world, self.videos.renders[remote_id]
        if render.outcome == "lost" or world.now_s < render.unknown_until_s:
            return RemoteNotFoundError("404")
        if render.unknown_until_s == 0 and world.strikes(FaultSite.POLL_404, render.id):
            # The render is unknown for at most 150 s. The job engine gives up only after three 404s
            # with gaps of a minute.
            render.unknown_until_s = world.now_s + world.dice.uniform(5, 150)
            return RemoteNotFoundError("404")
        return self._describe(render)

    def _describe(self, render: SimulatedRender) -> RenderStatus:
        world, request = self._world, render.request
        state, progress, error = RenderState.RUNNING, None, None
        if render.is_stopped:
            state, error = RenderState.FAILED, RenderFailedError("stopped")
        elif render.outcome != "stuck" and world.now_s >= render.ready_s:
            state = RenderState.FAILED if render.outcome == "failed" else RenderState.READY
            error = RenderFailedError("it says") if render.outcome == "failed" else None
        elif world.strikes(FaultSite.POLL_WORDS):
            # As with a status such as "postprocessing" at 100 %, the render isn't ready yet.
            progress = 100
        elif world.strikes(FaultSite.POLL_DISORDER):
            progress = world.dice.randrange(100)
        return RenderStatus(
            id=render.id,
            state=state,
            progress=progress,
            error=error,
            cost_usd_micros=render.cost_usd_micros if state is RenderState.READY else None,
            prompt=request.prompt,
            model=request.model,
            seconds=request.seconds,
            size=request.size,
            created_at=EPOCH + timedelta(seconds=int(render.created_s + SKEW_S)),
        )

    async def _chunks(self, body: bytes) -> AsyncIterator[bytes]:
        world = self._world
        if world.strikes(FaultSite.FILE_HTML):
            yield b"<!doctype html><title>Sign in</title>"
            return
        if world.strikes(FaultSite.FILE_TRUNCATED):
            # Cut the file at the end of an MP4 box, so that only Content-Length shows that bytes
            # are missing.
            yield body[:-32]
            return
        half = len(body) // 2
        yield body[:half]
        await self._wait()
        if world.strikes(FaultSite.FILE_CUT):
            raise ProviderTroubleError("connection reset")
        yield body[half:]

    async def _through(self, effect: Callable[[], Any]) -> Any:
        sent = self._world.send(effect, self._latency_s())
        await self._wait(1.0)
        return sent.answer()

    def _latency_s(self) -> float:
        return self._world.dice.uniform(0.05, 0.9)

    async def _wait(self, seconds: float | None = None) -> None:
        await asyncio.sleep(self._latency_s() if seconds is None else seconds)


def capabilities(
    name: str,
    *,
    can_list: bool,
    can_cancel: bool,
    has_keys: bool,
    max_concurrent: int,
    deadline_s: float,
) -> Capabilities:
    """Return the capabilities of a simulated provider."""
    model = Model(
        name=model_of(name),
        label=name.title(),
        seconds=(4, 8),
        sizes=(size(),),
        usd_micros_per_second={size(): 100_000 + 1_000 * len(name)},
    )
    return Capabilities(
        models=(model,),
        max_concurrent=max_concurrent,
        typical_first_poll_s=15.0,
        deadline_s=deadline_s,
        can_list=can_list,
        submit_is_idempotent=has_keys,
        can_cancel=can_cancel,
    )


def model_of(name: str) -> str:
    """Return the name of a provider's only model.

    Two providers offer a model of the same name, so that a job can fail over.
    """
    return "bare-1" if name == "bare" else "clip-1"
