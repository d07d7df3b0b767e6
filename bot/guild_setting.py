"""Records that describe a guild setting; the settings are the fields of `GuildSettings`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, StrEnum, auto


class SettingsPage(StrEnum):
    """A page of the settings panel; its value is stored in the custom ids of the page's tab."""

    WHERE = "where"
    MODELS = "models"
    REMIXES = "remixes"
    LIMITS = "limits"


class Choice(Enum):
    """How moderators choose a value in the settings panel, and the type of the field."""

    #: A menu of channels where clips can be requested; the field is a tuple of ids.
    CLIP_CHANNELS = auto()
    #: A menu of text channels; the field is an id or None.
    TEXT_CHANNEL = auto()
    #: A menu of roles; the field is an id or None.
    ROLE = auto()
    #: A menu of models; the field is a tuple of model keys.
    MODELS = auto()
    #: A menu of the models, lengths or sizes in the catalogue; the field is one of them or None.
    MODEL = auto()
    SECONDS = auto()
    SIZE = auto()
    #: A menu of the members of a StrEnum; `GuildSetting.words` has a label for each member.
    WORDS = auto()
    #: A form for a whole number from 1 to `GuildSetting.maximum`; the field is an int or None.
    NUMBER = auto()
    #: A form for up to `GuildSetting.maximum` characters; the field is a string or None.
    TEXT = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelControl:
    """A menu of the settings panel, or a button that opens a form for one or more settings."""

    #: The part of the custom ids that names the control: lower-case letters, never changed.
    key: str
    page: SettingsPage
    title: str
    hint: str
    #: The label of the button that opens the form.
    button: str = "Change it"
    #: The fields that a choice changes; empty: only the field of the setting.
    changes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class GuildSetting:
    """The record of one guild setting: its words and its control in the settings panel.

    The value is stored in the column of `house_rules` with the name of the field: a tuple as a JSON
    array, a member of an enum as its value, another value unchanged.
    """

    #: The name of the setting in the audit log.
    audit_label: str
    #: The word of the audit log for None or an empty tuple.
    audit_none: str = "none"
    #: The format string with which the audit log writes one value.
    audit_format: str = "{}"
    #: The menu or button of the setting; None: the setting is not in the panel.
    control: PanelControl | None = None
    choice: Choice | None = None
    #: Labels of the menu by value, for Choice.WORDS.
    words: Mapping[str, str] = field(default_factory=dict[str, str])
    #: Label, hint and largest number or length of the form's input, for NUMBER and TEXT.
    form_label: str = ""
    form_hint: str = ""
    maximum: int = 0
