"""The bot opens the database of the previous release, finishes its jobs, and answers its old
buttons.
"""

from __future__ import annotations

import logging
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path

import discord
import pytest
from simcord.results import to_discord_message

from tests.behaviour.clips import private_answer
from tests.behaviour.old_answers import answered, sent_in
from tests.behaviour.pressing import Press, heard, presses
from tests.behaviour.release_before import FOLDER, Before, release_before

#: The prompts of the jobs that were in progress at the upgrade, with the state of each.
STATES = {
    "a post of unknown outcome": "posting",
    "a slow snail": "rendering",
    "a render of unknown outcome": "submitting",
    "a patient tortoise": "queued",
    "a hedgehog to be stopped": "queued",
    "a badger to be stopped": "queued",
    "a weasel to be stopped": "queued",
}
#: Tables whose rows a start of the bot must not change.
KEPT = ("limits", "grants", "budgets", "blocks", "house_rules", "audit", "requests")
CAT = "a calico cat plays piano"
#: Kinds of buttons that the test presses before the renders end, in this order.
WHILE_UNDER_WAY = ("cancel", "stop", "jobs")
BUTTONS = (
    *("history", "gallery", "audit", "blocks", "set:page", "set:limits"),
    *("details", "fetch", "remix", "again", "extend", "pick", "forbid", "allow"),
)
FORMS = ("remixing", "extending", "limiting")
#: Kinds of buttons and menus that the test presses last, because pressing them would prevent the
#: old forms from working.
LAST = (
    *("set:gallery", "set:log", "set:model", "set:seconds", "set:size", "set:models"),
    *("set:remixers", "set:role", "set:post", "set:channels", "delete", "erase"),
)


def as_left(table: str) -> list[dict[str, object]]:
    """Return the rows of a table in the old dump, without the timestamps, which the tests shift."""
    with closing(sqlite3.connect(":memory:")) as conn:
        conn.row_factory = sqlite3.Row
        conn.executescript((FOLDER / "database.sql").read_text("utf-8"))
        return _still(conn.execute(f"SELECT * FROM {table}").fetchall())  # noqa: S608


def _still(rows: list[sqlite3.Row]) -> list[dict[str, object]]:
    moving = ("at", "until", "created_at")
    return [{name: row[name] for name in row.keys() if name not in moving} for row in rows]  # noqa: SIM118


async def test_the_old_data_reads_as_it_was_and_jobs_under_way_end_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    left = {str(job["prompt"]): job["state"] for job in as_left("jobs")}
    assert {prompt: left[prompt] for prompt in STATES} == STATES
    async with release_before(tmp_path) as before:
        for table in KEPT:
            now = _still(before.rows(f"SELECT * FROM {table}"))  # noqa: S608
            was = as_left(table)
            assert [{name: row[name] for name in was[0]} for row in now] == was, table
        assert before.rows("PRAGMA integrity_check")[0][0] == "ok"
        await moderators_see_what_they_set(before)
        await members_find_their_clips(before)
        await what_was_under_way_ends_once(before)
        await a_reply_to_an_old_clip_is_a_remix(before)
    assert [each for each in caplog.records if each.levelno >= logging.ERROR] == []


async def moderators_see_what_they_set(before: Before) -> None:
    t = before.t
    bob, channels = t.bob, before.channels

    async def mod(command: str, **options: object) -> str:
        return private_answer(await t.moderator.slash(t.channel, f"sora-mod {command}", **options))

    limits = await mod("quota show")
    for words in ("50 clips", "900", "$40.50", "$60.00", f"<@{bob.id}>"):
        assert words in limits
    standing = await mod("quota show", target=bob)
    (used,) = before.rows("SELECT sum(clips) FROM ledger WHERE user_id = ?", bob.id)
    assert f"**{55 - used[0]} clips** left" in standing, "50 and 5 granted, without those used"
    assert (await t.usage_of(bob.id)).clips == used[0]
    budget = await mod("budget show")
    assert "$500.00" in budget
    assert f"<#{channels['desk'].id}>" in budget
    assert "extra8 was rude" in await mod("blocks")
    audit_log = await mod("audit")
    assert "drained providers: litellm" in audit_log
    assert "drained here" in await mod("provider list")
    panel = await t.moderator.slash(t.channel, "sora-mod settings")
    shown = heard(panel)
    for name in ("gallery", "log"):
        assert f"<#{channels[name].id}>" in shown
    for words in ("Sora 2 Pro", "4 s · 1280x720", "each member: 15 · the server: 45"):
        assert words in shown
    named = {person.name: person for person in before.people.values()}
    refused = await named["extra0"].slash(t.channel, "sora generate", prompt="a cat")
    assert "extra0 was rude" in private_answer(refused)


async def members_find_their_clips(before: Before) -> None:
    t, cat = before.t, before.job(CAT)
    assert CAT in private_answer(await t.alice.slash(t.channel, "sora history", search="calico"))
    failed = private_answer(await t.bob.slash(t.channel, "sora history", search="rude"))
    assert "content rules" in failed
    assert f"`{cat['id']}`" in private_answer(
        await t.bob.slash(t.channel, "sora gallery", sort="loved")
    )
    assert CAT in private_answer(await t.alice.slash(t.channel, "sora status", job=cat["id"]))
    details = await t.bob.context_menu(t.channel, "Clip details", message_of(before, cat))
    assert CAT in private_answer(details)
    private = private_answer(await t.alice.user.slash("sora history"))
    assert "a private owl" in private


def message_of(before: Before, job: sqlite3.Row) -> discord.Message:
    stored = before.t.env.backend.get_message(job["channel_id"], job["message_id"])
    return to_discord_message(before.t.env, stored)


async def what_was_under_way_ends_once(before: Before) -> None:
    t = before.t
    before.t.api.finish_renders()
    await before.settled()
    files = Counter(each.filename for clip in t.clips() for each in clip.attachments)
    for prompt in STATES:
        job = before.job(prompt)
        assert job["state"] == "done", prompt
        assert t.api.creates[prompt] == 1, prompt
        assert files[f"sora-{job['id']}.mp4"] == 1, prompt
        ledger = before.rows("SELECT kind FROM ledger WHERE job_id = ?", job["id"])
        assert sorted(row["kind"] for row in ledger) == ["reserve", "settle"], prompt
    outbox_is_empty(before)


def outbox_is_empty(before: Before) -> None:
    t, channels = before.t, before.channels
    (mirrored,) = before.rows("SELECT id FROM jobs WHERE prompt LIKE '%mirror waits'")
    shown = [each.filename for clip in t.clips(channels["gallery"]) for each in clip.attachments]
    assert shown.count(f"sora-{mirrored['id']}.mp4") == 1
    told = [each.content for each in channels["desk"].history()]
    assert len([each for each in told if "budget for clips is used up" in each]) == 1
    there = {each.id for each in t.channel.history()}
    deleted = before.rows("SELECT message_id FROM jobs WHERE deleted_at IS NOT NULL")
    assert len(deleted) == 2
    assert not there & {row["message_id"] for row in deleted}


async def a_reply_to_an_old_clip_is_a_remix(before: Before) -> None:
    t, cat = before.t, before.job(CAT)
    reply = await t.reply(t.bob, message_of(before, cat), "as a watercolour")
    await before.settled()
    (remix,) = before.rows("SELECT * FROM jobs WHERE request_id = ?", reply.id)
    assert (remix["state"], remix["parent_id"]) == ("done", cat["id"])
    assert remix["source_remote_id"] == cat["remote_id"]
    assert remix["user_id"] == t.bob.id


async def test_each_old_button_menu_and_form_is_answered_as_it_should(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, subtests: pytest.Subtests
) -> None:
    async with release_before(tmp_path) as before:
        by_kind = presses(before)
        forms = {each["modal"]["custom_id"].split(":")[1]: each for each in before.left["forms"]}
        # The test data must contain every kind of button and form; otherwise a missing kind would
        # go untested.
        assert (sorted(by_kind), sorted(forms)) == (
            sorted(WHILE_UNDER_WAY + BUTTONS + LAST),
            sorted(FORMS),
        )

        async def press_all(kind: str) -> None:
            with subtests.test(kind):
                for each in by_kind[kind]:
                    await answered(before, each)
                    # Several messages have a button for the same clip, and the second press within
                    # ten seconds counts as a double press.
                    before.t.clock.forward(11)

        with subtests.test("stop, in line"):
            for each in by_kind["stop"]:
                if is_for_button(before, each):
                    await answered(before, each)
        for kind in WHILE_UNDER_WAY:
            await press_all(kind)
        before.t.api.finish_renders()
        await before.settled()
        for kind in BUTTONS:
            await press_all(kind)
        await before.settled()
        for name, form in forms.items():
            with subtests.test(name):
                await sent_in(before, form)
        for kind in LAST:
            await press_all(kind)
        await before.settled()
    assert [each for each in caplog.records if each.levelno >= logging.ERROR] == []


def is_for_button(before: Before, press: Press) -> bool:
    """Return whether a queued job is reserved for the test of its own Cancel button."""
    (job,) = before.rows("SELECT prompt FROM jobs WHERE id = ?", press.about)
    return job["prompt"] in ("a hedgehog to be stopped", "a badger to be stopped")
