"""Rules of Discord's documentation that its OpenAPI document cannot express.

Sources: discord-api-docs (2026-08-06), pages resources/message, components/reference and
interactions/application-commands. The wording of the error reasons is only approximate.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from tests.wire.discord_errors import invalid, refusal
from tests.wire.discord_payloads import Payload
from tests.wire.discord_uploads import StoredFile

EPHEMERAL, LOADING, COMPONENTS_V2 = 1 << 6, 1 << 7, 1 << 15
ROW, BUTTON, TEXT_DISPLAY, LABEL = 1, 2, 10, 18
_SELECTS = frozenset({3, 5, 6, 7, 8})
_LINK, _PREMIUM = 5, 6
_COMMAND_NAME = re.compile(r"[-_'\w]{1,32}")
_OPTION_IS_GROUP = frozenset({1, 2})


def nested(components: list[Payload]) -> Iterator[Payload]:
    """Yield all components of a message, including those inside other components."""
    for part in components:
        yield part
        inner = list(part.get("components") or [])
        inner += [part[key] for key in ("accessory", "component") if part.get(key)]
        yield from nested(inner)


def number(components: list[Payload]) -> None:
    """Give each component without an id its position as its id, in place."""
    for place, part in enumerate(nested(components), start=1):
        part["id"] = part.get("id") or place


def check_message(
    body: Payload, files: list[StoredFile], limit_bytes: int, *, before: Payload | None = None
) -> None:
    """Raise DiscordApiError if Discord would refuse a new message with this body.

    With `before`, the body is an edit of that message.
    """
    if any(file.size_bytes > limit_bytes for file in files):
        raise refusal(40005)
    after = _outcome(body, before)
    if len(after["content"]) > 2000:
        raise invalid("content", "BASE_TYPE_MAX_LENGTH", "Must be 2000 or fewer in length.")
    _check_embeds(after["embeds"])
    _check_attachments(body, files, before)
    if after["flags"] & COMPONENTS_V2:
        _check_layout(after)
    else:
        _check_rows(after["components"])
    _check_custom_ids(after["components"])
    filled = ("content", "embeds", "components", "attachments", "poll", "sticker_ids")
    if not files and not any(after[key] for key in filled):
        raise refusal(50006)
    if len(str(body.get("nonce") or "")) > 25:
        raise invalid("nonce", "NONCE_TYPE_TOO_LONG", "Must be 25 or fewer in length.")


def _outcome(body: Payload, before: Payload | None) -> Payload:
    empty = {"content": "", "embeds": [], "components": [], "attachments": [], "flags": 0}
    after = empty | {"poll": None, "sticker_ids": []} | (before or {})
    given = {key: body[key] for key in after if key in body}
    if before and "flags" in given:
        # An edit of a message can't remove a flag other than "suppress embeds".
        given["flags"] = (before["flags"] & ~4) | (given["flags"] or 0)
    return after | {k: empty.get(k) if v is None else v for k, v in given.items()}


def _check_embeds(embeds: list[Payload]) -> None:
    total = 0
    for embed in embeds:
        total += len(embed.get("title") or "") + len(embed.get("description") or "")
        total += len((embed.get("footer") or {}).get("text") or "")
        total += len((embed.get("author") or {}).get("name") or "")
        total += sum(len(f["name"]) + len(f["value"]) for f in embed.get("fields") or [])
    if total > 6000:
        raise invalid("embeds", "MAX_EMBED_SIZE_EXCEEDED", "Embeds exceed 6000 characters.")
    if len(embeds) > 10:
        raise invalid("embeds", "BASE_TYPE_MAX_LENGTH", "Must be 10 or fewer in length.")


def _check_attachments(body: Payload, files: list[StoredFile], before: Payload | None) -> None:
    listed = [str(entry["id"]) for entry in body.get("attachments") or []]
    sent = {str(file.index) for file in files}
    kept = {entry["id"] for entry in (before or {}).get("attachments", [])}
    for entry in listed:
        if entry not in sent | kept:
            raise invalid("attachments", "ATTACHMENT_NOT_FOUND", f"No file or attachment {entry}.")
    total = len(listed) if "attachments" in body else len(kept) + len(sent)
    if total > 10 or len(sent) > 10:
        raise refusal(30015)


def _check_rows(components: list[Payload]) -> None:
    if len(components) > 5:
        raise invalid("components", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 5 in length.")
    for row in components:
        if row["type"] != ROW:
            raise invalid("components", "UNION_TYPE_CHOICES", "Value must be one of (1,).")
        inner = row.get("components") or []
        width = sum(5 if part["type"] in _SELECTS else 1 for part in inner)
        if not 1 <= width <= 5:
            raise invalid("components", "COMPONENT_LAYOUT_WIDTH_EXCEEDED", "Row is too wide.")


def _check_layout(after: Payload) -> None:
    if after["content"] or after["embeds"] or after["poll"] or after["sticker_ids"]:
        raise invalid(
            "content",
            "MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2",
            "The 'content' and 'embeds' fields cannot be used with components V2.",
        )
    parts = list(nested(after["components"]))
    if len(parts) > 40:
        raise invalid("components", "COMPONENT_MAX_TOTAL_COMPONENTS_EXCEEDED", "More than 40.")
    if sum(len(part.get("content") or "") for part in parts if part["type"] == TEXT_DISPLAY) > 4000:
        raise invalid("components", "COMPONENT_DISPLAYABLE_TEXT_SIZE_EXCEEDED", "More than 4000.")


def _check_custom_ids(components: list[Payload]) -> None:
    seen: set[str] = set()
    for part in nested(components):
        if part["type"] == BUTTON:
            _check_button(part)
        custom_id = part.get("custom_id")
        if custom_id is None:
            continue
        if not 1 <= len(custom_id) <= 100:
            raise invalid("components", "BASE_TYPE_BAD_LENGTH", "custom_id must be 1 to 100 long.")
        if custom_id in seen:
            raise invalid("components", "COMPONENT_CUSTOM_ID_DUPLICATED", custom_id)
        seen.add(custom_id)


def _check_button(button: Payload) -> None:
    target = {_LINK: "url", _PREMIUM: "sku_id"}.get(button["style"], "custom_id")
    if not button.get(target):
        raise invalid("components", "BASE_TYPE_REQUIRED", f"A button of this style needs {target}.")
    if button["style"] != _PREMIUM and not (button.get("label") or button.get("emoji")):
        raise invalid("components", "BUTTON_COMPONENT_INVALID", "A button needs label or emoji.")
    if len(button.get("label") or "") > 80:
        raise invalid("components", "BASE_TYPE_MAX_LENGTH", "Label must be 80 or fewer.")


def check_modal(modal: Payload) -> None:
    if not 1 <= len(modal.get("title") or "") <= 45:
        raise invalid("data.title", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 45 in length.")
    if not 1 <= len(modal.get("components") or []) <= 5:
        raise invalid("data.components", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 5.")
    if not 1 <= len(modal.get("custom_id") or "") <= 100:
        raise invalid("data.custom_id", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 100.")
    for index, part in enumerate(modal["components"]):
        where = f"data.components.{index}"
        if part["type"] not in (ROW, TEXT_DISPLAY, LABEL):
            raise invalid(where, "UNION_TYPE_CHOICES", "Value must be one of (1, 10, 18).")
        if part["type"] == LABEL and not 1 <= len(part.get("label") or "") <= 45:
            raise invalid(f"{where}.label", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 45.")
    _check_custom_ids(modal["components"])


def check_choices(choices: list[Payload]) -> None:
    if len(choices) > 25:
        raise invalid("data.choices", "BASE_TYPE_MAX_LENGTH", "Must be 25 or fewer in length.")
    for choice in choices:
        for text in (choice["name"], choice["value"]):
            if isinstance(text, str) and not 1 <= len(text) <= 100:
                raise invalid("data.choices", "BASE_TYPE_BAD_LENGTH", "Must be 1 to 100 long.")


def check_commands(commands: Any) -> None:
    """Raise DiscordApiError if Discord would refuse to register these commands."""
    if not isinstance(commands, list):
        raise invalid("commands", "BASE_TYPE_BAD_TYPE", "A list is needed.")
    ceilings = {1: 100, 2: 15, 3: 15}
    seen: set[tuple[int, str]] = set()
    for index, command in enumerate(commands):
        kind = command.get("type", 1)
        ceilings[kind] -= 1
        if ceilings[kind] < 0:
            raise invalid(f"{index}", "APPLICATION_COMMANDS_MAX", "Too many commands.")
        if (kind, command["name"]) in seen:
            raise invalid(f"{index}.name", "APPLICATION_COMMANDS_DUPLICATE_NAME", command["name"])
        seen.add((kind, command["name"]))
        if kind == 1:
            _check_entry(command, f"{index}")
            if _characters(command) > 8000:
                raise invalid(f"{index}", "APPLICATION_COMMAND_TOO_LARGE", "Over 8000 characters.")
        elif not 1 <= len(command["name"]) <= 32:
            raise invalid(f"{index}.name", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 32.")


def _check_entry(entry: Payload, where: str) -> None:
    name = entry["name"]
    if not _COMMAND_NAME.fullmatch(name) or name != name.lower():
        raise invalid(f"{where}.name", "APPLICATION_COMMAND_INVALID_NAME", name)
    if not 1 <= len(entry.get("description") or "") <= 100:
        raise invalid(f"{where}.description", "BASE_TYPE_BAD_LENGTH", "Must be 1 to 100 long.")
    options = entry.get("options") or []
    if len(options) > 25:
        raise invalid(f"{where}.options", "BASE_TYPE_MAX_LENGTH", "Must be 25 or fewer.")
    names = [option["name"] for option in options]
    if len(set(names)) < len(names):
        raise invalid(f"{where}.options", "APPLICATION_COMMAND_OPTIONS_NAME_INVALID", "Twice.")
    required = [bool(o.get("required")) for o in options if o["type"] not in _OPTION_IS_GROUP]
    if required != sorted(required, reverse=True):
        raise invalid(
            f"{where}.options",
            "APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID",
            "Required options must be placed before non-required options.",
        )
    for index, option in enumerate(options):
        _check_entry(option, f"{where}.options.{index}")
        if len(option.get("choices") or []) > 25:
            raise invalid(f"{where}.options.{index}.choices", "BASE_TYPE_MAX_LENGTH", "Over 25.")


def _characters(entry: Payload) -> int:
    count = len(entry["name"]) + len(entry.get("description") or "")
    for choice in entry.get("choices") or []:
        count += len(choice["name"]) + len(str(choice["value"]))
    return count + sum(_characters(option) for option in entry.get("options") or [])
