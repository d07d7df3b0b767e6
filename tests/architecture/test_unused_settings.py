"""A guild setting that moderators can choose must have an effect."""

from dataclasses import fields
from pathlib import Path

from bot.guild import GuildSettings
from tests.architecture.source import make_sources, report
from tests.architecture.unused_settings import unused_settings

ROOT = Path(__file__).parents[2]
READER = "from bot.guild import GuildSettings\ndef suffix(it: GuildSettings):\n    return "


def test_each_guild_setting_is_used(sources):
    files = (ROOT / "bot" / "storage" / "sqlite" / "queries").glob("*.sql")
    queries = "".join(path.read_text(encoding="utf-8") for path in files)
    found = unused_settings(sources, [field.name for field in fields(GuildSettings)], queries)
    assert not found, report(found)


def test_a_setting_that_no_service_reads_is_found():
    planted = make_sources(
        {
            "bot/jobs/ordering.py": f"{READER}it.models",
            "bot/jobs/other.py": "def f(text):\n    return text.style_suffix",
            "bot/quota/rule.py": f"{READER}self.style_suffix",
            "bot/storage/sqlite/guild_rows.py": f"{READER}it.style_suffix",
            "bot/chat/moderation/settings_text.py": f"{READER}it.style_suffix",
        }
    )
    (found,) = unused_settings(planted, ["models", "style_suffix"], "")
    assert (
        "bot/guild.py: nothing in bot/jobs or bot/quota reads GuildSettings.style_suffix" in found
    )


def test_a_setting_that_a_service_or_a_query_reads_is_fine():
    planted = make_sources({"bot/jobs/ordering.py": f"{READER}it.style_suffix"})
    query = "SELECT house_rules.gallery_channel_id FROM house_rules"
    assert unused_settings(planted, ["style_suffix", "gallery_channel_id"], query) == []
