"""Discord's objects as JSON, with every field that Discord's documentation names."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

Payload = dict[str, Any]

#: The first second of 2015, in milliseconds since 1970: Discord counts the time in snowflakes from
#: here.
DISCORD_EPOCH_MS = 1_420_070_400_000

TEXT, DM, PUBLIC_THREAD, PRIVATE_THREAD = 0, 1, 11, 12
THREADS = frozenset({10, PUBLIC_THREAD, PRIVATE_THREAD})


def iso(at: datetime) -> str:
    return at.isoformat(timespec="microseconds")


class Snowflakes:
    """Creates unique ids that contain the current time; later ids are larger."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._last = 0

    def take(self) -> str:
        stamp = int(self._now().timestamp() * 1000) - DISCORD_EPOCH_MS
        self._last = max(self._last + 1, stamp << 22)
        return str(self._last)


def user(user_id: str, name: str, *, bot: bool = False) -> Payload:
    return {
        "id": user_id,
        "username": name,
        "discriminator": "0",
        "global_name": None if bot else name.title(),
        "avatar": None,
        "avatar_decoration_data": None,
        "collectibles": None,
        "primary_guild": None,
        "banner": None,
        "accent_color": None,
        "public_flags": 0,
        "flags": 0,
        "bot": bot,
        "system": False,
    }


def member(of: Payload, roles: list[str], joined_at: datetime) -> Payload:
    return {
        "user": of,
        "nick": None,
        "avatar": None,
        "banner": None,
        "avatar_decoration_data": None,
        "collectibles": None,
        "roles": roles,
        "joined_at": iso(joined_at),
        "premium_since": None,
        "deaf": False,
        "mute": False,
        "flags": 0,
        "pending": False,
        "communication_disabled_until": None,
    }


def role(role_id: str, name: str, permissions: int, position: int) -> Payload:
    return {
        "id": role_id,
        "name": name,
        "color": 0,
        "colors": {"primary_color": 0, "secondary_color": None, "tertiary_color": None},
        "hoist": False,
        "icon": None,
        "unicode_emoji": None,
        "position": position,
        "permissions": str(int(permissions)),
        "managed": False,
        "mentionable": False,
        "flags": 0,
    }


def text_channel(channel_id: str, guild_id: str, name: str, position: int) -> Payload:
    return {
        "id": channel_id,
        "type": TEXT,
        "guild_id": guild_id,
        "name": name,
        "position": position,
        "permission_overwrites": [],
        "topic": None,
        "nsfw": False,
        "last_message_id": None,
        "rate_limit_per_user": 0,
        "default_auto_archive_duration": 1440,
        "parent_id": None,
        "last_pin_timestamp": None,
        "flags": 0,
    }


def thread_member(thread_id: str, user_id: str, at: datetime) -> Payload:
    return {"id": thread_id, "user_id": user_id, "join_timestamp": iso(at), "flags": 0}


def thread(
    thread_id: str,
    parent: Payload,
    name: str,
    owner_id: str,
    at: datetime,
    *,
    kind: int = PUBLIC_THREAD,
    auto_archive_min: int = 1440,
) -> Payload:
    return {
        "id": thread_id,
        "type": kind,
        "guild_id": parent["guild_id"],
        "parent_id": parent["id"],
        "owner_id": owner_id,
        "name": name,
        "last_message_id": None,
        "last_pin_timestamp": None,
        "rate_limit_per_user": 0,
        "message_count": 0,
        "member_count": 1,
        "total_message_sent": 0,
        "flags": 0,
        "thread_metadata": {
            "archived": False,
            "auto_archive_duration": auto_archive_min,
            "archive_timestamp": iso(at),
            "locked": False,
            "invitable": True,
            "create_timestamp": iso(at),
        },
    }


def dm_channel(channel_id: str, recipient: Payload) -> Payload:
    return {
        "id": channel_id,
        "type": DM,
        "last_message_id": None,
        "last_pin_timestamp": None,
        "recipients": [recipient],
        "flags": 0,
    }


def application(application_id: str, name: str, owner: Payload) -> Payload:
    return {
        "id": application_id,
        "name": name,
        "icon": None,
        "description": "A bot under test.",
        "summary": "",
        "type": None,
        "rpc_origins": [],
        "bot_public": True,
        "bot_require_code_grant": False,
        "terms_of_service_url": None,
        "privacy_policy_url": None,
        "owner": owner,
        "verify_key": "0" * 64,
        "team": None,
        "flags": 0,
        "tags": [],
        "interactions_endpoint_url": None,
        "role_connections_verification_url": None,
        "redirect_uris": [],
        "approximate_guild_count": 1,
        "approximate_user_install_count": 0,
        "integration_types_config": {"0": {"oauth2_install_params": None}},
    }


def guild(guild_id: str, name: str, owner_id: str) -> Payload:
    return {
        "id": guild_id,
        "name": name,
        "icon": None,
        "icon_hash": None,
        "splash": None,
        "discovery_splash": None,
        "owner_id": owner_id,
        "afk_channel_id": None,
        "afk_timeout": 300,
        "widget_enabled": False,
        "widget_channel_id": None,
        "verification_level": 0,
        "default_message_notifications": 1,
        "explicit_content_filter": 0,
        "roles": [],
        "emojis": [],
        "stickers": [],
        "features": [],
        "mfa_level": 0,
        "application_id": None,
        "system_channel_id": None,
        "system_channel_flags": 0,
        "rules_channel_id": None,
        "max_presences": None,
        "max_members": 500_000,
        "vanity_url_code": None,
        "description": None,
        "banner": None,
        "premium_tier": 0,
        "premium_subscription_count": 0,
        "preferred_locale": "en-US",
        "public_updates_channel_id": None,
        "max_video_channel_users": 25,
        "max_stage_video_channel_users": 50,
        "nsfw": False,
        "nsfw_level": 0,
        "premium_progress_bar_enabled": False,
        "safety_alerts_channel_id": None,
        "incidents_data": None,
        "region": "deprecated",
    }


def message(message_id: str, channel_id: str, author: Payload, at: datetime) -> Payload:
    return {
        "id": message_id,
        "channel_id": channel_id,
        "author": author,
        "content": "",
        "timestamp": iso(at),
        "edited_timestamp": None,
        "tts": False,
        "mention_everyone": False,
        "mentions": [],
        "mention_roles": [],
        "mention_channels": [],
        "attachments": [],
        "embeds": [],
        "components": [],
        "sticker_items": [],
        "reactions": [],
        "pinned": False,
        "type": 0,
        "flags": 0,
    }
