"""`/sora-mod provider`: the health of the providers, and which one gets a guild's next clips."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import simcord

from bot.guild import EVERYWHERE, GuildSettings
from bot.model import State
from bot.storage.guild_settings import Actor
from bot.storage.sqlite.guild_settings import SqliteGuildSettingsStore
from tests.behaviour.clips import generate_clip, private_answer
from tests.behaviour.harness import BotHarness, bot_harness
from tests.behaviour.settings_panel import choose, open_settings
from tests.wire.videos_api import VideosApi
from tests.wire.videos_faults import VideosFault

REFUSED = "Only those who may manage this server can do that."
RUNNING = "Clips under way stay where they are"


@asynccontextmanager
async def two(
    folder: Path, *, api: VideosApi | None = None, **variables: str
) -> AsyncGenerator[tuple[BotHarness, VideosApi]]:
    """Run a bot with two providers: `openai` first, then `litellm`.

    Yields the harness, whose `api` belongs to `openai`, and the loopback API of `litellm`.
    """
    async with VideosApi(poll_after_ms=20) as other:
        names = {
            "VIDEO_PROVIDERS": "openai,litellm",
            "LITELLM_PROXY_API_KEY": other.key,
            "LITELLM_PROXY_API_BASE": other.base_url,
            "LITELLM_PROXY_MODELS": "sora-2 label=Relayed",
        }
        async with bot_harness(folder, names | variables, api=api) as t:
            # Wait until the bot has fetched both model lists at its start; otherwise that fetch
            # could use up a fault that a test sets.
            await t.until(lambda: t.api.requests["models"] and other.requests["models"])
            yield t, other


async def mod(t: BotHarness, command: str, **options: object) -> str:
    """Have the moderator run a `/sora-mod provider` command; return the text of the private
    answer.
    """
    return private_answer(
        await t.moderator.slash(t.channel, f"sora-mod provider {command}", **options)
    )


def line_of(page: str, name: str) -> str:
    """Return the line about one provider from the list of providers."""
    (line,) = [each for each in page.splitlines() if f"**{name}**" in each]
    return line


async def drained_by_operator(t: BotHarness, *names: str) -> None:
    """Drain providers in all guilds, as the operator's command does, and let the bot reload."""
    store = t.app.store
    guild_store = SqliteGuildSettingsStore(store.database, store.queries)
    seen = await guild_store.guild_settings(EVERYWHERE)
    changed = replace(GuildSettings(), drained_providers=names)
    actor = Actor(user_id=None, at=t.clock.now())
    assert await guild_store.replace_guild_settings(EVERYWHERE, changed, actor, expected=seen)
    t.clock.forward(6)


async def test_the_list_has_a_line_for_each_service_and_marks_who_gets_the_next_clip(
    tmp_path: Path,
) -> None:
    api = VideosApi(ready_after_s=60, poll_after_ms=50)
    async with two(tmp_path, api=api, OPENAI_MAX_CONCURRENT="3") as (t, _):
        await t.alice.slash(t.channel, "sora generate", prompt="a cat")
        await t.wait_for_state(State.RENDERING)
        page = await mod(t, "list")
        assert line_of(page, "openai") == (
            "✅ **openai** · ok · ▶ **next** · 1 of 3 under way · Sora 2, Sora 2 Pro"
        )
        assert line_of(page, "litellm") == "✅ **litellm** · ok · 0 of 4 under way · Relayed"
        assert page.index("**openai**") < page.index("**litellm**")


async def test_the_service_in_use_gets_the_next_clips_until_the_usual_order_is_back(
    tmp_path: Path,
) -> None:
    async with two(tmp_path) as (t, other):
        page = await mod(t, "use", name=" LiteLLM ")
        assert "`litellm` is tried first here" in page
        assert RUNNING in page
        assert "ok · ▶ **next** · ⭐ tried first here" in line_of(page, "litellm")
        assert page.index("**litellm**") < page.index("**openai**")
        assert (await generate_clip(t, t.alice, "a cat")).spec.provider == "litellm"
        page = await mod(t, "use")
        assert "in the operator's order again" in page
        assert "▶ **next**" in line_of(page, "openai")
        assert (await generate_clip(t, t.alice, "a dog")).spec.provider == "openai"
        assert (other.creates.total(), t.api.creates.total()) == (1, 1)


async def test_a_drained_service_gets_nothing_until_it_is_given_work_back(tmp_path: Path) -> None:
    async with two(tmp_path) as (t, _):
        page = await mod(t, "drain", name="openai")
        assert "`openai` gets no new clips from here" in page
        assert line_of(page, "openai").startswith("🚰 **openai** · drained here · 0 of 4")
        assert "▶ **next**" in line_of(page, "litellm")
        assert (await generate_clip(t, t.alice, "a cat")).spec.provider == "litellm"
        page = await mod(t, "drain", name="openai", back=True)
        assert "`openai` gets clips from here again" in page
        assert "ok · ▶ **next**" in line_of(page, "openai")
        assert (await generate_clip(t, t.alice, "a dog")).spec.provider == "openai"


async def test_using_a_drained_service_gives_it_work_back_and_draining_ends_its_preference(
    tmp_path: Path,
) -> None:
    async with two(tmp_path) as (t, _):
        await mod(t, "drain", name="litellm")
        assert "▶ **next**" in line_of(await mod(t, "use", name="litellm"), "litellm")
        page = await mod(t, "drain", name="litellm")
        assert "⭐" not in page
        assert "▶ **next**" in line_of(page, "openai")


async def test_when_all_are_drained_the_moderator_is_warned_and_members_are_refused(
    tmp_path: Path,
) -> None:
    async with two(tmp_path) as (t, _):
        await mod(t, "drain", name="openai")
        page = await mod(t, "drain", name="litellm")
        assert "Nobody takes new clips now" in page
        assert "▶ **" not in page
        refused = await t.alice.slash(t.channel, "sora generate", prompt="a cat")
        assert "No video service is available" in private_answer(refused)
        assert await t.jobs() == []


async def test_what_the_operator_drained_is_told_apart_and_stays_so(tmp_path: Path) -> None:
    async with two(tmp_path) as (t, _):
        await drained_by_operator(t, "openai")
        page = await mod(t, "list")
        assert line_of(page, "openai").startswith("🚰 **openai** · drained by the operator ·")
        assert "▶ **next**" in line_of(page, "litellm")
        page = await mod(t, "use", name="openai")
        assert "the bot's operator has drained it" in page
        assert "▶ **next**" in line_of(page, "litellm")
        assert "operator has drained it" in await mod(t, "drain", name="openai", back=True)
        assert (await generate_clip(t, t.alice, "a cat")).spec.provider == "litellm"


async def test_a_choice_holds_in_its_server_only(tmp_path: Path) -> None:
    async with two(tmp_path) as (t, _):
        reels, carol = await t.add_to_another_guild()
        await mod(t, "drain", name="openai")
        await carol.slash(reels, "sora generate", prompt="a cat")
        assert (await t.wait_for_state(State.DONE)).spec.provider == "openai"


async def test_a_pause_and_an_outage_are_told_with_their_reason_and_time(tmp_path: Path) -> None:
    async with two(tmp_path) as (t, other):
        busy = VideosFault.error(429, "slow down", "rate_limit_exceeded", retry_after="60")
        t.api.fault("create", busy)
        other.fault("create", VideosFault.error(401, "no", "invalid_api_key"))
        await t.alice.slash(t.channel, "sora generate", prompt="a cat")

        async def both_told() -> str | None:
            page = await mod(t, "list")
            return page if "⏳" in page and "⛔" in page else None

        page = await t.until(both_told)
        line = line_of(page, "openai")
        assert line.startswith("⏳ **openai** · pause, ends <t:")
        assert "it takes no new work right now" in line
        # No other provider has this model, so the next clip waits until the pause of `openai`
        # ends.
        assert "▶ **next**" in line
        line = line_of(page, "litellm")
        assert line.startswith("⛔ **litellm** · out since <t:")
        assert "it refuses the account (again <t:" in line
        t.clock.forward(400)
        page = await mod(t, "list")
        assert "✅ **openai** · ok" in line_of(page, "openai")
        assert "(the next clip tries it)" in line_of(page, "litellm")


async def test_a_drained_service_that_is_out_says_both(tmp_path: Path) -> None:
    async with two(tmp_path) as (t, _):
        t.api.fault("models", VideosFault.error(401, "no", "invalid_api_key"), times=5)
        assert "refuses the key" in await mod(t, "test", name="openai")
        line = line_of(await mod(t, "drain", name="openai"), "openai")
        assert line.startswith("🚰 **openai** · drained here · ⛔ out since <t:")


async def test_the_next_clip_follows_the_servers_default_model(tmp_path: Path) -> None:
    async with two(tmp_path) as (t, _):
        panel = await open_settings(t, "models")
        await choose(t, panel, "model", "litellm/sora-2")
        assert "▶ **next**" in line_of(await mod(t, "list"), "litellm")
        assert (await generate_clip(t, t.alice, "a cat")).spec.provider == "litellm"


async def test_a_test_costs_nothing_and_ends_an_outage(tmp_path: Path) -> None:
    async with two(tmp_path) as (t, _):
        t.api.fault("models", VideosFault.error(401, "no", "invalid_api_key"))
        page = await mod(t, "test", name="openai")
        assert "`openai`: It refuses the key" in page
        assert "⛔ **openai** · out" in line_of(page, "openai")
        page = await mod(t, "test", name="OpenAI")
        assert "`openai`: All is well" in page
        assert "ok · ▶ **next**" in line_of(page, "openai")
        assert t.api.creates.total() == 0


async def test_an_unknown_name_is_refused_with_the_names_there_are(tmp_path: Path) -> None:
    async with two(tmp_path) as (t, _):
        for command in ("use", "drain", "test"):
            told = await mod(t, command, name="**vhs** @everyone")
            assert told.strip() == "**name**: I don't have that one. There is `openai`, `litellm`."
        assert "drained here" not in await mod(t, "list")


async def test_the_audit_log_tells_in_words_what_was_chosen(tmp_path: Path) -> None:
    async with two(tmp_path) as (t, _):
        await mod(t, "use", name="litellm")
        await mod(t, "drain", name="openai")
        await mod(t, "test", name="openai")
        audit_log = private_answer(await t.moderator.slash(t.channel, "sora-mod audit"))
        by = f"by <@{t.moderator.id}>"
        assert "provider tried first: as the operator set it → provider tried first: litellm" in (
            audit_log
        )
        assert "drained providers: none → drained providers: openai" in audit_log
        assert audit_log.count(by) == 2


async def test_names_complete_themselves_with_how_each_service_is(tmp_path: Path) -> None:
    async with two(tmp_path) as (t, _):

        async def offered(typed: str) -> list[tuple[str, str]]:
            found = await t.moderator.autocomplete(
                t.channel, "sora-mod provider drain", "name", typed
            )
            return [(each["name"], each["value"]) for each in found]

        await mod(t, "drain", name="litellm")
        assert await offered("") == [
            ("openai · ✅ ok", "openai"),
            ("litellm · 🚰 drained", "litellm"),
        ]
        assert await offered("LITE") == [("litellm · 🚰 drained", "litellm")]
        assert await offered("vhs") == []


async def test_whoever_may_see_the_commands_but_not_manage_the_server_learns_nothing(
    tmp_path: Path,
) -> None:
    async with two(tmp_path) as (t, _):
        for command in await t.app.client.tree.fetch_commands():
            if command.name == "sora-mod":
                t.guild.set_command_permissions(command, {t.guild.default_role: True})

        async def by_bob(command: str, **options: object) -> simcord.InteractionResult:
            return await t.bob.slash(t.channel, f"sora-mod provider {command}", **options)

        assert private_answer(await by_bob("list")).strip() == REFUSED
        for command in ("use", "drain", "test"):
            assert private_answer(await by_bob(command, name="openai")).strip() == REFUSED
        found = await t.bob.autocomplete(t.channel, "sora-mod provider drain", "name", "")
        assert found == []
        assert "ok · ▶ **next**" in line_of(await mod(t, "list"), "openai")
        # Only the hourly fetch of the model list happened: the refused command tested no provider.
        assert t.api.requests["models"] <= 1
