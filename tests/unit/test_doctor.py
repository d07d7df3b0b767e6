"""Tests of `python -m bot doctor`: it reports each fault that an installation can have."""

from __future__ import annotations

import asyncio
import logging
import shutil
import socket
import sqlite3
import threading
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest
from aiohttp import web

from bot.clock import SystemClock
from bot.settings import Settings
from bot.shell import doctor_disk, doctor_network, doctor_providers
from bot.shell.doctor import DaemonExecutor, examine
from bot.shell.finding import format_findings, ok, one_line, problem, warning
from bot.storage.sqlite.jobs import SqliteJobStore
from bot.web.health import HealthServer
from bot.web.webhooks import Webhooks
from tests.unit.storage import factories
from tests.wire.videos_api import VideosApi
from tests.wire.videos_faults import VideosFault


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@contextmanager
def taken_port() -> Iterator[int]:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        held.listen()
        yield held.getsockname()[1]


def free_port() -> int:
    with taken_port() as port:
        return port


async def told(tmp_path: Path, **variables: str) -> list[str]:
    """Run the doctor without a token and without a Discord to reach; return its lines."""
    nowhere = f"http://127.0.0.1:{free_port()}"
    environ: Mapping[str, str] = {
        "DATA_DIR": str(tmp_path),
        "DISCORD_API_URL": nowhere,
        **variables,
    }
    _, said = await examine(environ, SystemClock())
    return said


async def of_database(tmp_path: Path) -> list[str]:
    return format_findings(
        await doctor_disk.examine_database(tmp_path / "sorabot.db"), str, in_colour=False
    )


async def of_web(**variables: str) -> list[str]:
    return format_findings(
        await doctor_network.examine_web(Settings.from_env(variables)), str, in_colour=False
    )


async def of_providers(**variables: str) -> list[str]:
    settings = Settings.from_env(variables)
    return format_findings(
        await doctor_providers.examine(settings, SystemClock()), str, in_colour=False
    )


def about(said: list[str], *words: str) -> str:
    """Return the only line of the doctor's report that contains all the given words."""
    (line,) = [line for line in said if all(word in line for word in words)]
    return line


async def test_every_wrong_setting_is_told_and_not_the_first_alone(tmp_path: Path):
    wrong = {
        "DISCORD_TOKEN": "two words",
        "HTTP_BIND": "8080",
        "MAX_CLIP_MIB": "huge",
        "VIDEO_PROVIDERS": "vhs,openai,xai,local",
        "OPENAI_API_KEY": "sk with spaces",
        "OPENAI_MODELS": "my-model seconds=soon",
        "OPENAI_MAX_CONCURRENT": "many",
        "OPENAI_REQUESTS_PER_MINUTE": "0",
        "XAI_BASE_URL": "ws://host",
    }
    said = await told(tmp_path, **wrong)
    for name in (*wrong, "XAI_API_KEY"):
        assert "→ allowed: " in about(said, f"problem  {name}: ")
    assert "two words" not in "".join(said)
    assert "sk with spaces" not in "".join(said)
    assert about(said, "ok", "renderer: made")


async def test_a_key_that_stands_in_the_wrong_place_is_not_shown_either(tmp_path: Path):
    key = "sk-0123456789abcdef"
    said = await told(tmp_path, VIDEO_PROVIDERS=f"local,{key}", OPENAI_API_KEY=key)
    assert about(said, "problem  VIDEO_PROVIDERS: '***' is not a video service")
    assert key not in "".join(said)


async def test_keys_of_few_letters_leave_the_lines_readable(tmp_path: Path):
    nowhere = f"http://127.0.0.1:{free_port()}"
    said = await told(
        tmp_path,
        VIDEO_PROVIDERS="local,openai,e",
        OPENAI_BASE_URL=nowhere,
        OPENAI_API_KEY="e",
        DISCORD_TOKEN="an",
    )
    assert about(
        said, "problem  VIDEO_PROVIDERS: '***' is not a video service I know → allowed: local, "
    )
    assert about(said, "ok", "renderer: made")
    assert not [line for line in said if "***" in line.replace("'***' is not a", "")]


async def test_good_settings_are_counted(tmp_path: Path):
    said = await told(tmp_path, MAX_CLIP_MIB="50", VIDEO_PROVIDERS="local")
    assert about(said, "ok", "settings: 4 set").endswith("video APIs: local")


async def test_a_folder_that_cannot_be_written_to_is_told_with_what_to_do(tmp_path: Path):
    file = tmp_path / "file"
    file.touch()
    said = await told(tmp_path, DATA_DIR=str(file / "data"), ARCHIVE_URL=f"file://{tmp_path}")
    assert "change DATA_DIR" in about(said, "problem", "data folder", str(file))
    assert about(said, "ok", "archive", "is writable")


async def test_looking_makes_neither_folder_nor_database(tmp_path: Path):
    said = await told(tmp_path / "data")
    assert about(said, "ok", "data folder", "is not there yet")
    assert about(said, "ok", "database: none at")
    assert list(tmp_path.iterdir()) == []


async def test_a_disk_with_little_space_for_clips_is_told(tmp_path: Path):
    free_mib = shutil.disk_usage(tmp_path).free // 2**20

    async def level(min_free_mib: int) -> str:
        settings = Settings(data_dir=tmp_path, min_free_mib=min_free_mib, max_clip_mib=200)
        [found] = await doctor_disk.examine_folders(settings)
        return found.level

    # The free space may change meanwhile, because other processes write to this disk.
    assert await level(free_mib + 1_000) == "problem"
    assert await level(max(0, free_mib - 2_000)) == "warning"
    assert await level(max(0, free_mib - 4_000 - 1_000)) == "ok"


@asynccontextmanager
async def database(tmp_path: Path) -> AsyncIterator[SqliteJobStore]:
    store = await SqliteJobStore.open(tmp_path / "sorabot.db")
    try:
        yield store
    finally:
        await store.close()


async def test_a_good_database_is_read_to_its_end_beside_a_bot_that_writes(tmp_path: Path):
    async with database(tmp_path) as store:
        for number, state in enumerate(factories.ROUTES, 1):
            job = await factories.accept(store, number)
            for step in factories.ROUTES[state]:
                job = await factories.step(store, job, step)
        # This job was kept and is being posted again: it is not final, but its ledger rows are settled.
        [kept] = await store.jobs_of(1 + list(factories.ROUTES).index(factories.State.KEPT))
        assert await store.repost(kept, factories.PLACE, factories.NOW) is not None
        writer = asyncio.create_task(factories.accept(store, 99))
        said = await of_database(tmp_path)
        await writer
    assert about(said, "ok", "database: opens, schema 5")
    assert about(said, "ok", "the ledger agrees with every job")


_LIES = {
    "a cost": "UPDATE jobs SET cost_usd_micros = cost_usd_micros + 1 WHERE state = 'done'",
    "an end that is gone": "DELETE FROM ledger WHERE kind IN ('settle', 'refund')",
    "a reserve that is gone": "DELETE FROM ledger",
    "an estimate": "UPDATE jobs SET estimate_usd_micros = 5 WHERE state = 'rendering'",
    "a refund": "UPDATE jobs SET refunded = 1, cost_usd_micros = 0 WHERE state = 'done'",
    "an open job that was paid": "UPDATE jobs SET state = 'rendering', finished_at = NULL, due_at = 1"
    " WHERE state = 'done'",
}


@pytest.mark.parametrize("lie", _LIES)
async def test_a_ledger_that_does_not_agree_with_a_job_is_told_with_its_id(
    tmp_path: Path, lie: str
):
    async with database(tmp_path) as store:
        for number, state in enumerate((factories.State.DONE, factories.State.RENDERING), 1):
            # The clips are free, so a wrong refund does not show in a sum of US dollars.
            job = await factories.accept(store, number, estimate_usd_micros=0)
            for step in factories.ROUTES[state]:
                job = await factories.step(store, job, step)
    _tamper(tmp_path, _LIES[lie])
    said = await of_database(tmp_path)
    line = about(said, "problem", "ledger: does not agree")
    with sqlite3.connect(tmp_path / "sorabot.db") as conn:
        ids = [row[0] for row in conn.execute("SELECT id FROM jobs")]
    conn.close()
    assert any(each in line for each in ids)
    assert not any("agrees with every job" in line for line in said)


def _tamper(tmp_path: Path, *statements: str) -> None:
    """Change the database with its foreign keys and triggers switched off."""
    conn = sqlite3.connect(tmp_path / "sorabot.db", isolation_level=None)
    conn.execute("PRAGMA foreign_keys = OFF")
    for (name,) in conn.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchall():
        conn.execute(f"DROP TRIGGER {name}")
    for each in statements:
        conn.execute(each)
    conn.close()


async def test_rows_without_what_they_belong_to_are_told(tmp_path: Path):
    async with database(tmp_path) as store:
        await factories.accept(store)
    _tamper(tmp_path, "DELETE FROM requests")
    assert "in jobs" in about(
        await of_database(tmp_path), "problem", "rows without what they belong to"
    )


async def test_a_damaged_file_is_told(tmp_path: Path):
    async with database(tmp_path) as store:
        for number in range(1, 200):
            await factories.accept(store, number)
    path = tmp_path / "sorabot.db"
    content = bytearray(path.read_bytes())
    for at in range(8192, len(content) - 4096, 4096):
        content[at : at + 64] = b"\xff" * 64
    path.write_bytes(content)
    assert about(await of_database(tmp_path), "problem", "database", "restore a backup")


async def test_another_programs_file_is_told(tmp_path: Path):
    (tmp_path / "sorabot.db").write_text("no database at all, but long enough to be read as one")
    assert "DATA_DIR" in about(await of_database(tmp_path), "problem", "database: ")


@pytest.mark.parametrize(
    ("version", "level", "words"), [(3, "warning", "brings it to 5"), (99, "problem", "later")]
)
async def test_another_releases_schema_is_told(tmp_path: Path, version, level, words):
    async with database(tmp_path):
        pass
    _tamper(tmp_path, f"PRAGMA user_version = {version}")
    assert words in about(await of_database(tmp_path), level, f"schema {version}")


async def test_an_address_that_somebody_else_has_is_told():
    with taken_port() as port:
        said = await of_web(HTTP_BIND=f"127.0.0.1:{port}")
    assert "another address" in about(said, "problem", "HTTP_BIND", f":{port} is not available")
    said = await of_web(HTTP_BIND=f"127.0.0.1:{free_port()}", PUBLIC_URL="https://x.example")
    assert about(said, "ok", "HTTP_BIND", "is free")
    assert about(said, "ok", "PUBLIC_URL: not tried")


async def test_a_place_for_webhooks_where_nobody_listens_is_told():
    said = await of_web(PUBLIC_URL="https://sora.example.org")
    assert about(said, "warning", "HTTP_BIND: empty, so webhooks")


async def _nothing(_provider: str, _remote_id: str) -> None:
    return


async def _ready() -> bool:
    return True


@asynccontextmanager
async def bots_pages() -> AsyncIterator[str]:
    server = HealthServer("127.0.0.1", 0, _ready, Webhooks({}, _nothing, SystemClock()))
    await server.start()
    try:
        yield f"127.0.0.1:{server.port}"
    finally:
        await server.stop()


async def test_a_public_address_that_leads_to_the_bot_is_told_from_one_that_does_not():
    async with bots_pages() as bind:
        said = await of_web(HTTP_BIND=bind, PUBLIC_URL=f"http://{bind}")
        assert about(said, "ok", "HTTP_BIND: the bot answers there")
        assert about(said, "ok", "PUBLIC_URL: leads to the bot")
        assert about(said, "warning", "PUBLIC_URL: not https")
        stranger = web.AppRunner(web.Application())
        await stranger.setup()
        await web.TCPSite(stranger, "127.0.0.1", 0).start()
        port = stranger.addresses[0][1]
        said = await of_web(HTTP_BIND=bind, PUBLIC_URL=f"http://127.0.0.1:{port}")
        await stranger.cleanup()
        assert about(said, "warning", "PUBLIC_URL: does not lead to the bot (status 404)")
        said = await of_web(HTTP_BIND=bind, PUBLIC_URL=f"http://127.0.0.1:{port}")
        assert about(said, "warning", "PUBLIC_URL: is not answered")


async def test_webhooks_whose_secret_is_missing_are_told(tmp_path: Path):
    async with VideosApi() as api:
        variables = {
            "HTTP_BIND": f"127.0.0.1:{free_port()}",
            "PUBLIC_URL": "https://sora.example.org",
            "VIDEO_PROVIDERS": "openai,local",
            "OPENAI_API_KEY": api.key,
            "OPENAI_BASE_URL": api.base_url,
        }
        assert about(await of_web(**variables), "warning", "OPENAI_WEBHOOK_SECRET: not set")
        secret = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3"
        said = await told(tmp_path, **variables, OPENAI_WEBHOOK_SECRET=secret)
        assert not any("OPENAI_WEBHOOK_SECRET" in line for line in said)
        assert not any(secret in line for line in said)
        said = await told(tmp_path, **variables, OPENAI_WEBHOOK_SECRET="whsec_no-base-64!")
        assert about(said, "problem", "OPENAI_WEBHOOK_SECRET")
        assert not any("no-base-64" in line for line in said)


async def test_video_apis_are_told_by_what_a_free_call_shows(tmp_path: Path):
    async with VideosApi() as api:
        variables = {
            "VIDEO_PROVIDERS": "openai",
            "OPENAI_API_KEY": api.key,
            "OPENAI_BASE_URL": api.base_url,
        }
        assert about(await of_providers(**variables), "ok", "openai: the key is taken")
        wrong = "sk-wrong-wrong-wrong"
        said = await of_providers(**{**variables, "OPENAI_API_KEY": wrong})
        assert "key" in about(said, "problem", "openai: it rejects the account")
        # Some gateways repeat the rejected API key in their error message.
        api.fault("models", VideosFault.error(401, f"Incorrect API key provided: {api.key}"))
        said = await told(tmp_path, **variables)
        assert api.key not in "".join(said)
        assert about(said, "problem", "openai: it rejects the account")
        api.fault("models", VideosFault.error(429, "slow down", **{"Retry-After": "120"}), times=9)
        assert about(await of_providers(**variables), "warning", "openai: it asks for a pause")
        assert not api.creates
    said = await of_providers(**variables)
    assert about(said, "problem", "openai: it does not respond as it should")


def test_a_finding_is_one_line_that_cannot_steer_a_terminal():
    found = problem("a server", "Spam\x1b[2J\nserver", "do\x07 something")
    (line,) = format_findings([found], str, in_colour=False)
    assert line == "problem  a server: Spam [2J server → do something"
    assert len(one_line("x" * 1000)) == 400


def test_a_secret_is_taken_out_before_a_line_is_cut():
    secret = "s3cret" * 10
    found = warning("it", "x" * 380 + secret, "nothing")
    (line,) = format_findings([found], lambda text: text.replace(secret, "***"), in_colour=False)
    assert "s3cret" not in line


def test_colours_are_for_those_who_can_see_them():
    (line,) = format_findings([ok("it", "is well")], str, in_colour=True)
    assert line == "\x1b[32mok      \x1b[0m it: is well"
    (line,) = format_findings([ok("it", "is well")], str, in_colour=False)
    assert "\x1b" not in line


def test_a_look_up_that_hangs_holds_up_nobody_who_gave_it_up():
    hangs, released = threading.Event(), threading.Event()

    def look_up() -> None:
        hangs.set()
        released.wait(20)

    async def give_up() -> None:
        asyncio.get_running_loop().set_default_executor(DaemonExecutor())
        async with asyncio.timeout(0.2):
            await asyncio.to_thread(look_up)

    began_s = time.monotonic()
    with pytest.raises(TimeoutError):
        asyncio.run(give_up())
    assert hangs.is_set()
    assert time.monotonic() - began_s < 5
    released.set()
