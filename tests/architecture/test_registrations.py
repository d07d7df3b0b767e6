"""Tests that every button, menu and form still works after the bot has restarted."""

import pytest

from bot.chat.persistent_components import DYNAMIC_ITEMS, MODAL_HANDLERS
from tests.architecture.registrations import items_of_views, unregistered_forms, unregistered_items
from tests.architecture.source import make_sources, report

REGISTERED = {f"{item.__module__}.{item.__qualname__}" for item in DYNAMIC_ITEMS}
PATTERNS = {pattern.pattern for pattern in MODAL_HANDLERS}
BASE = "class Base(SafeItem, template='sora:never'):\n    label: str\n"
PRESSED = "    async def pressed(self, interaction): ...\n"


def test_each_button_and_menu_is_registered(sources):
    found = unregistered_items(sources, REGISTERED)
    assert not found, report(found)


def test_each_form_has_a_handler(sources):
    found = unregistered_forms(sources, PATTERNS)
    assert not found, report(found)


def test_no_button_or_menu_belongs_to_a_view_alone(sources):
    found = items_of_views(sources)
    assert not found, report(found)


def test_a_forgotten_button_is_found_and_its_base_is_not():
    text = f"{BASE}class Queue(Base, template='sora:queue'):\n{PRESSED}"
    planted = make_sources({"bot/chat/lists/queue.py": text})
    (found,) = unregistered_items(planted, ())
    assert "Queue answers nothing after a restart; add it to DYNAMIC_ITEMS in bot/chat" in found
    assert unregistered_items(planted, {"bot.chat.lists.queue.Queue"}) == []


def test_a_base_that_can_be_pressed_itself_is_found():
    text = f"{BASE}{PRESSED}class Queue(Base, template='sora:queue'):\n{PRESSED}"
    planted = make_sources({"bot/chat/x.py": text})
    (found,) = unregistered_items(planted, {"bot.chat.x.Queue"})
    assert "Base answers nothing" in found


def test_a_base_in_another_file_is_known():
    planted = make_sources(
        {
            "bot/chat/a.py": BASE,
            "bot/chat/b.py": f"from bot.chat.a import Base\nclass B(Base[int], template='b'):\n{PRESSED}",
        }
    )
    assert unregistered_items(planted, {"bot.chat.b.B"}) == []


@pytest.mark.parametrize(
    "text",
    [
        "discord.ui.Modal(title='x', custom_id=f'sora:queueing:{n}')",
        "def f():\n    return discord.ui.Modal(title='x')",
        "discord.ui.Modal(title='x', custom_id=f'sora:{word}:{n}')",
        "class Form(discord.ui.Modal, title='x'): ...",
        "from bot.chat.transport.error_handler import SafeModal\nclass Form(SafeModal): ...",
    ],
)
def test_a_forgotten_form_is_found(text):
    planted = make_sources({"bot/chat/x.py": f"import discord\n{text}\n"})
    (found,) = unregistered_forms(planted, PATTERNS)
    assert "in MODAL_HANDLERS in bot/chat/persist" in found or "to MODAL_HANDLERS in bot" in found


def test_a_form_with_a_handler_is_fine():
    text = "import discord\ndiscord.ui.Modal(custom_id=f'sora:queueing:{n}')\n"
    planted = make_sources({"bot/chat/x.py": text})
    assert unregistered_forms(planted, {r"sora:(?P<a>waiting|queueing):\d+"}) == []


def test_an_item_of_a_view_is_found():
    text = (
        "import discord\nclass V:\n    @discord.ui.button(label='x')\n    async def f(self): ...\n"
    )
    (found,) = items_of_views(make_sources({"cogs/x.py": text}))
    assert "derive from SafeButton" in found
