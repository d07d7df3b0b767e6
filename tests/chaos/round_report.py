"""Checks, at the end of a chaos round, Discord, the providers and the bot's database for errors."""

from __future__ import annotations

import hashlib
import re
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.chaos.harness import ChaosHarness
from tests.wire.bot_process import ROOT

_FINAL = ("done", "kept", "failed", "cancelled")


@dataclass(slots=True)
class RoundReport:
    """The counts of a chaos round.

    `lost` and the later fields count violations; `found` describes them.
    """

    jobs: int = 0
    done: int = 0
    #: Number of jobs that failed because a paid call's outcome is unknown; refunded, but maybe
    #: billed.
    unknown: int = 0
    #: How many of the jobs in `unknown` were at the provider that has a list of renders.
    unlisted: int = 0
    lost: int = 0
    twice: int = 0
    paid_twice: int = 0
    ledger: int = 0
    bytes: int = 0
    other: int = 0
    found: list[str] = field(default_factory=list)

    def breach(self, kind: str, words: str) -> None:
        setattr(self, kind, getattr(self, kind) + 1)
        self.found.append(f"{kind}: {words}")


def check_round(harness: ChaosHarness, report: RoundReport) -> None:
    """Compare the bot's database with what Discord and the providers received in the round."""
    jobs = harness.rows("SELECT * FROM jobs ORDER BY seq")
    report.jobs = len(jobs)
    shown = _shown(harness)
    for job in jobs:
        report.done += job["state"] == "done"
        if job["error_code"] == "render_lost":
            report.unknown += 1
            # The provider named openai has a list, in which the bot can find out every call's
            # outcome.
            if job["provider"] == "openai":
                report.unlisted += 1
        _check_end(report, job)
        _check_ledger(report, harness, job)
        _check_messages(report, harness, job, shown[f"sora-{job['id']}.mp4"])
    _check_bills(report, harness, jobs)
    _check_promises(report, harness, jobs)
    for name, said in (
        ("Discord", harness.discord.violations),
        ("openai", harness.openai.violations),
        ("cometapi", harness.relay.violations),
    ):
        for each in said:
            report.breach("other", f"{name}: {each}")
    for each in _tracebacks(harness.log):
        report.breach("other", each)


def _tracebacks(log: str) -> Iterator[str]:
    """Yield the log's tracebacks that pass through the bot's own code; kills cause the others."""
    for block in re.split(r"^(?=Traceback )", log, flags=re.MULTILINE)[1:]:
        if f'"{ROOT / "bot"}/' in block:
            yield block[:2000]


def unfinished(harness: ChaosHarness) -> str | None:
    """Return a description of work that the bot hasn't finished, or None if all is finished."""
    for job in harness.rows("SELECT id, state FROM jobs WHERE finished_at IS NULL"):
        return f"{job['id']} is {job['state']}"
    for message in harness.rows("SELECT * FROM errands"):
        return f"outbox message {dict(message)}"
    return next(_stale_cards(harness), None)


def _stale_cards(harness: ChaosHarness) -> Iterator[str]:
    """Yield descriptions of the status cards that don't show how their jobs ended."""
    for asked in harness.sent_commands:
        jobs = harness.rows(
            "SELECT * FROM jobs WHERE request_id = ?", int(asked.sent.payload["id"])
        )
        card = asked.card
        if card is None or not jobs:
            continue
        noted = harness.rows(
            "SELECT card_message_id FROM requests WHERE id = ?", int(asked.sent.payload["id"])
        )
        # A bot that was killed before it stored its status card's message id can't update the card.
        if noted[0]["card_message_id"] is None:
            continue
        embed = str(harness.discord.world.message(card["channel_id"], card["id"])["embeds"])
        for job in jobs:
            if job["deleted_at"] is None and not _tells(embed, job):
                yield f"card of {job['id']} ({job['state']}): {embed[:300]}"


def _tells(embed: str, job: sqlite3.Row) -> bool:
    match job["state"]:
        case "done":
            return f"/{job['message_id']}" in embed
        case "cancelled":
            return "ancelled" in embed
        case _:
            return (job["error_text"] or "")[:40] in embed.replace("\\'", "'")


def _shown(harness: ChaosHarness) -> defaultdict[str, list[tuple[str, Any]]]:
    """Return, for each file name, every (channel id, attachment) that shows the file in Discord."""
    found: defaultdict[str, list[tuple[str, Any]]] = defaultdict(list)
    for channel, posts in harness.discord.messages.items():
        for post in posts:
            for attachment in post["attachments"]:
                found[attachment["filename"]].append((channel, attachment))
    return found


def _check_end(report: RoundReport, job: sqlite3.Row) -> None:
    if job["state"] not in _FINAL:
        report.breach("lost", f"{job['id']} is {job['state']} for ever: {dict(job)}")


def _check_ledger(report: RoundReport, harness: ChaosHarness, job: sqlite3.Row) -> None:
    rows = harness.rows("SELECT * FROM ledger WHERE job_id = ? ORDER BY id", job["id"])
    kinds = [row["kind"] for row in rows]
    sums = tuple(sum(row[unit] for row in rows) for unit in ("clips", "seconds", "usd_micros"))
    counted = (1, job["seconds"], job["estimate_usd_micros"])
    end, wanted = ("settle", counted) if job["state"] in ("done", "kept") else ("refund", (0, 0, 0))
    unexpected = set(kinds[1:-1]) - {"amend"}
    if sums != wanted or kinds[:1] != ["reserve"] or kinds[-1:] != [end] or unexpected:
        report.breach("ledger", f"{job['id']} {job['state']}: {kinds} sum to {sums}, not {wanted}")


def _check_messages(
    report: RoundReport, harness: ChaosHarness, job: sqlite3.Row, shown: list[tuple[str, Any]]
) -> None:
    gallery = harness.discord.world.channel("gallery")["id"]
    posts = [each for each in shown if each[0] != gallery]
    copies = len(shown) - len(posts)
    label = f"{job['id']} {job['state']} ({job['error_code']})"
    if len(posts) > 1 or copies > 1:
        report.breach("twice", f"{label}: {len(posts)} posts, {copies} copies")
    if job["deleted_at"] is not None:
        if shown:
            report.breach("other", f"{label}: deleted, and still shown")
        return
    if job["state"] == "done" and not posts:
        report.breach("lost", f"{label}: no message has it")
    if job["state"] in ("failed", "cancelled") and shown:
        report.breach("other", f"{label}: shown")
    _check_bytes(report, harness, job, [attachment for _, attachment in shown])


def _check_bytes(
    report: RoundReport, harness: ChaosHarness, job: sqlite3.Row, attachments: list[Any]
) -> None:
    if job["state"] not in ("done", "kept"):
        return
    render = harness.providers[job["provider"]].renders.get(job["remote_id"])
    if render is None or not isinstance(render.content, bytes):
        report.breach("bytes", f"{job['id']}: render {job['remote_id']} is gone or was not taken")
        return
    digest = hashlib.sha256(render.content).hexdigest()
    clip = harness.rows("SELECT * FROM clips WHERE job_id = ?", job["id"])[0]
    kept = harness.folder / "data" / "clips" / clip["archive_key"]
    digests = {
        clip["sha256"],
        hashlib.sha256(kept.read_bytes()).hexdigest() if kept.exists() else "not in the archive",
        *(harness.discord.stored(each).sha256 for each in attachments),
    }
    if digests != {digest}:
        report.breach("bytes", f"{job['id']}: {digests}, not {digest}")


def _check_bills(report: RoundReport, harness: ChaosHarness, jobs: list[sqlite3.Row]) -> None:
    """Check that no job was billed twice, and that every billed render belongs to a job."""
    # Deleted jobs no longer have a prompt, so take the prompt from the command that was sent.
    asked = {int(each.sent.payload["id"]): each.prompt for each in harness.sent_commands}
    most = Counter(_billed_words(job, asked) for job in jobs)
    billed = harness.openai.creates + harness.relay.creates
    for words, times in billed.items():
        if times > most[words]:
            report.breach("paid_twice", f"{words!r}: {times} creates for {most[words]} jobs")
    held = {(job["provider"], job["remote_id"]) for job in jobs if job["remote_id"]}
    unknown = Counter(
        _billed_words(job, asked) for job in jobs if job["error_code"] == "render_lost"
    )
    for name, provider in harness.providers.items():
        for render in provider.renders.values():
            if (name, render.id) in held:
                continue
            if unknown[render.prompt]:
                unknown[render.prompt] -= 1
                continue
            report.breach("paid_twice", f"{name} {render.id} {render.prompt!r} belongs to no job")


def _billed_words(job: sqlite3.Row, asked: dict[int, str]) -> str:
    if job["source_remote_id"] is not None:
        return job["change"]
    return job["prompt"] or asked[job["request_id"]]


def _check_promises(report: RoundReport, harness: ChaosHarness, jobs: list[sqlite3.Row]) -> None:
    """Check that each command created all its jobs, or none if it got no public status card."""
    by_request = Counter(job["request_id"] for job in jobs)
    for asked in harness.sent_commands:
        there = by_request[int(asked.sent.payload["id"])]
        if there not in (0, asked.count) or (asked.card is not None and not there):
            report.breach("lost", f"{asked.prompt!r}: {there} jobs of {asked.count}")
