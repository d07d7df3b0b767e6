"""Tests of context menus, modals and buttons in the simulated Discord."""

from __future__ import annotations

from collections.abc import AsyncIterator

import discord
import pytest
from discord import app_commands
from discord.http import Route

from tests.wire.discord_bare_bot import (
    Again,
    BareBot,
    BareBotSession,
    bare_bot_session,
    logged_in,
    repointed,
)
from tests.wire.discord_commands import UnavailableError
from tests.wire.discord_double import LoopbackDiscord
from tests.wire.discord_permissions import Permission


@pytest.fixture
async def bare_session() -> AsyncIterator[BareBotSession]:
    async with bare_bot_session() as both:
        yield both


class RemixModal(discord.ui.Modal):
    """A modal that shows the prompt of the parent clip and has a field for the change."""

    def __init__(self, prompt: str) -> None:
        super().__init__(title="Remix this clip", custom_id="remix:7")
        self.change = discord.ui.TextInput(
            custom_id="change", style=discord.TextStyle.paragraph, max_length=50
        )
        self.add_item(discord.ui.TextDisplay(f"> {prompt}"))
        self.add_item(
            discord.ui.Label(
                text="What changes?", description="The rest stays", component=self.change
            )
        )

    async def on_submit(self, interaction: discord.Interaction) -> None:
        await interaction.response.send_message(f"Changing: {self.change.value}", ephemeral=True)


async def with_menu(bot: BareBot, name: str, act) -> None:
    bot.tree.add_command(app_commands.ContextMenu(name=name, callback=act))
    await bot.tree.sync()


async def hush(interaction: discord.Interaction) -> None:
    """Respond with an ephemeral message that has a button."""
    view = discord.ui.View(timeout=None)
    view.add_item(Again("K7Q2"))
    await interaction.response.send_message("hm", view=view, ephemeral=True)


async def with_button(bare_session: BareBotSession, place: str = "general") -> str:
    """Post a message with a button that works after a restart; return the channel's name."""
    view = discord.ui.View(timeout=None)
    view.add_item(Again("K7Q2"))
    await bare_session.channel(place).send("clip", view=view)
    return place


async def test_menus_are_registered_beside_the_group(bare_session):
    commands = await bare_session.bot.tree.fetch_commands()
    kinds = {command.name: command.type.value for command in commands}
    assert kinds == {"sora": 1, "Remix this clip": 3}


async def test_a_menu_on_a_message_answers_with_a_modal_that_shows_its_prompt(bare_session):
    async def remix(interaction: discord.Interaction, message: discord.Message) -> None:
        await interaction.response.send_modal(RemixModal(message.content))

    await with_menu(bare_session.bot, "Change", remix)
    loopback = bare_session.loopback
    target = await loopback.message("general", "bob", "a cat in a hat")
    shown = await (await loopback.menu("alice", "general", "Change", target)).answered()
    assert shown.callback_type == 9
    text, label = shown.data["components"]
    assert (text["type"], text["content"]) == (10, "> a cat in a hat")
    assert (label["type"], label["component"]["type"]) == (18, 4)
    submitted = await (await loopback.submit_modal(shown, {"change": "a dog"})).answered()
    assert (submitted.content, submitted.is_ephemeral) == ("Changing: a dog", True)
    sent = submitted.payload
    assert (sent["type"], "message" in sent) == (5, False)
    assert [part["type"] for part in sent["data"]["components"]] == [10, 18]
    assert len({sent["data"]["components"][0]["id"], sent["data"]["components"][1]["id"]}) == 2


async def test_a_menu_answers_with_an_embed_in_public(bare_session):
    async def details(interaction: discord.Interaction, message: discord.Message) -> None:
        embed = discord.Embed(title="Clip", description=message.attachments[0].filename)
        await interaction.response.send_message(embed=embed)

    await with_menu(bare_session.bot, "Clip details", details)
    loopback = bare_session.loopback
    clip = loopback.upload(b"clip", filename="clip.mp4")
    target = await loopback.message("general", "bob", "", attachments=[clip])
    sent = await (await loopback.menu("alice", "general", "Clip details", target)).answered()
    assert sent.message["embeds"][0]["description"] == "clip.mp4"
    assert (sent.message["type"], sent.is_ephemeral) == (23, False)
    assert sent.payload["data"]["target_id"] == target["id"]


async def test_only_the_target_of_a_menu_is_opened_and_not_what_it_replies_to(bare_session):
    loopback = bare_session.loopback
    theirs = await loopback.message("general", "bob", "a secret")
    answer = await loopback.message("general", "alice", "I see", reply_to=theirs)
    sent = await (await loopback.menu("bob", "general", "Remix this clip", answer)).answered()
    resolved = sent.payload["data"]["resolved"]["messages"][answer["id"]]
    assert (resolved["content"], resolved["referenced_message"]["content"]) == ("I see", "")


async def test_a_menu_needs_a_message_that_is_there(bare_session):
    loopback = bare_session.loopback
    target = await loopback.message("general", "bob", "hm")
    with pytest.raises(UnavailableError):
        await loopback.menu("alice", "clips", "Remix this clip", target)
    await loopback.delete(target)
    with pytest.raises(UnavailableError):
        await loopback.menu("alice", "general", "Remix this clip", target)


async def test_a_modal_from_a_button_knows_the_message_and_its_rules(bare_session):
    loopback = bare_session.loopback
    await with_button(bare_session)
    post = loopback.posts("general")[0]
    shown = await (await loopback.press("bob", post, "again:K7Q2")).answered()
    for text in ("", "x" * 101):
        with pytest.raises(UnavailableError):
            await loopback.submit_modal(shown, {"prompt": text})
    submitted = await (await loopback.submit_modal(shown, {"prompt": "a dog"})).answered()
    assert submitted.payload["message"]["id"] == post["id"]
    assert submitted.content == "Remixing: a dog"


@pytest.mark.parametrize(
    ("title", "parts", "field"),
    [
        ("six", [discord.ui.TextDisplay("x").to_component_dict()] * 6, "Must be between 1 and 5."),
        ("a row", [{"type": 2, "style": 1, "label": "x", "custom_id": "x"}], "UNION_TYPE_CHOICES"),
        ("x" * 46, [discord.ui.TextDisplay("x").to_component_dict()], "45 in length"),
        (
            "label",
            [
                {
                    "type": 18,
                    "label": "x" * 46,
                    "component": {"type": 4, "custom_id": "a", "style": 1},
                }
            ],
            "Must be between 1 and 45.",
        ),
        (
            "twins",
            [{"type": 18, "label": "x", "component": {"type": 4, "custom_id": "a", "style": 1}}]
            * 2,
            "COMPONENT_CUSTOM_ID_DUPLICATED",
        ),
    ],
)
async def test_a_modal_against_the_rules_is_refused(bare_session, title, parts, field):
    class Wrong(discord.ui.Modal):
        def to_dict(self):
            return {"title": title, "custom_id": "m", "components": parts}

    refusals: list[discord.HTTPException] = []

    async def open_it(interaction: discord.Interaction, _message: discord.Message) -> None:
        try:
            await interaction.response.send_modal(Wrong(title="wrong"))
        except discord.HTTPException as refused:
            refusals.append(refused)
            await interaction.response.send_message("refused")

    await with_menu(bare_session.bot, "Open", open_it)
    target = await bare_session.loopback.message("general", "bob", "hm")
    sent = await (await bare_session.loopback.menu("alice", "general", "Open", target)).answered()
    assert (sent.content, refusals[0].code) == ("refused", 50035)
    assert any(field in violation for violation in bare_session.loopback.violations)
    bare_session.loopback.violations.clear()


async def test_a_button_of_yesterday_is_answered_by_todays_bot():
    async with LoopbackDiscord() as loopback:
        with repointed(loopback):
            async with logged_in(loopback) as bot:
                await with_button(BareBotSession(loopback, bot), "clips")
            post = loopback.posts("clips")[0]
            async with logged_in(loopback):
                for name in ("bob", "moderator"):
                    shown = await (await loopback.press(name, post, "again:K7Q2")).answered()
                    assert shown.callback_type == 9
                    assert shown.payload["member"]["user"]["username"] == name
                    assert shown.payload["channel"]["name"] == "clips"
        assert not loopback.violations


async def test_a_button_is_there_for_whoever_sees_the_message(bare_session):
    loopback = bare_session.loopback
    await with_button(bare_session)
    post = loopback.posts("general")[0]
    loopback.world.overwrite("general", "bob", deny=Permission.VIEW_CHANNEL)
    with pytest.raises(UnavailableError):
        await loopback.press("bob", post, "again:K7Q2")
    bare_session.bot.tree.add_command(
        app_commands.Command(name="hush", description="Hm", callback=hush)
    )
    await bare_session.bot.tree.sync()
    sent = await (await loopback.slash("alice", "general", "hush")).answered()
    await (await loopback.press("alice", sent.message, "again:K7Q2")).answered()
    with pytest.raises(UnavailableError):
        await loopback.press("moderator", sent.message, "again:K7Q2")
    await loopback.delete(post)
    with pytest.raises(UnavailableError):
        await loopback.press("alice", post, "again:K7Q2")


async def test_a_press_opens_no_message_that_the_bot_could_not_read(bare_session):
    theirs = await bare_session.loopback.message("general", "alice", "a secret")
    view = discord.ui.View(timeout=None)
    view.add_item(Again("K7Q2"))
    channel = bare_session.channel("general")
    await channel.send("hm", view=view, reference=channel.get_partial_message(int(theirs["id"])))
    post = bare_session.loopback.posts("general")[1]
    pressed = await (await bare_session.loopback.press("bob", post, "again:K7Q2")).answered()
    shown = pressed.payload["message"]
    assert (shown["content"], shown["referenced_message"]["content"]) == ("hm", "")


async def test_five_rows_of_five_buttons_fit(bare_session):
    view = discord.ui.View(timeout=None)
    for number in range(25):
        view.add_item(discord.ui.Button(label=str(number), custom_id=f"b:{number}"))
    await bare_session.channel("general").send("grid", view=view)
    rows = bare_session.loopback.posts("general")[0]["components"]
    assert [len(row["components"]) for row in rows] == [5] * 5
    ids = [part["id"] for row in rows for part in (row, *row["components"])]
    assert len(set(ids)) == 30


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([["a", "a"]], "COMPONENT_CUSTOM_ID_DUPLICATED"),
        ([["a"], ["a"]], "COMPONENT_CUSTOM_ID_DUPLICATED"),
        ([[str(n)] for n in range(6)], "BASE_TYPE_BAD_LENGTH"),
        ([[str(n) for n in range(6)]], "COMPONENT_LAYOUT_WIDTH_EXCEEDED"),
    ],
)
async def test_two_buttons_of_one_name_and_too_many_are_refused(bare_session, rows, reason):
    components = [
        {
            "type": 1,
            "components": [
                {"type": 2, "style": 1, "label": "x", "custom_id": custom_id} for custom_id in row
            ],
        }
        for row in rows
    ]
    channel_id = bare_session.loopback.world.channel("general")["id"]
    posts = Route("POST", "/channels/{channel_id}/messages", channel_id=channel_id)
    with pytest.raises(discord.HTTPException) as refused:
        await bare_session.bot.http.request(posts, json={"components": components})
    assert refused.value.code == 50035
    assert any(reason in violation for violation in bare_session.loopback.violations)
    bare_session.loopback.violations.clear()
