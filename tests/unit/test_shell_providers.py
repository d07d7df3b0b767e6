"""Tests of `python -m bot providers …`: the table of video APIs, and the operator's choices."""

from __future__ import annotations

import logging
from asyncio import run
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bot.__main__ import main
from bot.app import AdminContext, open_admin_context
from bot.clock import SystemClock
from bot.guild import EVERYWHERE, GuildSettings
from bot.jobs.catalogue import ModelSelection
from bot.jobs.guild_settings_cache import GuildSettingsCache
from bot.providers.registry import VENDORS, provider_names
from bot.settings import Settings
from bot.shell.provider_facts import default_facts
from bot.shell.provider_table import markdown_table
from bot.shell.providers import (
    ProviderAction,
    apply_choice,
    choose_provider,
    list_providers,
)
from bot.storage.guild_settings import Actor
from bot.storage.instance_lock import InstanceLock
from tests.unit.storage import factories
from tests.wire.autojump_clock import AutojumpClock
from tests.wire.videos_api import VideosApi
from tests.wire.videos_faults import VideosFault

KEY = "sk-0123456789"


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    monkeypatch.setenv("VIDEO_PROVIDERS", "openai,local")
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def shell(capsys: pytest.CaptureFixture[str]) -> Callable[[str], str]:
    """Return a function that runs a `providers` command, which must succeed, and returns its output."""
    assert main(["migrate"]) == 0
    capsys.readouterr()

    def run(line: str) -> str:
        assert main(["providers", *line.split()]) == 0
        said = capsys.readouterr()
        assert said.err == ""
        return said.out

    return run


def settings(tmp_path: Path, *providers: str, **variables: str) -> Settings:
    return Settings.from_env(
        {"DATA_DIR": str(tmp_path), "VIDEO_PROVIDERS": ",".join(providers), **variables}
    )


async def _open_storage(tmp_path: Path) -> AdminContext:
    return await open_admin_context(settings(tmp_path, "local"))


@pytest.fixture
def migrated() -> None:
    assert main(["migrate"]) == 0


def test_every_api_there_is_stands_in_the_table_the_configured_ones_first(shell):
    rows = [line for line in shell("").splitlines() if line and not line.startswith((" ", "`"))]
    assert rows[0].split() == ["NAME", "STATE", "WEBHOOK", "CANCEL", "DELETE", "VERIFIED"]
    listed = [row.split()[0] for row in rows[1:]]
    assert listed[:2] == ["openai", "local"]
    assert sorted(listed) == sorted(provider_names())
    assert "configured, no. 1" in rows[1]
    assert all("not configured" in row for row in rows[3:])


def test_the_table_tells_models_prices_and_what_was_verified_when(shell):
    said = " ".join(shell("").split())
    assert "sora-2: 4, 8, 12 s; 1280x720 720x1280; $0.10 a second; generate, remix, extend" in said
    assert "Models are to be named in VLLM_MODELS." in said
    for vendor in VENDORS.values():
        assert " ".join(vendor.verified.split()) in said
        assert str(vendor.verified_on) in said


@pytest.mark.parametrize(
    "variables", [{}, {"OPENAI_MODELS": f"{'m' * 70} seconds=4 sizes=1280x720 usd_per_second=1"}]
)
def test_no_line_of_the_table_is_over_100_columns(shell, variables, monkeypatch):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert max(map(len, shell("").splitlines())) <= 100


def test_an_api_that_lacks_its_key_is_told_in_a_whole_sentence_and_exit_code_1(monkeypatch, capsys):
    monkeypatch.setenv("OPENAI_API_KEY", "")
    assert main(["providers"]) == 1
    lines = capsys.readouterr().out.splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith("openai"))
    assert "wrong: OPENAI_API_KEY" in lines[at]
    told = " ".join(line.strip() for line in lines[at + 1 : at + 4])
    assert "OPENAI_API_KEY: is missing, though VIDEO_PROVIDERS names openai" in told
    assert "a key for" in told
    assert max(map(len, lines)) <= 100


def test_a_name_that_is_no_video_api_is_said_before_all_else(monkeypatch, capsys):
    monkeypatch.setenv("VIDEO_PROVIDERS", "openai,vhs")
    assert main(["providers"]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "VIDEO_PROVIDERS: 'vhs' is none" in said.err


def test_the_table_of_the_documentation_is_the_same_wherever_it_is_made(shell, monkeypatch):
    told = shell("--markdown")
    for name, value in {
        "VIDEO_PROVIDERS": "xai,local",
        "PUBLIC_URL": "https://elsewhere.example",
        "XAI_MODELS": "another seconds=4 sizes=1280x720 usd_per_second=9",
        "OPENAI_BASE_URL": "http://127.0.0.1:1",
    }.items():
        monkeypatch.setenv(name, value)
    shell("drain local")
    assert shell("--markdown") == told
    rows = [line.split(" | ") for line in told.splitlines()]
    assert {len(row) for row in rows} == {8}
    assert [row[0] for row in rows[2:]] == [f"| `{name}`" for name in provider_names()]


def test_the_documentation_tells_who_takes_a_webhook_with_each_order(shell):
    rows = {line.split("`")[1]: line for line in shell("--markdown").splitlines()[2:]}
    told = {name: row.split(" | ")[3] for name, row in rows.items()}
    assert {name for name in told if told[name] == "with each order"} == {
        *("fal", "openrouter", "replicate")
    }
    assert {name for name in told if told[name] == "set up there"} == {"openai", "gemini"}


def test_the_table_needs_no_database_and_makes_none(tmp_path: Path, capsys):
    assert main(["providers"]) == 0
    assert "openai" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("migrated")
async def test_choices_hold_everywhere_and_are_audited_as_the_operators(tmp_path: Path):
    here = settings(tmp_path, "openai", "local", OPENAI_API_KEY=KEY)
    for way, name in (
        (ProviderAction.DRAIN, "openai"),
        (ProviderAction.DRAIN, "openai"),
        (ProviderAction.USE, "local"),
        (ProviderAction.RESUME, "openai"),
        (ProviderAction.USE, None),
    ):
        await choose_provider(here, way, name)
    desk = await _open_storage(tmp_path)
    audit_log = await desk.guild_store.audit_log(EVERYWHERE, None, before_id=None, limit=10)
    assert await desk.guild_store.guild_settings(EVERYWHERE) == GuildSettings()
    await desk.store.close()
    assert [each.by_user_id for each in audit_log] == [None] * 4
    assert {each.subject for each in audit_log} == {"everywhere"}
    assert "openai" in str(audit_log[-1].after)
    assert "local" in str(audit_log[-2].after)


@pytest.mark.usefixtures("migrated")
async def test_a_running_bot_takes_a_choice_up_within_seconds(tmp_path: Path):
    clock = AutojumpClock()
    desk = await _open_storage(tmp_path)
    settings_cache = GuildSettingsCache(desk.guild_store, clock)
    assert await settings_cache.everywhere() == GuildSettings()
    here = settings(tmp_path, "openai", "local", OPENAI_API_KEY=KEY)
    await choose_provider(here, ProviderAction.DRAIN, "openai")
    await clock.sleep(6)
    assert ModelSelection.from_settings(await settings_cache.everywhere()).drained == {"openai"}
    await desk.store.close()


@pytest.mark.usefixtures("migrated")
async def test_other_rules_that_are_kept_for_all_servers_survive_a_choice(tmp_path: Path):
    desk = await _open_storage(tmp_path)
    kept = GuildSettings(models=("local/local-preview",), drained_providers=("xai",))
    actor = Actor(user_id=None, at=SystemClock().now())
    assert await desk.guild_store.replace_guild_settings(
        EVERYWHERE, kept, actor, expected=GuildSettings()
    )
    await choose_provider(settings(tmp_path, "local"), ProviderAction.USE, "local")
    after = await desk.guild_store.guild_settings(EVERYWHERE)
    await desk.store.close()
    assert after == GuildSettings(
        models=("local/local-preview",), preferred_provider="local", drained_providers=("xai",)
    )


@pytest.mark.usefixtures("migrated")
async def test_draining_tells_how_many_jobs_go_on_and_who_is_left(tmp_path: Path):
    desk = await _open_storage(tmp_path)
    job = await factories.accept(desk.store)
    await factories.step(desk.store, job, factories.State.SUBMITTING)
    here = settings(tmp_path, "local", "openai", OPENAI_API_KEY=KEY)
    said = await choose_provider(here, ProviderAction.DRAIN, "local")
    assert "New jobs go to: openai" in said
    assert "Made there now: 1; they go on" in said
    said = await choose_provider(here, ProviderAction.DRAIN, "openai")
    assert "NOBODY" in said
    said = await choose_provider(here, ProviderAction.USE, "openai")
    assert said.splitlines()[1] == "  New jobs go to: openai"
    await desk.store.close()


def test_a_choice_tells_which_database_it_went_to_and_whether_a_bot_runs_there(
    shell, tmp_path: Path, monkeypatch
):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    monkeypatch.setenv("DATA_DIR", "..")
    said = shell("drain openai")
    assert f"Database: {tmp_path}/sorabot.db (NO BOT runs on it" in said
    assert "VIDEO_PROVIDERS in this shell: openai, local; the bot uses its own" in said
    instance_lock = InstanceLock.acquire(tmp_path / "sorabot.db")
    try:
        assert "sorabot.db (a bot runs on it)" in shell("resume openai")
    finally:
        instance_lock.release()


def test_to_use_one_is_to_let_it_have_jobs_and_to_drain_one_is_to_prefer_it_no_more():
    before = GuildSettings(drained_providers=("openai", "local"))
    used = apply_choice(before, ProviderAction.USE, "openai")
    assert used == GuildSettings(preferred_provider="openai", drained_providers=("local",))
    assert apply_choice(used, ProviderAction.DRAIN, "openai") == GuildSettings(
        drained_providers=("local", "openai")
    )


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("use", "NAME"),
        ("use openai --usual", "--usual"),
        ("use vhs", "'vhs'"),
        ("drain", "NAME"),
        ("drain vhs", "'vhs'"),
        ("resume vhs", "'vhs'"),
        ("stop openai", "'stop'"),
    ],
)
def test_a_wrong_argument_is_named_in_one_line_and_exit_code_2(line: str, named: str, capsys):
    with pytest.raises(SystemExit) as left:
        main(["providers", *line.split()])
    assert left.value.code == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert len(said.err.splitlines()) == 1
    assert named in said.err


def test_one_that_is_not_configured_can_be_resumed_but_neither_used_nor_drained(shell, capsys):
    for way in ("use", "drain"):
        assert main(["providers", way, "xai"]) == 1
        assert "VIDEO_PROVIDERS does not name xai, only openai, local" in capsys.readouterr().err
    assert "Nothing changed" in shell("resume xai")


def test_a_choice_without_a_database_makes_none(tmp_path: Path, capsys):
    assert main(["providers", "drain", "local"]) == 1
    assert "DATA_DIR" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


async def _checked(tmp_path: Path, api: VideosApi, key: str) -> tuple[str, str, bool]:
    here = settings(tmp_path, "openai", "local", OPENAI_API_KEY=key, OPENAI_BASE_URL=api.base_url)
    is_well, said = await list_providers(here, SystemClock(), is_live=True)
    lines = said.splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith("openai"))
    return lines[at + 1], said, is_well


async def test_a_check_calls_the_configured_ones_once_without_cost(tmp_path: Path):
    async with VideosApi() as api:
        told, said, is_well = await _checked(tmp_path, api, api.key)
        assert is_well
        assert told.startswith("    Answers (")
        assert "the key is taken" in told
        assert api.requests["create"] == 0
        assert not api.creates
        assert said.count("Answers (") == 2
        assert api.violations == []


async def test_a_check_tells_a_refused_key_from_trouble_and_shows_no_key(tmp_path: Path):
    async with VideosApi() as api:
        told, said, is_well = await _checked(tmp_path, api, "sk-wrong-wrong")
        assert not is_well
        assert "REFUSES the account" in told
        assert "sk-wrong-wrong" not in said
        api.fault("models", VideosFault.html(), times=9)
        told, _, is_well = await _checked(tmp_path, api, api.key)
        assert not is_well
        assert "DOES NOT ANSWER as it should" in told


def test_the_page_on_video_apis_is_what_the_command_prints():
    page = Path(__file__).parents[2] / "docs" / "providers.md"
    _, _, rest = page.read_text(encoding="utf-8").partition("--markdown -->\n")
    assert rest.partition("\n\n")[0] == markdown_table(run(default_facts(SystemClock()))).strip()
