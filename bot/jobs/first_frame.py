"""The image that a clip begins with: a reference image, or the last frame of its parent."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from bot.errors import SourceGoneError, StorageError
from bot.jobs.catalogue import can_make
from bot.jobs.worker_context import WorkerContext
from bot.model import Job, Operation, RenderSpec
from bot.providers.base import Model, Provider

_log = logging.getLogger(__name__)


@asynccontextmanager
async def first_frame(
    context: WorkerContext, provider: Provider, job: Job
) -> AsyncGenerator[Path | None]:
    """Hold the image file for `job`'s paid call; None where it has none.

    Raises SourceGoneError when an extension has no frame to begin with, and StorageError when the
    frame can't be written. Leaving the context raises nothing.
    """
    spec = job.spec
    composed = job.parent_id is not None and job.source_remote_id is None
    if not composed or spec.image is not None or not _takes_image(provider, spec.model):
        yield spec.image
        return
    path = context.temp_dir / f"{job.id}.png"
    try:
        frame = await context.thumbnails.last_frame(job.parent_id or "", path, spec.size)
    except (StorageError, OSError) as error:
        raise StorageError(f"not sent, no picture: {error}") from error
    try:
        if frame is None and spec.operation is Operation.EXTEND:
            raise SourceGoneError("the clip to go on from is gone")
        yield frame
    finally:
        try:
            await context.thumbnails.remove_file(path)
        except OSError as error:
            # The call may have been accepted: its result must not be lost because of this file.
            _log.warning("%s stays until the next start: %s", path.name, error)


def can_compose(provider: Provider, spec: RenderSpec) -> bool:
    """Return whether a provider can make `spec` without the render that it starts from."""
    model = _find_model(provider, spec.model)
    return model is not None and can_make(model, spec)


def _takes_image(provider: Provider, name: str) -> bool:
    model = _find_model(provider, name)
    return model is not None and model.takes_image


def _find_model(provider: Provider, name: str) -> Model | None:
    models = provider.capabilities().models
    return next((each for each in models if each.name == name), None)
