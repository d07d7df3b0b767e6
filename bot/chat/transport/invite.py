"""How the bot gets into a server."""

import base64
import binascii

import discord

PERMISSIONS = discord.Permissions(
    view_channel=True,
    send_messages=True,
    send_messages_in_threads=True,
    create_public_threads=True,
    embed_links=True,
    attach_files=True,
    read_message_history=True,
)
SCOPES = ("bot", "applications.commands")


def invite_url(application_id: int) -> str:
    """Return the link that adds the bot to a server with what it needs, and no more."""
    return discord.utils.oauth_url(application_id, permissions=PERMISSIONS, scopes=SCOPES)


def application_id_of(token: str) -> int | None:
    """Return the application id that a bot token begins with; None for anything else."""
    first = token.split(".", 1)[0]
    try:
        decoded = base64.urlsafe_b64decode(first + "=" * (-len(first) % 4))
    except (binascii.Error, ValueError):
        return None
    return int(decoded) if decoded.isdigit() else None


def token_instructions(application_id: int | None) -> str:
    """Return what an operator without a token has to do, in plain words."""
    names = [name.replace("_", " ").title() for name, granted in PERMISSIONS if granted]
    # discord.py keeps an old name of this one; the portal says View Channels.
    granted = ", ".join(names).replace("Read Messages", "View Channels")
    invite = (
        "  4. Invite it with the scopes `bot` and `applications.commands`:\n"
        "     OAuth2 → URL Generator in the same place. "
        "(With DISCORD_APPLICATION_ID set, I print the link here.)\n"
        if application_id is None
        else f"  4. Invite it to your server:\n     {invite_url(application_id)}\n"
    )
    return (
        "DISCORD_TOKEN is not set, so I can't connect to Discord.\n\n"
        "To try Sorabot without any account, run:  make sandbox\n\n"
        "To run it for real:\n"
        "  1. Open https://discord.com/developers/applications and make an application.\n"
        "  2. Under Bot, choose Reset Token and copy it. No privileged intents are needed.\n"
        "  3. Put it into .env:  DISCORD_TOKEN=…   (`cp .env.example .env` to begin with)\n"
        f"{invite}"
        f"     It needs these permissions: {granted}.\n"
        "  5. make run\n"
    )
