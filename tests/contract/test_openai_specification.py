"""Compares our requests and our loopback API's answers with OpenAI's published specification."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import jsonschema
import pytest
import yaml

from bot.model import Operation, Size
from bot.providers.base import ProviderRequest
from bot.providers.openai import dialects
from bot.providers.openai.dialects import OptionalCall
from bot.providers.openai.provider import OPENAI, OpenAIProvider
from tests.wire.autojump_clock import AutojumpClock
from tests.wire.videos_api import KEY, VideosApi

_SPECIFICATION = (
    Path(__file__).resolve().parents[2].parent / "shared" / "specs" / "openai-videos.yaml"
)

pytestmark = pytest.mark.skipif(
    not _SPECIFICATION.is_file(), reason="OpenAI's specification does not lie beside the checkout"
)


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return yaml.safe_load(_SPECIFICATION.read_text("utf-8"))


def _validator(document, schema) -> jsonschema.Draft202012Validator:
    # The schema is validated together with the whole document, so that references inside the
    # document resolve.
    return jsonschema.Draft202012Validator({**schema, "components": document["components"]})


def _closed(document, schema) -> dict[str, Any]:
    """Return the schema behind a reference, changed so that it rejects unknown properties."""
    name = schema["$ref"].rpartition("/")[2]
    return {**document["components"]["schemas"][name], "additionalProperties": False}


def _continuation(document, path) -> jsonschema.Draft202012Validator:
    """Return a validator for the JSON body of a POST to `path`; it rejects unknown properties."""
    content = document["paths"][path]["post"]["requestBody"]["content"]
    schema = _closed(document, content["application/json"]["schema"])
    properties = dict(schema["properties"])
    if "video" in properties:
        properties["video"] = _closed(document, properties["video"])
    return _validator(document, {**schema, "properties": properties})


def _answer(document, path, method) -> dict[str, Any]:
    answer = document["paths"][path][method]["responses"]["200"]
    return answer["content"]["application/json"]["schema"]


@pytest.fixture
async def api():
    async with VideosApi() as running:
        yield running


@pytest.fixture
async def provider(api):
    environ = {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": api.base_url}
    made = OpenAIProvider(OPENAI.read_account(environ, AutojumpClock()))
    yield made
    await made.close()


@pytest.fixture
async def editor(api):
    """A provider whose server offers edits instead of remixes."""
    environ = {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": api.base_url}
    dialect = replace(dialects.OPENAI, calls=dialects.OPENAI.calls - {OptionalCall.REMIX})
    made = OpenAIProvider(OPENAI.read_account(environ, AutojumpClock()), dialect)
    yield made
    await made.close()


def _every_request(provider, pictures=(None,)):
    for model in provider.capabilities().models:
        for size in model.sizes:
            for seconds in model.seconds:
                for picture in pictures:
                    yield ProviderRequest(
                        idempotency_key="K7Q2",
                        prompt="x" * 32_000 if picture else "a cat — ネコ",
                        model=model.name,
                        seconds=seconds,
                        size=size,
                        seed=3,
                        image=picture,
                    )


async def test_every_create_we_can_send_keeps_to_the_document(document, api, provider, tmp_path):
    image = tmp_path / "image.png"
    image.write_bytes(b"\x89PNG\r\n\x1a\n and so on")
    body = document["paths"]["/videos"]["post"]["requestBody"]["content"]["multipart/form-data"]
    validator = _validator(document, _closed(document, body["schema"]))
    sent = 0
    for request in _every_request(provider, (None, image)):
        await provider.submit(request)
        validator.validate(api.forms[-1])
        sent += 1
    assert sent == len(api.forms) == 2 * 3 * (2 + 4)
    assert api.violations == []


async def test_the_check_itself_can_fail(document):
    body = document["paths"]["/videos"]["post"]["requestBody"]["content"]["multipart/form-data"]
    validator = _validator(document, _closed(document, body["schema"]))
    good = {"prompt": "p", "model": "sora-2", "seconds": "4", "size": "1280x720"}
    validator.validate(good)
    for bad in ({"seconds": 4}, {"seconds": "5"}, {"size": "1x1"}, {"seed": "3"}, {"prompt": ""}):
        with pytest.raises(jsonschema.ValidationError):
            validator.validate({**good, **bad})


async def test_every_remix_we_can_send_keeps_to_the_document(document, api, provider):
    validator = _continuation(document, "/videos/{video_id}/remix")
    answer = _validator(document, _answer(document, "/videos/{video_id}/remix", "post"))
    for request in _every_request(provider):
        parent = await provider.submit(request)
        for prompt in ("x" * 32_000, "night — 夜"):
            remix = replace(
                request, prompt=prompt, operation=Operation.REMIX, source_remote_id=parent.id
            )
            child = await provider.submit(remix)
            validator.validate(api.continuations[-1].body)
            answer.validate(api.renders[child.id].describe())
    assert len(api.continuations) == 3 * (2 + 4) * 2
    assert api.violations == []


async def test_every_edit_we_can_send_keeps_to_the_document(document, api, editor):
    validator = _continuation(document, "/videos/edits")
    answer = _validator(document, _answer(document, "/videos/edits", "post"))
    for request in _every_request(editor):
        parent = await editor.submit(request)
        edit = replace(
            request, prompt="night — 夜", operation=Operation.REMIX, source_remote_id=parent.id
        )
        child = await editor.submit(edit)
        assert api.continuations[-1].route == "edit"
        validator.validate(api.continuations[-1].body)
        answer.validate(api.renders[child.id].describe())
    assert len(api.continuations) == 3 * (2 + 4)
    assert api.violations == []


async def test_every_extension_we_can_send_keeps_to_the_document(document, api, provider):
    validator = _continuation(document, "/videos/extensions")
    answer = _validator(document, _answer(document, "/videos/extensions", "post"))
    for request in _every_request(provider):
        parent = await provider.submit(request)
        child = await provider.submit(
            replace(request, operation=Operation.EXTEND, source_remote_id=parent.id)
        )
        validator.validate(api.continuations[-1].body)
        answer.validate(api.renders[child.id].describe())
    assert len(api.continuations) == 3 * (2 + 4)
    assert api.violations == []


async def test_the_check_of_continuations_can_fail(document):
    remix = _continuation(document, "/videos/{video_id}/remix")
    remix.validate({"prompt": "p"})
    for bad in ({}, {"prompt": ""}, {"prompt": "p", "seconds": "4"}, {"prompt": "p", "model": "m"}):
        with pytest.raises(jsonschema.ValidationError):
            remix.validate(bad)
    edit = _continuation(document, "/videos/edits")
    edit.validate({"prompt": "p", "video": {"id": "v"}})
    for bad in ({"prompt": "p"}, {"prompt": "p", "video": "v"}, {"prompt": "p", "video": {}}):
        with pytest.raises(jsonschema.ValidationError):
            edit.validate(bad)
    extension = _continuation(document, "/videos/extensions")
    good = {"prompt": "p", "seconds": "4", "video": {"id": "v"}}
    extension.validate(good)
    for bad in (
        {"seconds": 4},
        {"seconds": "5"},
        {"video": "v"},
        {"video": {}},
        {"video": {"id": "v", "seconds": "4"}},
        {"size": "1280x720"},
    ):
        with pytest.raises(jsonschema.ValidationError):
            extension.validate({**good, **bad})


async def test_our_loopback_api_answers_as_the_document_says(document, api, provider):
    client = provider._transport
    request = ProviderRequest(
        idempotency_key="K7Q2",
        prompt="a cat",
        model="sora-2",
        seconds=4,
        size=Size(width_px=1280, height_px=720),
        seed=3,
    )
    remote = await provider.submit(request)
    video = await client.get(f"videos/{remote.id}")
    _validator(document, _answer(document, "/videos/{video_id}", "get")).validate(video.body)
    page = await client.get("videos", {"limit": "5"})
    _validator(document, _answer(document, "/videos", "get")).validate(page.body)
    models = await client.get("models")
    _validator(document, _answer(document, "/models", "get")).validate(models.body)
    gone = await client.delete(f"videos/{remote.id}")
    _validator(document, _answer(document, "/videos/{video_id}", "delete")).validate(gone.body)
    assert api.violations == []


async def test_a_picture_is_of_a_kind_and_under_a_name_that_the_document_has(
    document, api, provider, tmp_path
):
    body = document["paths"]["/videos"]["post"]["requestBody"]["content"]["multipart/form-data"]
    [schema] = [_closed(document, body["schema"])["properties"]["input_reference"]]
    assert "binary" in str(schema)
    image = tmp_path / "image.bin"
    for head in (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"RIFF\0\0\0\0WEBPVP8 "):
        image.write_bytes(head + bytes(64))
        await provider.submit(next(_every_request(provider, (image,))))
        assert api.images[-1] == image.read_bytes()
    kinds = {form["input_reference"] for form in api.forms}
    assert kinds == {"image/png", "image/jpeg", "image/webp"}
    assert api.violations == []


async def test_every_path_and_query_we_send_is_in_the_document(
    document, api, provider, editor, tmp_path
):
    request = next(_every_request(provider))
    remote = await provider.submit(request)
    for operation in (Operation.REMIX, Operation.EXTEND):
        await provider.submit(replace(request, operation=operation, source_remote_id=remote.id))
    await editor.submit(replace(request, operation=Operation.REMIX, source_remote_id=remote.id))
    await provider.poll([remote.id])
    await provider.poll([remote.id, "video_unknown"])
    api.page_max = 2
    await provider.recent(AutojumpClock().now().replace(year=2020))
    await provider.download(remote.id, tmp_path / "clip.mp4", max_bytes=10**9)
    await provider.check()
    await provider.refresh()
    await provider.delete(remote.id)
    called = {_checked_call(document, seen, remote.id) for seen in api.seen}
    assert len(called) == 10
    assert {name for _, _, names in called for name in names} == {"limit", "order", "after"}


def _checked_call(document, seen, remote_id) -> tuple[str, str, frozenset[str]]:
    """Return a request's method, path and query parameter names.

    Asserts that the specification contains the call and its parameters.
    """
    path, _, query = seen.path.removeprefix("/v1").partition("?")
    known = path.replace(remote_id, "{video_id}").replace("video_unknown", "{video_id}")
    operation = document["paths"][known][seen.method.lower()]
    schemas = {
        each["name"]: each["schema"]
        for each in operation.get("parameters", ())
        if each["in"] == "query"
    }
    given = dict(parse_qsl(query))
    for name, value in given.items():
        whole = schemas[name].get("type") == "integer"
        _validator(document, schemas[name]).validate(int(value) if whole else value)
    return seen.method, known, frozenset(given)
