"""The error handler answers every failed command, button and form with a message."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import discord
import pytest
import simcord
from discord import app_commands
from discord.ext import commands

from bot.chat.transport.error_handler import SafeItem, SafeModal, SafeTree, SafeView
from bot.errors import StorageError, TooLateError
from bot.model import State
from tests.behaviour.harness import bot_harness

OURS, FOREIGN = TooLateError("Too late for that."), ZeroDivisionError("secret detail")
#: Discord's limit for the length of a message, in characters.
MOST_CHARS = 2000
A_PROXYS: Any = SimpleNamespace(status=400, reason="Bad Request")
ENDLESS = TooLateError("x" * 3000)


class BrokenItem(SafeItem[discord.ui.Button[Any]], template=r"broken:(?P<whose>\w+)"):
    def __init__(self, whose: str) -> None:
        super().__init__(discord.ui.Button(label=whose, custom_id=f"broken:{whose}"))
        self.whose = whose

    @classmethod
    async def from_custom_id(cls, _interaction: Any, _control: Any, match: re.Match[str], /) -> Any:
        return cls(match["whose"])

    async def pressed(self, interaction: discord.Interaction) -> None:
        raise OURS if self.whose == "ours" else FOREIGN


class BrokenView(SafeView):
    @discord.ui.button(label="view")
    async def press(self, interaction: discord.Interaction, _button: Any) -> None:
        await interaction.response.defer(ephemeral=True, thinking=True)
        raise FOREIGN


class BrokenModal(SafeModal, title="Modal"):
    words: discord.ui.TextInput[Any] = discord.ui.TextInput(label="words", custom_id="words")

    async def on_submit(self, interaction: discord.Interaction, /) -> None:
        raise OURS


@asynccontextmanager
async def error_stage() -> AsyncIterator[
    tuple[simcord.Env, simcord.MemberActor, simcord.ChannelHandle]
]:
    intents = discord.Intents.none()
    intents.guilds = True
    client = commands.Bot("!", intents=intents, tree_cls=SafeTree)

    @client.tree.command()
    @app_commands.describe(how="which way")
    async def fail(interaction: discord.Interaction, how: str) -> None:
        if how == "late":
            await interaction.response.defer(ephemeral=True)
        raise {
            "ours": OURS,
            "endless": ENDLESS,
            "storage": StorageError("disk I/O error"),
            "proxy": discord.HTTPException(A_PROXYS, "<html>Bad Request</html>"),
        }.get(how, FOREIGN)

    @client.tree.command()
    async def show(interaction: discord.Interaction) -> None:
        view = BrokenView(timeout=None)
        view.add_item(BrokenItem("ours"))
        view.add_item(BrokenItem("foreign"))
        await interaction.response.send_message("here", view=view)

    @client.tree.command()
    async def modal(interaction: discord.Interaction) -> None:
        await interaction.response.send_modal(BrokenModal())

    async def setup_hook() -> None:
        client.add_dynamic_items(BrokenItem)
        await client.tree.sync()

    client.setup_hook = setup_hook  # type: ignore[method-assign]
    async with simcord.run(client, check_errors=False) as env:
        guild = env.create_guild()
        alice = guild.add_member(env.create_user("alice"))
        yield env, alice, guild.create_text_channel("general")


def said(result: simcord.InteractionResult) -> str:
    answers = [each for each in (result.response, *result.followups) if each is not None]
    assert all(each.ephemeral for each in answers)
    return " ".join(each.content for each in answers)


@pytest.mark.parametrize(
    ("how", "sentence"),
    [("ours", "Too late for that."), ("storage", "can't reach my records")],
)
async def test_an_error_of_ours_brings_its_sentence(how: str, sentence: str) -> None:
    async with error_stage() as (_, alice, channel):
        assert sentence in said(await alice.slash(channel, "fail", how=how))


async def test_what_a_proxy_says_instead_of_discord_is_no_defect(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with error_stage() as (_, alice, channel):
        assert "Discord didn't take my answer" in said(
            await alice.slash(channel, "fail", how="proxy")
        )
    assert not [each for each in caplog.records if each.exc_info]


@pytest.mark.parametrize("how", ["early", "late"])
async def test_a_defect_is_answered_with_a_code_that_is_in_the_log(
    how: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with error_stage() as (_, alice, channel):
        sentence = said(await alice.slash(channel, "fail", how=how))
    code = re.search(r"`([A-Z0-9]{6})`", sentence)
    assert code is not None
    assert "secret detail" not in sentence
    logged = next(each for each in caplog.records if code[1] in each.getMessage())
    assert logged.exc_info is not None
    assert logged.exc_info[0] is ZeroDivisionError


async def test_buttons_and_views_that_break_answer_too() -> None:
    async with error_stage() as (_, alice, channel):
        await alice.slash(channel, "show")
        message = channel.last_message
        assert message is not None
        assert "Too late" in said(await alice.click(message, label="ours"))
        assert "quote `" in said(await alice.click(message, label="foreign"))
        assert "quote `" in said(await alice.click(message, label="view"))


async def test_a_modal_that_breaks_answers_too() -> None:
    async with error_stage() as (_, alice, channel):
        shown = await alice.slash(channel, "modal")
        assert "Too late" in said(await alice.submit_modal(shown, {"words": "x"}))


async def test_a_refusal_that_would_name_forty_models_fits_into_a_message(tmp_path: Path) -> None:
    models = "; ".join(
        f"model-{n} seconds=4 sizes=1280x720 usd_per_second=0.1 label='{n}{'l' * 70}'"
        for n in range(40)
    )
    async with bot_harness(tmp_path, OPENAI_MODELS=models) as t:
        asked = await t.alice.slash(t.channel, "sora generate", prompt="a cat", model="nope")
        assert "I don't have that one. There is `0lll" in said(asked)
        # Whole, and not cut short.
        assert said(asked).endswith("`.")
        assert len(said(asked)) <= MOST_CHARS


async def test_a_sentence_longer_than_a_message_is_cut_short() -> None:
    async with error_stage() as (_, alice, channel):
        assert said(await alice.slash(channel, "fail", how="endless")) == "x" * MOST_CHARS


async def test_a_database_that_fails_refuses_and_the_next_command_works(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        limit = "PRAGMA max_page_count = "
        pages = await t.app.store.database.run(
            lambda conn: conn.execute("PRAGMA page_count").fetchone()[0]
        )
        await t.app.store.database.run(lambda conn: conn.execute(f"{limit}{pages}").fetchone())
        refusals = 0
        for number in range(200):
            asked = await t.alice.slash(t.channel, "sora generate", prompt=f"{number} " + "x" * 900)
            assert asked.response is not None
            refusals += "can't reach my records" in asked.response.content
            if refusals:
                break
        assert refusals
        await t.app.store.database.run(lambda conn: conn.execute(f"{limit}{10**6}").fetchone())
        await t.bob.slash(t.channel, "sora generate", prompt="after the flood")

        async def bobs_is_done() -> bool:
            return (await t.jobs())[-1].state is State.DONE

        await t.until(bobs_is_done)


async def test_a_hopeless_interaction_is_given_up_in_silence(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        t.env.inject_error("POST", "/interactions/*", status=404, code=10062, times=2)
        await t.alice.slash(t.channel, "sora generate", prompt="a cat")
        await t.wait_for_state(State.DONE)
        assert len(t.clips()) == 1
