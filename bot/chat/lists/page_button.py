"""The buttons that lead to other pages of a list."""

from typing import ClassVar

import discord

from bot.chat.lists.list_query import ListQuery
from bot.chat.transport.error_handler import SafeButton
from bot.storage.clip_search import Cursor


class ListPageButton(SafeButton, template=r"sora:page:(?P<look>.{1,90})"):
    """Goes to another page of a list; the subclasses say of which list."""

    #: The second part of the custom id.
    list_name: ClassVar[str]
    button_row: ClassVar[int | None] = None

    def __init__(self, page_state: str, label: str = "…", *, disabled: bool = False) -> None:
        custom_id = f"sora:{self.list_name}:{page_state}"
        super().__init__(custom_id, label, row=self.button_row, disabled=disabled)
        #: Says which page. `pressed` parses it, since discord.py drops what is raised before that.
        self.page_state = page_state


def page_buttons(
    kind: type[ListPageButton], query: ListQuery, previous: Cursor | None, following: Cursor | None
) -> discord.ui.View | None:
    """Return the buttons to the neighbouring pages; None if there are no other pages."""
    if previous is None and following is None:
        return None
    view = discord.ui.View(timeout=None)
    for label, cursor in (("◀ Back", previous), ("More ▶", following)):
        page = query if cursor is None else query.with_cursor(cursor)
        view.add_item(kind(page.dump(), label, disabled=cursor is None))
    return view
