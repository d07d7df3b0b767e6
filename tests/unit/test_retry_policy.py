"""Which requests to Discord may go out twice, and that edits ping nobody."""

from __future__ import annotations

import inspect
import json

import discord
import pytest
from discord.http import HTTPClient, Route
from discord.webhook.async_ import AsyncWebhookAdapter, async_context

from bot.chat.transport.rest import RetryingHttpClient, RetryingWebhookAdapter
from bot.chat.transport.retry_policy import json_body, may_retry, with_json_body, without_mentions

MESSAGES = "/channels/{channel_id}/messages"
MESSAGE = "/channels/{channel_id}/messages/{message_id}"
ORIGINAL = "/webhooks/{webhook_id}/{webhook_token}/messages/@original"
FOLLOWUP = "/webhooks/{webhook_id}/{webhook_token}"
CALLBACK = "/interactions/{webhook_id}/{webhook_token}/callback"


@pytest.mark.parametrize(
    ("method", "path", "body", "may"),
    [
        ("POST", MESSAGES, {"nonce": "sora-K7Q2", "enforce_nonce": True}, True),
        ("POST", MESSAGES, {"nonce": "sora-K7Q2", "enforce_nonce": False}, False),
        ("POST", MESSAGES, {"nonce": "", "enforce_nonce": True}, False),
        ("POST", MESSAGES, {"content": "hi"}, False),
        ("POST", FOLLOWUP, {"content": "hi"}, False),
        ("POST", "/channels/{channel_id}/threads", {"name": "x"}, False),
        ("POST", MESSAGE + "/threads", {"name": "x"}, True),
        ("POST", "/users/@me/channels", {"recipient_id": 1}, True),
        ("POST", CALLBACK, {"type": 4}, True),
        ("PATCH", MESSAGE, {"content": "hi"}, True),
        ("DELETE", MESSAGE, {}, True),
        ("GET", MESSAGES, {}, True),
        ("PUT", "/applications/{application_id}/commands", {}, True),
    ],
)
def test_only_what_makes_nothing_twice_may_be_repeated(
    method: str, path: str, body: dict[str, object], may: bool
) -> None:
    assert may_retry(method, path, body) is may


@pytest.mark.parametrize("path", [MESSAGE, ORIGINAL, ORIGINAL.replace("@original", "{message_id}")])
def test_an_edit_that_says_nothing_of_pings_pings_nobody(path: str) -> None:
    assert without_mentions("PATCH", path, {"embeds": []}) == {
        "allowed_mentions": {"parse": []},
        "embeds": [],
    }
    chosen = {"allowed_mentions": {"users": [1]}}
    assert without_mentions("PATCH", path, chosen) == chosen


def test_a_button_that_changes_its_message_pings_nobody() -> None:
    update = without_mentions("POST", CALLBACK, {"type": 7, "data": {"content": "<@1>"}})
    assert update["data"] == {"allowed_mentions": {"parse": []}, "content": "<@1>"}
    for other in ({"type": 4, "data": {"content": "x"}}, {"type": 6}):
        assert without_mentions("POST", CALLBACK, other) is other


def test_what_is_no_edit_goes_out_as_it_is() -> None:
    body = {"archived": False}
    assert without_mentions("PATCH", "/channels/{channel_id}", body) is body
    assert without_mentions("POST", MESSAGES, body) is body


def test_the_json_part_of_a_form_is_changed_and_nothing_else() -> None:
    form = [
        {"name": "payload_json", "value": json.dumps({"content": "é"})},
        {"name": "files[0]", "value": b"bytes", "filename": "clip.mp4"},
    ]
    changed = with_json_body(form, {**json_body(form), "nonce": "n1"})
    assert json_body(changed) == {"content": "é", "nonce": "n1"}
    assert changed[1] == form[1]
    assert json_body(None) == {}


def test_discord_py_still_has_what_we_reach_for() -> None:
    assert {"route", "files", "form", "kwargs"} <= inspect.signature(
        HTTPClient.request
    ).parameters.keys()
    assert "http_trace" in inspect.signature(HTTPClient.__init__).parameters
    assert {"route", "session", "payload", "multipart", "files"} <= inspect.signature(
        AsyncWebhookAdapter.request
    ).parameters.keys()
    assert isinstance(async_context.get(), AsyncWebhookAdapter)
    assert issubclass(RetryingHttpClient, HTTPClient)
    assert issubclass(RetryingWebhookAdapter, AsyncWebhookAdapter)
    assert "self.http" in inspect.getsource(discord.Client._get_state)
    source = inspect.getsource(AsyncWebhookAdapter)
    for path in (CALLBACK, ORIGINAL, FOLLOWUP):
        assert f"'{path}'" in source
    route = Route("POST", CALLBACK, webhook_id=1, webhook_token="t")
    assert (route.path, route.webhook_id) == (CALLBACK, 1)
