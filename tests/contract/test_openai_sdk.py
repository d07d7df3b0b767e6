"""OpenAI's own Python SDK used against our loopback Videos API, to show that it answers as the SDK
expects.
"""

from __future__ import annotations

from io import BytesIO

import pytest
from PIL import Image

from tests.wire.videos_api import KEY

# OpenAI's Sora API is switched off, and the SDK warns about that at each call (3.52.0,
# 2026-11-20).
pytestmark = pytest.mark.filterwarnings("ignore:The Sora API is scheduled:DeprecationWarning")

_PROMPT = 'a "calico" cat\nplays piano — ピアノ; &c.'


@pytest.fixture
def openai():
    # The import of the SDK takes a second, so it is done only in the test process that needs it.
    import openai  # noqa: PLC0415

    return openai


@pytest.fixture
async def sdk(openai, videos_api):
    base_url = videos_api.base_url
    async with openai.AsyncOpenAI(api_key=KEY, base_url=base_url, max_retries=0) as client:
        yield client
    assert videos_api.violations == []


async def test_the_sdk_creates_polls_and_fetches_a_clip(sdk, videos_api):
    made = await sdk.videos.create(
        prompt=_PROMPT, model="sora-2-pro", seconds="8", size="1792x1024"
    )
    assert (made.prompt, made.model, made.seconds, made.size) == (
        _PROMPT,
        "sora-2-pro",
        "8",
        "1792x1024",
    )
    video = await sdk.videos.poll(made.id, poll_interval_ms=10)
    assert (video.id, video.status, video.progress, video.error) == (
        made.id,
        "completed",
        100,
        None,
    )
    assert video.to_dict() == videos_api.renders[made.id].describe()
    content = await sdk.videos.download_content(made.id)
    assert await content.aread() == videos_api.content


async def test_the_sdk_sends_a_picture_that_arrives_whole(sdk, videos_api):
    buffer = BytesIO()
    Image.new("RGB", (64, 36), (200, 90, 30)).save(buffer, "PNG")
    await sdk.videos.create(
        prompt=_PROMPT, input_reference=("cat.png", buffer.getvalue(), "image/png")
    )
    assert videos_api.images == [buffer.getvalue()]


@pytest.mark.parametrize("variant", ["thumbnail", "spritesheet"])
async def test_the_sdk_fetches_the_pictures_beside_a_clip(sdk, variant):
    made = await sdk.videos.create(prompt=_PROMPT)
    content = await sdk.videos.download_content(made.id, variant=variant)
    assert content.response.headers["content-type"] == "image/webp"
    assert (await content.aread()).startswith(b"RIFF")


async def test_the_sdk_reads_the_list_to_its_end(sdk, videos_api):
    for number in range(7):
        videos_api.add_render({"prompt": f"p{number}"}, created_at=1789000000 + number)
    found = [video.prompt async for video in sdk.videos.list(limit=3)]
    assert found == [f"p{number}" for number in reversed(range(7))]
    assert videos_api.requests["list"] == 3
    oldest = [video.prompt async for video in sdk.videos.list(order="asc")]
    assert oldest == list(reversed(found))


async def test_the_sdk_remixes_and_deletes(openai, sdk, videos_api):
    made = await sdk.videos.create(prompt=_PROMPT)
    remix = await sdk.videos.remix(made.id, prompt="now at night")
    assert (remix.prompt, remix.remixed_from_video_id) == ("now at night", made.id)
    gone = await sdk.videos.delete(made.id)
    assert (gone.id, gone.object, gone.deleted) == (made.id, "video.deleted", True)
    with pytest.raises(openai.NotFoundError) as caught:
        await sdk.videos.retrieve(made.id)
    assert caught.value.code == "not_found"
    assert list(videos_api.renders) == [remix.id]


async def test_the_sdk_lists_models(sdk):
    assert [model.id async for model in sdk.models.list()] == ["sora-2"]


async def test_what_the_document_does_not_have_is_refused_to_the_sdk_too(openai, sdk, videos_api):
    with pytest.raises(openai.BadRequestError):
        await sdk.videos.create(prompt=_PROMPT, extra_body={"seed": "7"})
    assert len(videos_api.violations) == 1
    videos_api.violations.clear()
