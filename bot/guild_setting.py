"""What one setting of a guild is; the settings themselves are the fields of `GuildSettings`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, StrEnum, auto


class SettingsPage(StrEnum):
    """A page of the panel; the word is stored in the custom ids of its tabs."""

    WHERE = "where"
    MODELS = "models"
    REMIXES = "remixes"
    LIMITS = "limits"


class Choice(Enum):
    """How moderators choose a value in the panel; the comment says which type the field has."""

    #: Channels where clips can be requested: a tuple of ids.
    CLIP_CHANNELS = auto()
    #: One text channel: an id or None.
    TEXT_CHANNEL = auto()
    #: One role: an id or None.
    ROLE = auto()
    #: Model keys: a tuple of them.
    MODELS = auto()
    #: One model key, one length in seconds, one size that the catalogue offers; or None.
    MODEL = auto()
    SECONDS = auto()
    SIZE = auto()
    #: One member of a StrEnum; `GuildSetting.words` has a label for each.
    WORDS = auto()
    #: A whole number from 1 to `GuildSetting.maximum`, typed into a form; or None.
    NUMBER = auto()
    #: Up to `GuildSetting.maximum` characters, typed into a form; or None.
    TEXT = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelControl:
    """A menu of the panel, or a button that opens a form with one or more settings."""

    #: In the custom ids of the menu: lower-case letters, never changed.
    key: str
    page: SettingsPage
    title: str
    hint: str
    #: The label of the button, for forms.
    button: str = "Change it"
    #: The fields that choosing changes, where they are more than the setting itself.
    changes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class GuildSetting:
    """All that the panel, the audit log and the database have to know about one setting.

    The column of `house_rules` has the name of the field. Tuples are stored as JSON arrays, members
    of enums as their values, other values as they are.
    """

    #: What the audit log calls it.
    audit_label: str
    #: What the audit log says for None or an empty tuple.
    audit_none: str = "none"
    #: How the audit log writes one value.
    audit_format: str = "{}"
    #: None: not in the panel.
    control: PanelControl | None = None
    choice: Choice | None = None
    #: For WORDS: labels by value.
    words: Mapping[str, str] = field(default_factory=dict[str, str])
    #: For NUMBER and TEXT: the field of the form, and what is typed at most.
    form_label: str = ""
    form_hint: str = ""
    maximum: int = 0
