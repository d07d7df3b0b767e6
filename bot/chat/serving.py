"""From an interaction to the service that the client carries."""

from __future__ import annotations

from typing import Any

import discord

from bot.jobs.service import JobService


def job_service_of(interaction: discord.Interaction[Any]) -> JobService:
    """Return the service that the interaction's client carries."""
    service = getattr(interaction.client, "jobs", None)
    if not isinstance(service, JobService):
        raise TypeError("the client carries no job service")
    return service
