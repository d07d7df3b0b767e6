"""`python -m bot quota …`: the operator shows and changes limits while the bot runs."""

from __future__ import annotations

from datetime import timedelta

from bot.app import AdminContext, open_admin_context
from bot.guild import Grant, GuildLimit
from bot.model import Viewer
from bot.settings import Settings
from bot.shell import quota_report
from bot.shell.quota_arguments import (
    ChangeLimits,
    ClearLimits,
    GrantExtra,
    LimitSubject,
    QuotaCommand,
    ShowLimits,
)
from bot.storage.guild_settings import Actor

_RECENT = timedelta(days=30)


async def run_quota(settings: Settings, command: QuotaCommand) -> str:
    """Carry out a command and return its report; changes go to the audit log as the operator's.

    Raises StorageError, also when there is no database yet.
    """
    context = await open_admin_context(settings)
    try:
        return await _run_command(context, command)
    finally:
        await context.store.close()


async def _run_command(context: AdminContext, command: QuotaCommand) -> str:
    match command:
        case ShowLimits():
            return await _show_limits(context, command)
        case ChangeLimits():
            return await _change_limits(context, command)
        case ClearLimits():
            return await _clear_limits(context, command.subject)
        case GrantExtra():
            return await _grant_extra(context, command)


async def _show_limits(context: AdminContext, command: ShowLimits) -> str:
    if command.user_id is None:
        return await _guild_report(context, command.guild_id)
    viewer = Viewer(user_id=command.user_id, guild_id=command.guild_id, role_ids=command.role_ids)
    return await _member_report(context, viewer)


async def _guild_report(context: AdminContext, guild_id: int) -> str:
    now = context.clock.now()
    budget = await context.store.read_ledger(
        lambda ledger: context.quota.budget(ledger, guild_id, now)
    )
    return quota_report.guild_report(
        guild_id,
        await context.guild_store.limits(guild_id),
        context.quota.defaults,
        budget,
        await context.guild_store.usage_by_day(guild_id, now - _RECENT),
    )


async def _member_report(context: AdminContext, viewer: Viewer) -> str:
    now = context.clock.now()
    status = await context.store.read_ledger(
        lambda ledger: context.quota.status(ledger, viewer, now)
    )
    return quota_report.member_report(viewer, status, now)


async def _change_limits(context: AdminContext, command: ChangeLimits) -> str:
    subject = command.subject
    limits = [
        GuildLimit(
            scope=subject.scope,
            subject_id=subject.id,
            unit=unit,
            window=command.window,
            amount=amount,
        )
        for unit, amount in command.amounts.items()
    ]
    before = await _limits_of(context, subject)
    await context.guild_store.set_limits(subject.guild_id, limits, _operator(context))
    return quota_report.change_report(subject, before, await _limits_of(context, subject))


async def _clear_limits(context: AdminContext, subject: LimitSubject) -> str:
    before = await _limits_of(context, subject)
    await context.guild_store.clear_limits(
        subject.guild_id, subject.scope, subject.id, _operator(context)
    )
    return quota_report.change_report(subject, before, await _limits_of(context, subject))


async def _grant_extra(context: AdminContext, command: GrantExtra) -> str:
    operator = _operator(context)
    given = [
        Grant(
            guild_id=command.guild_id,
            user_id=command.user_id,
            unit=unit,
            amount=amount,
            at=operator.at,
            reason=command.reason,
        )
        for unit, amount in command.amounts.items()
    ]
    await context.guild_store.grant(given, operator)
    status = await _member_report(
        context, Viewer(user_id=command.user_id, guild_id=command.guild_id)
    )
    return f"{quota_report.grant_report(given)}\n\n{status}"


def _operator(context: AdminContext) -> Actor:
    return Actor(user_id=None, at=context.clock.now())


async def _limits_of(context: AdminContext, subject: LimitSubject) -> tuple[GuildLimit, ...]:
    limits = await context.guild_store.limits(subject.guild_id)
    return tuple(
        each for each in limits if (each.scope, each.subject_id) == (subject.scope, subject.id)
    )
