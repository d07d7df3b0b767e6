"""`/sora-mod quota …`, `/sora-mod budget …` and the user menu *Sora usage*.

The moderation service checks at each call that the user is a moderator.
"""

from __future__ import annotations

from typing import Literal, final

import discord
from discord import app_commands
from discord.ext import commands

from bot.chat.embed_message import respond_ephemerally
from bot.chat.moderation import moderation_text, quota_options
from bot.chat.moderation.quota_cards import (
    build_budget_message,
    build_limits_message,
    build_quota_status_message,
    role_mentions,
)
from bot.chat.viewers import viewer_of
from bot.errors import BadOptionError, MissingPermissionError
from bot.guild import WINDOWS, Budget, GuildLimit, Scope
from bot.jobs.service import JobService
from bot.model import Job, State, Viewer
from bot.quota.sentences import ceiling, owner

_Target = discord.Member | discord.User | discord.Role
_Amount = app_commands.Range[int, 0, 1_000_000]
_Dollars = app_commands.Range[float, 0.0, 1_000_000.0]


@final
class ModQuotaCog(commands.Cog):
    """Sets and shows limits, grants and budgets."""

    quota = app_commands.Group(name="quota", description="How much members may use")
    budget = app_commands.Group(name="budget", description="What the whole server may spend")

    def __init__(self, jobs: JobService) -> None:
        self._jobs = jobs
        menu = app_commands.ContextMenu(
            name="Sora usage",
            callback=self._usage_menu,
            allowed_contexts=app_commands.AppCommandContext(guild=True),
        )
        menu.default_permissions = discord.Permissions(manage_guild=True)
        self.menus = (menu,)

    @quota.command(name="set")
    @app_commands.describe(
        target="A member or role; leave it out for everybody in this server",
        clips="So many clips; 0 for none at all",
        seconds="So many seconds of video",
        usd="So many US dollars, such as 2.50",
        per="In any day, week (7 days) or month (30 days)",
        lift="No limit at all of these",
    )
    async def set_(
        self,
        interaction: discord.Interaction,
        target: _Target | None = None,
        clips: _Amount | None = None,
        seconds: _Amount | None = None,
        usd: _Dollars | None = None,
        per: Literal["day", "week", "month"] = "day",
        lift: Literal["clips", "seconds", "usd", "all"] | None = None,
    ) -> None:
        """Limit what a member, a role or everybody here may use"""
        by, (scope, subject_id) = viewer_of(interaction), _subject(interaction, target)
        before = _limits_of(await self._jobs.moderation.limits(by), scope, subject_id)
        named = quota_options.parse_amounts(clips, seconds, usd)
        plan = quota_options.plan_limit_changes(named, lift, WINDOWS[per], before)
        await self._jobs.moderation.set_limits(by, scope, subject_id, plan)
        now = _limits_of(await self._jobs.moderation.limits(by), scope, subject_id)
        now = [each for each in now if each.unit in plan.get(each.window, ())]
        words = moderation_text.limits_set(owner(scope, subject_id), now, before)
        await self._respond_with_ceiling(interaction, words)

    @quota.command()
    @app_commands.describe(target="A member or role; leave it out for those of the whole server")
    async def clear(self, interaction: discord.Interaction, target: _Target | None = None) -> None:
        """Remove the limits of a member, a role or everybody here"""
        by, (scope, subject_id) = viewer_of(interaction), _subject(interaction, target)
        before = _limits_of(await self._jobs.moderation.limits(by), scope, subject_id)
        await self._jobs.moderation.clear_limits(by, scope, subject_id)
        await respond_ephemerally(
            interaction, moderation_text.limits_cleared(owner(scope, subject_id), before)
        )

    @quota.command()
    @app_commands.describe(target="A member or role; leave it out for all limits set here")
    async def show(self, interaction: discord.Interaction, target: _Target | None = None) -> None:
        """Show what applies to a member and why, or which limits are set"""
        by, (scope, subject_id) = viewer_of(interaction), _subject(interaction, target)
        if isinstance(target, discord.Member | discord.User):
            await self._show_member(interaction, target)
            return
        limits, defaults = await self._jobs.moderation.limits(by), self._jobs.moderation.defaults
        words, message = build_limits_message(limits, defaults)
        if target is not None:
            words = f"Limits of {owner(scope, subject_id)}"
            _, message = build_limits_message(_limits_of(limits, scope, subject_id), defaults)
        await respond_ephemerally(interaction, words, message)

    @quota.command()
    @app_commands.describe(
        user="Who gets it",
        clips="So many clips",
        seconds="So many seconds of video",
        usd="So many US dollars, such as 2.50",
        reason="Why; moderators see it in the audit",
    )
    async def grant(
        self,
        interaction: discord.Interaction,
        user: discord.User,
        clips: app_commands.Range[int, 1, 1_000_000] | None = None,
        seconds: app_commands.Range[int, 1, 1_000_000] | None = None,
        usd: app_commands.Range[float, 0.01, 1_000_000.0] | None = None,
        reason: app_commands.Range[str, 1, 300] | None = None,
    ) -> None:
        """Give a member something extra, once"""
        by, member = viewer_of(interaction), _member_as_viewer(interaction, user)
        before = await self._jobs.moderation.quota_status(by, member)
        quota_options.check_human(user, "user")
        given = quota_options.parse_amounts(clips, seconds, usd)
        await self._jobs.moderation.grant(by, user.id, given, reason)
        after = await self._jobs.moderation.quota_status(by, member)
        words = moderation_text.granted(user.mention, given, before, after)
        await self._respond_with_ceiling(interaction, words)

    async def _respond_with_ceiling(self, interaction: discord.Interaction, words: str) -> None:
        """Answer, and name the operator's limits where the guild can't raise them."""
        held = ceiling(self._jobs.moderation.ceiling(viewer_of(interaction)))
        await respond_ephemerally(interaction, "\n".join(filter(None, (words, held))))

    @budget.command(name="set")
    @app_commands.describe(
        usd="US dollars for all members together in any 30 days; leave it out for no budget",
        channel="Where it is said that 80 % or all of it is used",
    )
    async def set_budget(
        self,
        interaction: discord.Interaction,
        usd: _Dollars | None = None,
        channel: discord.TextChannel | None = None,
    ) -> None:
        """Limit what this server may spend"""
        if usd is None and channel is None:
            raise BadOptionError("usd, channel", "name at least one; `budget clear` ends a budget.")
        by = viewer_of(interaction)
        before = (await self._jobs.moderation.budget_status(by)).own
        after = await self._jobs.moderation.set_budget(by, _merged_budget(before, usd, channel))
        await respond_ephemerally(interaction, moderation_text.budget_set(after, before))

    @budget.command(name="clear")
    async def clear_budget(self, interaction: discord.Interaction) -> None:
        """End the limit on what this server may spend"""
        by = viewer_of(interaction)
        before = (await self._jobs.moderation.budget_status(by)).own
        after = await self._jobs.moderation.set_budget(by, None)
        await respond_ephemerally(interaction, moderation_text.budget_set(after, before))

    @budget.command(name="show")
    async def show_budget(self, interaction: discord.Interaction) -> None:
        """Show what this server spent of its budget"""
        by = viewer_of(interaction)
        await respond_ephemerally(
            interaction, "", build_budget_message(await self._jobs.moderation.budget_status(by))
        )

    async def _usage_menu(
        self, interaction: discord.Interaction, user: discord.Member | discord.User
    ) -> None:
        jobs = await self._jobs.moderation.jobs(viewer_of(interaction), tuple(State), user.id)
        await self._show_member(interaction, user, jobs[0][1] if jobs else None)

    async def _show_member(
        self,
        interaction: discord.Interaction,
        user: discord.Member | discord.User,
        last: Job | None = None,
    ) -> None:
        status = await self._jobs.moderation.quota_status(
            viewer_of(interaction), _member_as_viewer(interaction, user)
        )
        words = f"{user.mention} {role_mentions(status)}"
        await respond_ephemerally(interaction, words, build_quota_status_message(status, last))


def _subject(interaction: discord.Interaction, target: _Target | None) -> tuple[Scope, int]:
    """Return whom a limit is for. Raises ModeratorsOnlyError, and BadOptionError for a bot."""
    guild_id = viewer_of(interaction).moderated_guild_id()
    # The role @everyone has the guild's id.
    if target is None or target.id == guild_id:
        return Scope.GUILD, guild_id
    if isinstance(target, discord.Role):
        return Scope.ROLE, target.id
    quota_options.check_human(target, "target")
    return Scope.USER, target.id


def _member_as_viewer(
    interaction: discord.Interaction, user: discord.Member | discord.User
) -> Viewer:
    """Return a member for whom the quota is looked up; one who left the guild has no roles."""
    roles = user.roles if isinstance(user, discord.Member) else ()
    return Viewer(
        user_id=user.id,
        guild_id=interaction.guild_id,
        role_ids=frozenset(role.id for role in roles),
    )


def _limits_of(
    limits: tuple[GuildLimit, ...], scope: Scope, subject_id: int
) -> tuple[GuildLimit, ...]:
    return tuple(each for each in limits if (each.scope, each.subject_id) == (scope, subject_id))


def _merged_budget(
    before: Budget | None, usd: float | None, channel: discord.TextChannel | None
) -> Budget:
    """Return the budget that was set; what was left out stays as `before`."""
    if usd is None and before is None:
        raise BadOptionError("usd", "there is no budget to warn of yet; name one, too.")
    if channel is not None:
        _check_can_post(channel)
    kept = Budget(usd_micros=0) if before is None else before
    return Budget(
        usd_micros=kept.usd_micros if usd is None else quota_options.parse_usd_micros(usd),
        alert_channel_id=kept.alert_channel_id if channel is None else channel.id,
    )


def _check_can_post(channel: discord.TextChannel) -> None:
    granted = channel.permissions_for(channel.guild.me)
    needed = {"View Channel": granted.view_channel, "Send Messages": granted.send_messages}
    missing = ", ".join(f"**{name}**" for name, has in needed.items() if not has)
    if missing:
        raise MissingPermissionError(f"I lack {missing} in {channel.mention}.")
