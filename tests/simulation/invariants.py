"""Checks, when all jobs are final, that no invariant is broken in the world or the database."""

from __future__ import annotations

import sqlite3
from collections import Counter

from tests.simulation.environment import SimulatedEnvironment
from tests.simulation.known_limits import KnownLimit
from tests.simulation.provider import DEADLINE_S
from tests.simulation.sites import FaultSite
from tests.simulation.videos import SimulatedRender
from tests.simulation.world import SimulatedWorld


def check(environment: SimulatedEnvironment) -> None:
    """Record a violation for each invariant that does not hold."""
    jobs = environment.rows("SELECT * FROM jobs ORDER BY seq")
    for job in jobs:
        _check_end(environment, job)
        _check_ledger(environment, job)
        _check_messages(environment, job)
    _check_bills(environment, jobs)
    _check_promises(environment, jobs)


def _check_end(environment: SimulatedEnvironment, job: sqlite3.Row) -> None:
    world, label = environment.world, environment.world.label(job["id"])
    if job["finished_at"] is None:
        world.breach(f"{label} never ends: {job['state']}")
    if job["state"] == "failed":
        reason = _untrue_reason(environment, job)
        if reason:
            world.breach(f"{label} failed with {job['error_code']}: {reason}")


def _untrue_reason(environment: SimulatedEnvironment, job: sqlite3.Row) -> str | None:
    """Return why a failed job's error message is untrue, or None if it is true."""
    render = _render(environment, job)
    match job["error_code"]:
        case "moderation":
            return None
        case "render_lost":
            return _forgotten(environment.world, job)
        case "duplicate_render":
            was_doubled = environment.world.hits[FaultSite.CREATE_DUPLICATE] > 0
            # A job with the same prompt may find this job's render in the list and take it.
            twins = environment.rows(
                "SELECT 1 FROM jobs WHERE prompt = ? AND id <> ? AND remote_id NOTNULL",
                job["prompt"],
                job["id"],
            )
            return None if was_doubled or twins else "its render id was its own"
        case "render_failed":
            wrong = render is None or (render.outcome != "failed" and not render.is_stopped)
            return "it did not" if wrong else None
        case "remote_not_found":
            return None if render is not None and render.outcome == "lost" else "it is there"
        case "deadline" | "not_accepted":
            return _early(environment.world, job)
        case other:
            return f"unexpected error {other}"


def _forgotten(world: SimulatedWorld, job: sqlite3.Row) -> str | None:
    """Return how long a process lived that was told the render of a lost job; None: it died at once.

    Longer than a moment is a fault of the bot: it has a journal for a database that refuses.
    """
    told_s = world.told_s.get(job["id"])
    if told_s is None:
        return None
    died_s = next((each for each in world.deaths_s if each >= told_s), world.now_s)
    lived_s = died_s - told_s
    return f"its process was told the render and lived {lived_s:.1f} s" if lived_s > 1 else None


def _early(world: SimulatedWorld, job: sqlite3.Row) -> str | None:
    """Return how long after its request a job failed, if it failed too early; otherwise None."""
    asked_s = world.asked_s[f"R{job['request_id'] & 0xFFFF}"][0]
    waited_s = world.ended_s[job["id"]] - asked_s
    # A job may fail before its deadline, if its next attempt would come after the deadline.
    return None if waited_s > DEADLINE_S - 200 else f"after {waited_s:.0f} s"


def _check_ledger(environment: SimulatedEnvironment, job: sqlite3.Row) -> None:
    world, label = environment.world, environment.world.label(job["id"])
    rows = environment.rows("SELECT * FROM ledger WHERE job_id = ? ORDER BY id", job["id"])
    kinds = [row["kind"] for row in rows]
    sums = tuple(sum(row[unit] for row in rows) for unit in ("clips", "seconds", "usd_micros"))
    if job["finished_at"] is None:
        return
    if kinds[0] != "reserve" or kinds.count("reserve") + kinds.count("amend") != len(kinds) - 1:
        world.breach(f"{label} {job['state']}: the ledger says {kinds}")
    if job["state"] in ("done", "kept"):
        render = _render(environment, job)
        cost = None if render is None else render.cost_usd_micros
        wanted = (1, job["seconds"], job["estimate_usd_micros"] if cost is None else cost)
        if sums != wanted or kinds[-1] != "settle":
            world.breach(f"{label} {job['state']}: {kinds} sum to {sums}, not {wanted}")
    elif sums != (0, 0, 0):
        world.breach(f"{label} {job['state']}: {sums} is charged")


def _check_messages(environment: SimulatedEnvironment, job: sqlite3.Row) -> None:
    world, label = environment.world, environment.world.label(job["id"])
    name = f"sora-{job['id']}.mp4"
    shown = environment.channels.holding(name)
    render = _render(environment, job)
    if len(shown) > 1:
        world.breach(f"{label} {job['state']}: shown {len(shown)} times", _two_of(world, job["id"]))
    for message in shown:
        if render is None or message.files[name] != render.body:
            world.breach(f"{label}: not the bytes that were rendered")
    if job["state"] == "done" and job["message_id"] not in [each.id for each in shown]:
        world.breach(f"{label} done: its message does not show it")
    if job["state"] in ("failed", "cancelled") and shown:
        world.breach(f"{label} {job['state']}: shown")


def _two_of(world: SimulatedWorld, job_id: str) -> KnownLimit | None:
    """Return the known limit that explains why a clip was posted more than once, if one does."""
    channels = {channel_id for _, channel_id in world.sent.get(job_id, set())}
    return KnownLimit.TWO_PLACES if len(channels) > 1 else None


def _check_bills(environment: SimulatedEnvironment, jobs: list[sqlite3.Row]) -> None:
    """Record a violation for each job whose render was paid for twice.

    Jobs with equal prompt and length are counted together, because they may get each other's
    renders.
    """
    world = environment.world
    asked = Counter((job["prompt"], job["seconds"]) for job in jobs)
    gone = Counter((job["prompt"], job["seconds"]) for job in jobs if job["state"] == "cancelled")
    made: Counter[tuple[str, int]] = Counter()
    kept: Counter[tuple[str, int]] = Counter()
    for videos in environment.videos.values():
        for render in videos.renders.values():
            wanted = render.request.prompt, render.request.seconds
            made[wanted] += 1
            kept[wanted] += not render.is_stopped
    for wanted, count in made.items():
        if count > asked[wanted]:
            world.breach(f"{wanted[0]!r}: {count} creates for {asked[wanted]} jobs")
        elif kept[wanted] > asked[wanted] - gone[wanted]:
            world.breach(f"{wanted[0]!r}: a cancelled job's render is billed")


def _check_promises(environment: SimulatedEnvironment, jobs: list[sqlite3.Row]) -> None:
    """Record a violation for each accepted job that is gone, and each false "cancelled"."""
    world, states = environment.world, {job["id"]: job["state"] for job in jobs}
    for job_id in environment.members.known.values():
        if job_id not in states:
            world.breach("an accepted job is gone")
    for job_id in sorted(environment.members.told_cancelled, key=world.label):
        if states.get(job_id) != "cancelled":
            world.breach(f"{world.label(job_id)} was said to be cancelled: {states.get(job_id)}")


def _render(environment: SimulatedEnvironment, job: sqlite3.Row) -> SimulatedRender | None:
    return environment.videos[job["provider"]].renders.get(job["remote_id"] or "")
