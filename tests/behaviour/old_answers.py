"""Checks how the bot answers when a member uses a button or menu that an older release posted."""

from __future__ import annotations

import re
import sqlite3
from typing import Any

from tests.behaviour.pressing import Press, heard, pressed, presser
from tests.behaviour.release_before import Before, walk

#: For each page of the guild settings: a setting whose menu is on that page.
PAGES = {"where": "gallery", "models": "models", "remixes": "role", "limits": "limits"}
_UNSTOPPABLE = r"asked the video service to stop|can't stop a render that it has begun"
_CHANGED = "Somebody else has just changed that"
_LISTS = {
    "history": r"(Your clips|made for <@\d+>)[^`]*`\w{4}`",
    "gallery": r"### Gallery[^`]*`\w{4}`",
    "jobs": r"### Jobs[^`]*(`\w{4}`|: waiting\n\nThere are none\.)",
    "audit": r"Changes\n<t:\d+:f> · \*\*",
    "blocks": r"Blocked here\n<@\d+> until <t:\d+:f>: extra\d was rude",
    "details": r"Clip \w{4}\n> three kittens",
}
#: A press may start new jobs, so a test first waits until at most this many jobs are running. The
#: old guild's limit is 15 running jobs at a time.
_SOME = 8


async def answered(before: Before, press: Press) -> None:
    """Press an old button or menu, then check the bot's answer and the change in the database.

    Raises AssertionError when the answer or the change is wrong.
    """
    kind, told = press.kind, f"{press.custom_id} of message {press.message['id']}"
    if kind.startswith("set:"):
        await _setting(before, press)
        return
    if kind in ("again", "pick"):
        await before.settled(_SOME)
    wanted, count, makes = _wanted(before, press), _jobs(before), _makes(before, press)
    said = await pressed(before, press)
    assert re.search(wanted, said), f"{told}: {said!r} instead of {wanted!r}"
    assert _jobs(before) - count == makes, told
    _check_done(before, press)


def _wanted(before: Before, press: Press) -> str:
    """Return a regular expression that the answer to a press must match.

    Call it before the press, because it depends on the rows in the database at that moment.
    """
    kind, about = press.kind, press.about
    if kind in _LISTS:
        return _LISTS[kind]
    if kind == "cancel":
        rows = before.rows("SELECT state FROM jobs WHERE request_id = ?", about)
        return _cancelled(rows[0]["state"], r"Nothing here is left to cancel")
    (job,) = before.rows("SELECT * FROM jobs WHERE id = ?", about)
    has_file = before.rows("SELECT 1 FROM clips WHERE job_id = ?", about)
    if kind == "stop":
        return _cancelled(job["state"], f"`{about}` is cancelled already")
    if kind == "fetch":
        is_kept = job["state"] == "kept"
        return f"`{about}` is on its way" if is_kept else f"nothing to fetch for `{about}`"
    if job["deleted_at"] is not None:
        return f"I don't know a clip `{about}` here"
    if kind in ("remix", "again", "extend") and not has_file:
        return f"I removed the file of `{about}`"
    return {
        "remix": f"sora:remixing:{about}",
        "extend": f"sora:extending:{about}",
        "again": r"In line|Starting|Rendering|Fetching|Posting|Done",
        "pick": "^",
        "forbid": f"nobody but you can remix, extend or repeat `{about}`",
        "allow": f"Everybody who can see `{about}` can remix it",
        "delete": f"Delete `{about}` for good\\?",
        "erase": f"`{about}` is deleted",
    }[kind]


def _cancelled(state: str, over: str) -> str:
    if state == "queued":
        return r"Cancelled `\w{4}`\. Nothing is counted"
    return over if state == "cancelled" else _UNSTOPPABLE


def _makes(before: Before, press: Press) -> int:
    """Return how many jobs a press will create; call it before the press."""
    if press.kind == "pick":
        # A "pick" button stands for a reply about several clips. The reply creates one job at
        # most, whichever of its clips is picked.
        reply_id = press.custom_id.rsplit(":", 1)[1]
        return not before.rows("SELECT 1 FROM jobs WHERE request_id = ?", reply_id)
    sql = "SELECT 1 FROM jobs JOIN clips ON job_id = id WHERE id = ? AND deleted_at IS NULL"
    return press.kind == "again" and len(before.rows(sql, press.about))


def _check_done(before: Before, press: Press) -> None:
    """Raise AssertionError unless the database shows what the answer to the press claims."""
    kind, about = press.kind, press.about
    rows = before.rows("SELECT * FROM jobs WHERE id = ?", about)
    newest = before.rows("SELECT * FROM jobs ORDER BY seq DESC LIMIT 1")[0]
    match kind:
        case "again" if _makes(before, press):
            assert (newest["prompt"], newest["image"]) == (rows[0]["prompt"], rows[0]["image"])
        case "pick":
            assert newest["change"] == "as a drawing"
        case "forbid" | "allow":
            assert rows[0]["remixable"] == (kind == "allow")
        case "erase":
            assert rows[0]["deleted_at"] is not None


async def sent_in(before: Before, form: dict[str, Any]) -> None:
    """Submit a form that a member had opened before the upgrade, and check what the bot did.

    Raises AssertionError when the change in the database is wrong.
    """
    user_id, guild_id = int(form["user_id"]), int(form["guild_id"])
    message = next(m for m in before.left["messages"] if m["id"] == form["message_id"])
    before.put(message)
    count = _jobs(before)
    who, (what, about) = before.people[guild_id, user_id], form["modal"]["custom_id"].split(":")[1:]
    said = heard(await who.submit_modal(before.opened(form), form["values"]))
    if what == "limiting":
        rules = _rules(before, guild_id)
        assert (rules["max_active_per_user"], rules["max_active"]) == (9, 30), said
        return
    assert _jobs(before) == count + 1, said
    (newest,) = before.rows("SELECT * FROM jobs ORDER BY seq DESC LIMIT 1")
    operation = {"remixing": "remix", "extending": "extend"}[what]
    assert (newest["operation"], newest["parent_id"]) == (operation, about), said
    assert (newest["change"], newest["user_id"]) == (form["values"]["words"], user_id)


async def _setting(before: Before, press: Press) -> None:
    who = presser(before, press)
    was = dict(_rules(before, who.guild.id))
    said = await pressed(before, press)
    now = dict(_rules(before, who.guild.id))
    what = press.kind.removeprefix("set:")
    if what == "limits":
        assert "sora:limiting:" in said
        return
    assert "### Settings of this server" in said, said
    if what == "page":
        page = press.custom_id.rsplit(":", 1)[1]
        assert f"sora:set:{PAGES[page]}:" in _ids(before, press)
        return
    # The first use of an old menu changes its setting. Later uses of the same old menu may be
    # refused, because the menu no longer shows the current value.
    is_first = (who.guild.id, what) not in before.changed
    before.changed.add((who.guild.id, what))
    if is_first and (who.guild.id, _twin(what)) not in before.changed:
        assert now != was, f"{press.custom_id} changed nothing: {said!r}"
        assert _CHANGED not in said
    else:
        assert _CHANGED in said or now != was, said


def _twin(what: str) -> str:
    """Return the name of the other settings menu for the same value, "" if there is none."""
    return {"remixers": "role", "role": "remixers"}.get(what, "")


def _ids(before: Before, press: Press) -> str:
    """Return the custom ids of all components that the pressed message has now."""
    channel_id, message_id = (int(press.message[name]) for name in ("channel_id", "id"))
    shown = before.t.env.backend.get_message(channel_id, message_id)
    return " ".join(str(each.get("custom_id")) for each in walk(shown.components))


def _rules(before: Before, guild_id: int) -> sqlite3.Row:
    (row,) = before.rows("SELECT * FROM house_rules WHERE guild_id = ?", guild_id)
    return row


def _jobs(before: Before) -> int:
    return before.rows("SELECT count(*) FROM jobs")[0][0]
