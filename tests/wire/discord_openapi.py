"""Checks request bodies against Discord's own OpenAPI document.

Where the OpenAPI document and the written documentation differ, the documentation counts. So
integer snowflakes are allowed, as are the keys in `_TOLERATED`, which discord.py 2.7.1 sends and
Discord ignores. Any other key that the schema doesn't name is reported.
"""

from __future__ import annotations

import json
import os
import re
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
from jsonschema.exceptions import best_match

#: The environment variable with the path of the OpenAPI document. If it is not set, the document is
#: looked for in the folder specs/ of this checkout and of neighbouring ones.
VARIABLE = "DISCORD_OPENAPI_JSON"
_FILENAME = "specs/discord-openapi.json"

#: For each schema, keys that are allowed beyond it. An edit sends a kept attachment as the whole
#: object that the bot received.
_TOLERATED: dict[str, frozenset[str]] = {
    "ApplicationCommandUpdateRequest": frozenset({"nsfw"}),
    "MessageEditRequestPartial": frozenset({"tts"}),
    "IncomingWebhookUpdateRequestPartial": frozenset({"tts"}),
    "IncomingWebhookUpdateForInteractionCallbackRequestPartial": frozenset({"tts"}),
    "RichEmbed": frozenset({"flags"}),
    "MessageAttachmentRequest": frozenset(
        {"content_type", "height", "proxy_url", "size", "spoiler", "url", "width"}
    ),
}
#: The schema for the body of an interaction callback, by the callback's `type`. Checking against
#: one schema instead of a union gives readable messages.
_CALLBACKS = {
    4: "CreateMessageInteractionCallbackRequest",
    5: "CreateMessageInteractionCallbackRequest",
    6: "UpdateMessageInteractionCallbackRequest",
    7: "UpdateMessageInteractionCallbackRequest",
    8: "ApplicationCommandAutocompleteCallbackRequest",
    9: "ModalInteractionCallbackRequest",
}
_PARAMETER = re.compile(r"\{[^}]+\}")


def document_path() -> Path | None:
    """Return the path of Discord's OpenAPI document, or None if this machine doesn't have it."""
    if VARIABLE in os.environ:
        return Path(os.environ[VARIABLE])
    checkout = Path(__file__).resolve().parents[2]
    places = [checkout / _FILENAME, *sorted(checkout.parent.glob(f"*/{_FILENAME}"))]
    return next((place for place in places if place.is_file()), None)


def findings(method: str, template: str, body: Any) -> list[str]:
    """Return what is wrong with a body sent to a route such as `/channels/{c}/messages`.

    The list is empty if the body is valid, if the route has no body, or if there is no document.
    """
    path = document_path()
    if path is None:
        return []
    schema = _schemas(path).get((method.lower(), _PARAMETER.sub("{}", template)))
    if schema is None:
        return []
    if template.endswith("/callback") and isinstance(body, dict) and body.get("type") in _CALLBACKS:
        schema = {"$ref": f"#/components/schemas/{_CALLBACKS[body['type']]}"}
    validator = _validator(path, json.dumps(schema, sort_keys=True))
    error = best_match(validator.iter_errors(body))
    return [] if error is None else [f"{error.json_path}: {error.message[:300]}"]


@cache
def _document(path: Path) -> dict[str, Any]:
    document = json.loads(path.read_text(encoding="utf-8"))
    for name, schema in document["components"]["schemas"].items():
        if name in _TOLERATED:
            schema["properties"] = dict.fromkeys(_TOLERATED[name], True) | schema["properties"]
        _adapt(schema)
    return document


def _adapt(node: Any) -> None:
    """Change a schema in place: allow integers as snowflakes; forbid unknown keys at all levels."""
    if isinstance(node, list):
        for item in node:
            _adapt(item)
    elif isinstance(node, dict):
        for value in node.values():
            _adapt(value)
        if node.get("format") == "snowflake" and node.get("type") == "string":
            node["type"] = ["string", "integer"]
        properties = node.get("properties")
        if not isinstance(properties, dict) or node.get("type") != "object":
            return
        if "additionalProperties" not in node:
            node["additionalProperties"] = False


@cache
def _schemas(path: Path) -> dict[tuple[str, str], dict[str, Any]]:
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for template, operations in _document(path)["paths"].items():
        for method, operation in operations.items():
            if not isinstance(operation, dict):
                continue
            content = operation.get("requestBody", {}).get("content", {})
            if "application/json" in content:
                key = (method, _PARAMETER.sub("{}", template))
                found[key] = content["application/json"]["schema"]
    return found


@cache
def _validator(path: Path, schema: str) -> jsonschema.Draft202012Validator:
    components = _document(path)["components"]
    return jsonschema.Draft202012Validator({**json.loads(schema), "components": components})
