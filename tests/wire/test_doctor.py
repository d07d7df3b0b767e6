"""Tests of `python -m bot doctor` in a separate process, with a simulated Discord and video API."""

from __future__ import annotations

import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from bot.settings import Settings
from bot.shell import doctor_network
from bot.shell.finding import format_findings
from tests.wire.autojump_clock import AutojumpClock
from tests.wire.bot_process import bot_process, run_command
from tests.wire.discord_double import LoopbackDiscord
from tests.wire.discord_permissions import Permission
from tests.wire.process_pool import shared_pool
from tests.wire.videos_api import VideosApi


@dataclass(frozen=True, slots=True, kw_only=True)
class DoctorOutput:
    """The output, the exit code and the running time of `python -m bot doctor`."""

    code: int
    lines: list[str]
    errors: str
    took_s: float

    def about(self, *words: str) -> str:
        """Return the only line of the output that contains all of these words."""
        return about(self.lines, *words)


def about(told: list[str], *words: str) -> str:
    """Return the only line in `told` that contains all of these words."""
    (line,) = [line for line in told if all(word in line for word in words)]
    return line


async def of_discord(
    discord: LoopbackDiscord, *, clock: AutojumpClock | None = None, **more: str
) -> list[str]:
    """Return the findings of doctor's checks of Discord, run within this process."""
    given = {
        "DISCORD_TOKEN": discord.token,
        "DISCORD_API_URL": discord.api_url,
        "DISCORD_GUILD_IDS": discord.world.guild["id"],
    } | more
    found = await doctor_network.examine_discord(Settings.from_env(given), clock or AutojumpClock())
    assert discord.violations == []
    return format_findings(found, str, in_colour=False)


def variables(discord: LoopbackDiscord, api: VideosApi, **more: str) -> dict[str, str]:
    return {
        "DISCORD_TOKEN": discord.token,
        "DISCORD_API_URL": discord.api_url,
        "DISCORD_GATEWAY_URL": discord.gateway_url,
        "DISCORD_GUILD_IDS": discord.world.guild["id"],
        "VIDEO_PROVIDERS": "openai,local",
        "OPENAI_API_KEY": api.key,
        "OPENAI_BASE_URL": api.base_url,
    } | more


async def doctor(folder: Path, given: Mapping[str, str]) -> DoctorOutput:
    """Run `python -m bot doctor` with only the environment variables in `given`."""
    began_s = time.perf_counter()
    told = await run_command(folder, given, "doctor")
    return DoctorOutput(
        code=told.code,
        lines=told.out.splitlines(),
        errors=told.err,
        took_s=time.perf_counter() - began_s,
    )


async def test_where_all_is_well_every_line_says_so_and_the_exit_code_is_0(tmp_path: Path) -> None:
    async with LoopbackDiscord() as discord, VideosApi() as api:
        told = await doctor(tmp_path, variables(discord, api))
        assert told.code == 0, told.lines
        assert told.lines[-2:] == ["", "All is well."]
        assert all(line.startswith("ok ") for line in told.lines[:-2])
        for about in (
            "settings: ",
            "data folder: ",
            "database: ",
            "DISCORD_TOKEN: accepted; the bot is sorabot",
            "intents: ",
            "server ",
            "clock: within",
            "openai: the key is taken",
            "renderer: made",
            "HTTP_BIND: ",
        ):
            assert told.about(f"ok       {about}")
        assert told.errors == ""
        assert discord.violations == []
        assert api.violations == []
        assert not api.creates
        assert {call.method for call in discord.calls} == {"GET"}
        everything = "\n".join(told.lines)
        assert discord.token not in everything
        assert api.key not in everything
        assert "\x1b" not in everything


async def test_beside_a_running_bot_it_finds_the_bot_and_disturbs_nothing(tmp_path: Path) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
    async with LoopbackDiscord() as discord, VideosApi() as api:
        given = variables(discord, api, HTTP_BIND=f"127.0.0.1:{port}")
        async with bot_process(tmp_path, given, pool=shared_pool()) as bot:
            await discord.ready()
            told = await doctor(tmp_path, given)
            assert told.code == 0, told.lines
            assert told.about("ok", "HTTP_BIND: the bot answers there")
            assert told.about("ok", "the ledger agrees with every job")
            assert told.about("ok", "database: a bot runs on it")
            assert discord.gateway.identifies == 1
            assert await bot.stop() == 0
        told = await doctor(tmp_path, given)
        assert told.about("ok", "HTTP_BIND", "is free")
        assert told.about("ok", "database: no bot runs on it now")
        assert discord.violations == []


async def test_a_token_that_discord_refuses_is_a_problem_and_is_not_shown(tmp_path: Path) -> None:
    async with LoopbackDiscord() as discord, VideosApi() as api:
        wrong = "not.the.token-not-the-token"
        told = await doctor(tmp_path, variables(discord, api, DISCORD_TOKEN=wrong))
        assert told.code == 1
        assert "Reset Token" in told.about("problem", "DISCORD_TOKEN: Discord does not accept it")
        assert wrong not in "\n".join(told.lines)
        # Discord's response had a Date header although it was an error, so the clock could be
        # checked.
        assert told.about("ok", "clock: within")


async def test_permissions_that_no_role_gives_are_named_and_so_is_the_way_back() -> None:
    lacks = Permission.ATTACH_FILES | Permission.VIEW_CHANNEL
    async with LoopbackDiscord() as discord:
        for role in discord.world.guild["roles"]:
            role["permissions"] = str(int(role["permissions"]) & ~lacks)
        line = about(await of_discord(discord), "problem", "server ", ": Loopback")
        assert "lacks View Channels, Attach Files →" in line
        assert "oauth2/authorize" in line
        # A bot with the permission for everything lacks no permission.
        discord.world.role("bots")["permissions"] = str(int(Permission.ADMINISTRATOR))
        assert about(await of_discord(discord), "ok", "server ", ": Loopback")


async def test_a_server_without_the_bot_is_told_with_an_invitation() -> None:
    async with LoopbackDiscord() as discord:
        told = await of_discord(discord, DISCORD_GUILD_IDS="1234567")
        line = about(told, "problem", "server 1234567: the bot is not in it")
        assert f"client_id={discord.world.application['id']}" in line


async def test_commands_that_go_elsewhere_are_found() -> None:
    async with LoopbackDiscord() as discord:
        discord.world.application["interactions_endpoint_url"] = "https://elsewhere.example"
        told = await of_discord(discord, DISCORD_APPLICATION_ID="77")
        assert about(told, "problem", "application: ", "Interactions Endpoint URL")
        assert about(told, "warning", "DISCORD_APPLICATION_ID: ", discord.world.application["id"])


@pytest.mark.parametrize(("off_s", "level"), [(0, "ok"), (25, "ok"), (40, "problem")])
async def test_a_clock_that_is_off_is_found(off_s: int, level: str) -> None:
    clock = AutojumpClock()
    await clock.sleep(off_s)
    async with LoopbackDiscord() as discord:
        line = about(await of_discord(discord, clock=clock), "clock: ")
    assert line.startswith(level)
    assert ("ahead of" in line) == (level == "problem")


async def test_without_a_token_it_says_so_and_looks_at_all_the_rest(tmp_path: Path) -> None:
    async with LoopbackDiscord() as discord, VideosApi() as api:
        told = await doctor(tmp_path, variables(discord, api, DISCORD_TOKEN=""))
        assert told.code == 1
        assert "make sandbox" in told.about("problem", "DISCORD_TOKEN: not set")
        assert told.about("ok", "clock: within")
        assert told.about("ok", "openai: the key is taken")
        assert told.lines[-1] == "1 problem, 0 warnings."
        assert [call.path for call in discord.calls] == ["/gateway"]


async def test_where_nothing_answers_it_says_so_within_20_s(tmp_path: Path) -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        nobody = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        given = {
            "DISCORD_TOKEN": "a.b.c",
            "DISCORD_API_URL": nobody,
            "VIDEO_PROVIDERS": "openai,xai",
            "OPENAI_API_KEY": "sk-0123456789",
            "OPENAI_BASE_URL": nobody,
            "XAI_API_KEY": "xai-0123456789",
            "XAI_BASE_URL": nobody,
            "HTTP_BIND": nobody.removeprefix("http://"),
            "PUBLIC_URL": nobody,
        }
        told = await doctor(tmp_path, given)
    assert told.code == 1
    assert told.took_s < 20
    assert told.about("problem", "Discord: can't be reached")
    assert told.about("problem", "openai: it does not respond")
    assert told.about("problem", "xai: it does not respond")
    assert told.about("ok", "clock: not compared")


async def test_a_settings_file_that_cannot_be_read_is_one_finding_among_others(
    tmp_path: Path,
) -> None:
    (tmp_path / ".env").write_bytes(b"DISCORD_TOKEN=\xff\xfe\n")
    async with LoopbackDiscord() as discord, VideosApi() as api:
        told = await doctor(tmp_path, variables(discord, api))
        assert told.code == 1
        assert told.about("problem", ".env: cannot be read")
        assert told.about("ok", "DISCORD_TOKEN: accepted")


async def test_warnings_alone_leave_the_exit_code_at_0(tmp_path: Path) -> None:
    async with LoopbackDiscord() as discord, VideosApi() as api:
        given = variables(discord, api, PUBLIC_URL="https://sora.example.org")
        told = await doctor(tmp_path, given)
        assert told.code == 0
        assert told.lines[-1] == "0 problems, 1 warning."
