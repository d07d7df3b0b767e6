"""Reads jobs as members see them: the job with its clip, place in the queue and origin."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

from bot.clock import Clock
from bot.jobs.catalogue import Catalogue
from bot.jobs.ports import JobStatus, Origin, StatusCard
from bot.jobs.remixing import can_extend
from bot.jobs.timings import expected_s
from bot.model import Job, Operation, Request, State
from bot.storage.base import JobStore

_HAS_CLIP = frozenset({State.FITTING, State.POSTING, State.DONE, State.KEPT})


class JobStatusReader:
    """Reads what status cards and clip messages show. Raises StorageError."""

    def __init__(self, store: JobStore, catalogue: Catalogue, clock: Clock) -> None:
        self._store = store
        self._catalogue = catalogue
        self._clock = clock
        #: Jobs in DOWNLOADING that lacked disk space at their last try.
        self._without_disk_space: set[str] = set()

    def note_disk_space(self, job_id: str, *, has_space: bool) -> bool:
        """Note whether the disk has space for a job's clip; return whether the answer changed."""
        had_space = job_id not in self._without_disk_space
        (self._without_disk_space.discard if has_space else self._without_disk_space.add)(job_id)
        return had_space is not has_space

    async def read_card(self, request: Request, jobs: Iterable[Job]) -> StatusCard:
        """Return a request's status card with the given jobs."""
        return StatusCard(request=request, statuses=tuple([await self.read(job) for job in jobs]))

    async def card(self, request_id: int) -> StatusCard | None:
        """Return a request's status card as of now; None for an unknown request."""
        request = await self._store.request(request_id)
        if request is None:
            return None
        return await self.read_card(request, await self._store.jobs_of(request_id))

    async def read(self, job: Job) -> JobStatus:
        """Return one job's status."""
        spec = job.spec
        ready_at = None
        if job.state is State.RENDERING and job.submitted_at is not None:
            durations_s = await self._store.durations_s(
                spec.provider, spec.model, spec.seconds, spec.size, 50
            )
            whole_s = expected_s(durations_s)
            if whole_s is not None:
                expected_at = job.submitted_at + timedelta(seconds=whole_s)
                # An expected time that has passed is not shown.
                ready_at = expected_at if expected_at > self._clock.now() else None
        waits_for_disk = job.state is State.DOWNLOADING and job.id in self._without_disk_space
        return replace(
            self.from_memory(job),
            ahead=await self._store.position(job) if job.state is State.QUEUED else None,
            ready_at=ready_at,
            # The clip is not read before there can be one: each read waits for the database.
            clip=await self._store.clip(job.id) if job.state in _HAS_CLIP else None,
            waits_for_disk_space=waits_for_disk,
            origin=await self._origin(job),
            can_extend=can_extend(self._catalogue, job),
        )

    def from_memory(self, job: Job) -> JobStatus:
        """Return a job's status without reading the database."""
        label = self._catalogue.model_label(job.spec.provider, job.spec.model)
        provider_label = self._catalogue.provider_label(job.spec.provider)
        return JobStatus(job=job, model_label=label, provider_label=provider_label)

    async def _origin(self, job: Job) -> Origin | None:
        if job.parent_id is None:
            return None
        parent = await self._store.job(job.parent_id)
        if parent is None:
            return None
        before, spec = parent.spec, job.spec
        is_native = job.source_remote_id is not None
        takes_image = self._catalogue.takes_image(spec.provider, spec.model)
        gone_at, sent_at = parent.deleted_at, job.submitted_at
        # Whether the parent's file was there when the job was sent, or is there still.
        had_file = gone_at is None or (sent_at is not None and sent_at < gone_at)
        has_last_frame = takes_image and spec.image is None and had_file
        is_same_model = (before.provider, before.model) == (spec.provider, spec.model)
        label = self._catalogue.model_label(before.provider, before.model)
        return Origin(
            parent=parent,
            is_native=is_native,
            with_frame=not is_native and (has_last_frame or spec.operation is Operation.EXTEND),
            replaced_model_label=None if is_same_model else label,
        )
