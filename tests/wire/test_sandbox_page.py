"""Tests `python -m sandbox` in a browser: a newcomer sends a command and plays the clip."""

import asyncio
import os
import re
import shutil
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import Page, async_playwright, expect

from tests.patience import PATIENCE_S
from tests.wire.bot_process import ROOT

CHROMIUM = next(
    (
        found
        for name in ("chromium", "chromium-browser", "google-chrome")
        if (found := shutil.which(name))
    ),
    None,
)
PROMPT = "A sailboat at golden hour, camera tracking left"

# On a slow machine a clip takes minutes; Playwright's default limit is 5 s.
expect.set_options(timeout=180_000)

needs_browser = pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium on this machine (Debian: apt-get install chromium)"
)


@asynccontextmanager
async def sandbox(folder: Path, **variables: str) -> AsyncIterator[str]:
    """Start the sandbox as `make sandbox` does; yield its address; stop it as Ctrl-C does."""
    environ = {"PATH": os.environ["PATH"], "HOME": str(folder), "TMPDIR": str(folder)} | variables
    with (folder / "sandbox.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "sandbox",
            cwd=ROOT, env=environ, stdout=asyncio.subprocess.PIPE, stderr=log,
        )  # fmt: skip
    assert process.stdout is not None
    try:
        async with asyncio.timeout(PATIENCE_S):
            address = None
            while address is None:
                line = (await process.stdout.readline()).decode()
                assert line, (folder / "sandbox.log").read_text()
                address = re.search(r"http://127\.0\.0\.1:\d+/#\S+", line)
        yield address[0]
        process.terminate()
        assert await asyncio.wait_for(process.wait(), PATIENCE_S) == 0
        assert "Traceback" not in (folder / "sandbox.log").read_text()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@asynccontextmanager
async def page_at(address: str) -> AsyncIterator[Page]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        try:
            page = await browser.new_page(viewport={"width": 1200, "height": 900})
            await page.goto(address)
            yield page
        finally:
            await browser.close()


async def until(page: Page, true: str) -> None:
    """Wait until a script in the page returns true.

    The page's security policy blocks Playwright's own function for this.
    """
    async with asyncio.timeout(PATIENCE_S):
        while not await page.evaluate(true):
            await asyncio.sleep(0.2)


async def run_command(page: Page, command: str, option: str = "") -> None:
    """Choose a command in the page's command list, send it, and wait for the bot's answer."""
    leave = page.get_by_role("button", name="Exit command mode")
    await page.get_by_role("textbox").last.click()
    await page.keyboard.type(f"/{command} ", delay=20)
    await expect(page.get_by_role("listbox").get_by_text(f"/{command}").first).to_be_visible()
    await page.keyboard.press("Enter")
    await expect(leave).to_be_visible()
    if option:
        await page.keyboard.type(option)
        await page.wait_for_timeout(500)
    # Don't press Enter: in an option with autocomplete, Enter would choose a suggestion.
    await page.get_by_role("button", name="Send", exact=True).click()
    await expect(leave).to_be_hidden()


@needs_browser
@pytest.mark.timeout(900)
@pytest.mark.parametrize("place", ["channel", "thread"])
async def test_a_newcomer_sees_progress_without_a_click_and_plays_the_clip(
    tmp_path: Path, place: str
) -> None:
    async with sandbox(tmp_path, PLACE=place) as address, page_at(address) as page:
        await run_command(page, "sora generate", PROMPT)
        await expect(page.get_by_text("Rendering").first).to_be_visible()
        await expect(page.get_by_text("▰").first).to_be_visible()
        await expect(page.get_by_text("your clip is ready").last).to_be_visible()
        video = page.locator("video").first
        await expect(video).to_be_visible()
        await until(page, "document.querySelector('video')?.readyState === 4")
        await page.get_by_role("button", name="Play").first.click()
        await until(page, "document.querySelector('video')?.currentTime > 0.5")
        size = await video.evaluate("v => [v.videoWidth, v.videoHeight]")
        assert size == [1280, 720]


@needs_browser
@pytest.mark.timeout(900)
async def test_the_other_commands_answer_on_the_page(tmp_path: Path) -> None:
    async with sandbox(tmp_path) as address, page_at(address) as page:
        await run_command(page, "sora quota")
        await expect(page.get_by_text("Your quota").first).to_be_visible()
        await run_command(page, "sora help")
        await expect(page.get_by_text("/sora generate").last).to_be_visible()
        await run_command(page, "sora cancel", "NOPE")
        await expect(page.get_by_text("I don't know a job").first).to_be_visible()
        await expect(page.get_by_role("button", name="Inspector", exact=True)).to_be_visible()
        for prompt in ("the first", "the second"):
            await run_command(page, "sora generate", prompt)
        await run_command(page, "sora status")
        await expect(page.get_by_text("Your clips under way", exact=True)).to_be_visible()
        await expect(page.get_by_text("Next in line").first).to_be_visible()
        await page.get_by_role("button", name="Cancel").last.click()
        await expect(page.get_by_text("Nothing was counted").last).to_be_visible()


@needs_browser
@pytest.mark.timeout(900)
async def test_a_clip_is_remixed_by_a_reply_and_that_by_a_button(tmp_path: Path) -> None:
    async with sandbox(tmp_path) as address, page_at(address) as page:
        talk = page.locator("#channel-timeline")

        async def ready(words: str, times: int) -> None:
            await expect(talk.get_by_text(words)).to_have_count(times)

        await run_command(page, "sora generate", PROMPT)
        await ready("your clip is ready", 1)
        clip = talk.get_by_role("article").filter(has_text="your clip is ready").last
        await clip.hover()
        await clip.get_by_role("button", name="Reply").first.click()
        await page.get_by_role("textbox").last.fill("by night, in the rain")
        await page.get_by_role("button", name="Send", exact=True).click()
        await ready("your remix is ready", 1)
        await talk.get_by_role("button", name="Remix", exact=True).last.click()
        form = page.get_by_role("dialog")
        await expect(form.get_by_text("by night, in the rain")).to_be_visible()
        await form.get_by_role("textbox").fill("with snow")
        await form.get_by_role("button", name="Submit").click()
        await ready("your remix is ready", 2)
        await run_command(page, "sora gallery")
        shown = talk.get_by_role("img", name=f"3: {PROMPT}").last
        await expect(shown).to_be_visible()
        await expect(talk.get_by_text("with snow").last).to_be_visible()


async def said_at_start(tmp_path: Path, **variables: str) -> tuple[int | None, list[str]]:
    """Return the exit code and the output of a sandbox that can't start."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "sandbox",
        cwd=ROOT, env={"PATH": os.environ["PATH"], "TMPDIR": str(tmp_path)} | variables,
        stderr=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    _, said = await asyncio.wait_for(process.communicate(), PATIENCE_S)
    return process.returncode, [
        line for line in said.decode().splitlines() if "audioop" not in line
    ]


@pytest.mark.parametrize(
    "variables", [{"PLACE": "moon"}, {"PORT": "seven"}, {"LOG_LEVEL": "LOUD"}], ids=str
)
async def test_a_wrong_sandbox_setting_is_one_line_and_exit_code_2(
    tmp_path: Path, variables: dict[str, str]
) -> None:
    code, lines = await said_at_start(tmp_path, **variables)
    assert code == 2
    assert len(lines) == 1
    assert next(iter(variables)) in lines[0]


async def test_a_port_that_is_taken_is_one_line_that_says_what_to_do_and_exit_code_2(
    tmp_path: Path,
) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        code, lines = await said_at_start(tmp_path, PORT=str(port))
    assert code == 2
    (line,) = lines
    assert line == (
        f"The sandbox can't start: PORT: I can't show the page on port {port}: another program "
        "has it; allowed: a free port; without PORT I find one myself"
    )
