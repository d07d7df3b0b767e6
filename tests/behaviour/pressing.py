"""Presses buttons and menus on the messages of an older release, each as the member it was made
for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import simcord

from tests.behaviour.harness import words
from tests.behaviour.release_before import Before, walk

#: Discord's numbers for component types: button, string select, role select.
_BUTTON, _MENU_OF_WORDS, _MENU_OF_ROLES = 2, 3, 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Press:
    """A button or menu on a message of the older release."""

    message: dict[str, Any]
    component: dict[str, Any]

    @property
    def custom_id(self) -> str:
        return self.component["custom_id"]

    @property
    def kind(self) -> str:
        """Return the kind of the component, taken from its custom id, such as `again` or
        `set:gallery`.
        """
        parts = self.custom_id.split(":")
        return ":".join(parts[1:3]) if parts[1] == "set" else parts[1]

    @property
    def about(self) -> str:
        """Return the part of the custom id after the kind; in most components it is a job's id."""
        return self.custom_id.split(":")[2]


def presses(before: Before) -> dict[str, list[Press]]:
    """Return all enabled buttons and menus of the old messages, grouped by kind, newest first.

    A component that occurs more than once in a channel for the same user is returned once.
    """
    found: dict[tuple[str, object, str], Press] = {}
    for message in reversed(before.left["messages"]):
        asked = message["interaction_metadata"]
        for component in walk(message["components"]):
            if component.get("custom_id") and not component.get("disabled"):
                press = Press(message=message, component=component)
                who = asked and asked["user"]["id"]
                found.setdefault((message["channel_id"], who, press.custom_id), press)
    by_kind: dict[str, list[Press]] = {}
    for press in found.values():
        by_kind.setdefault(press.kind, []).append(press)
    return by_kind


def presser(before: Before, press: Press) -> Any:
    """Return the member who may use the component.

    That is the user whose command the message answers, or else the owner of the job it is about.
    """
    asked = press.message["interaction_metadata"]
    if asked is not None:
        user_id = int(asked["user"]["id"])
    elif press.kind == "pick":
        replies = {each["id"]: each["author_id"] for each in before.left["messages"]}
        user_id = int(replies[press.custom_id.rsplit(":", 1)[1]])
    else:
        (row,) = before.rows("SELECT user_id FROM jobs WHERE id = ?", press.about)
        user_id = row["user_id"]
    place = before.t.env.backend.get_channel(int(press.message["channel_id"]))
    return before.people[place.guild_id, user_id]


async def pressed(before: Before, press: Press) -> str:
    """Show the message as the old release left it, use its button or menu, and return the bot's
    answer.
    """
    shown, who = before.put(press.message), presser(before, press)
    before.forget_sent()
    if press.component["type"] == _BUTTON:
        return heard(await who.click(shown, custom_id=press.custom_id))
    values = chosen(before, press, who)
    return heard(await who.select(shown, values, custom_id=press.custom_id))


def chosen(before: Before, press: Press, who: simcord.MemberActor) -> list[Any]:
    """Return a value for the menu that differs from the one that it shows as selected."""
    if press.component["type"] == _MENU_OF_WORDS:
        options = press.component["options"]
        others = [each["value"] for each in options if not each.get("default")]
        return [(others or [each["value"] for each in options])[-1]]
    if press.component["type"] == _MENU_OF_ROLES:
        return [who.guild.default_role]
    return [next(iter(who.guild.channels.values()))]


def heard(result: simcord.InteractionResult) -> str:
    """Return the text of everything that answered an interaction.

    Raises AssertionError when the bot did not acknowledge the interaction.
    """
    assert result.acknowledged, "no answer"
    parts = [] if result.modal is None else [str(result.modal)]
    for each in (result.response, *result.followups):
        if each is not None:
            texts = [str(node["content"]) for node in walk(each.components) if "content" in node]
            parts += [each.content, *(words(embed) for embed in each.embeds), *texts]
    return "\n".join(parts)
