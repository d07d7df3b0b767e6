"""`python -m bot quota …`: limits looked at and changed by the operator, beside a running bot."""

from __future__ import annotations

from datetime import timedelta

from bot.app import Desk, open_desk
from bot.model import Viewer
from bot.server import Grant, SetLimit
from bot.settings import Settings
from bot.shell import report
from bot.shell.arguments import Clear, Errand, Give, Set, Show, Subject
from bot.storage.keeping import Actor

_LATELY = timedelta(days=30)


async def run_quota(settings: Settings, errand: Errand) -> str:
    """Do what the operator asks for and return what they read; changes are audited as theirs.

    Raises StorageError, also where there is no database yet.
    """
    desk = await open_desk(settings)
    try:
        return await _done(desk, errand)
    finally:
        await desk.store.close()


async def _done(desk: Desk, errand: Errand) -> str:
    match errand:
        case Show():
            return await _show(desk, errand)
        case Set():
            return await _set(desk, errand)
        case Clear():
            return await _clear(desk, errand.subject)
        case Give():
            return await _give(desk, errand)


async def _show(desk: Desk, errand: Show) -> str:
    if errand.user_id is None:
        return await _server(desk, errand.guild_id)
    viewer = Viewer(user_id=errand.user_id, guild_id=errand.guild_id, role_ids=errand.role_ids)
    return await _member(desk, viewer)


async def _server(desk: Desk, guild_id: int) -> str:
    now = desk.clock.now()
    budget = await desk.store.consult(lambda books: desk.quota.budget(books, guild_id, now))
    return report.server(
        guild_id,
        await desk.keeping.limits(guild_id),
        desk.quota.defaults,
        budget,
        await desk.keeping.usage_by_day(guild_id, now - _LATELY),
    )


async def _member(desk: Desk, viewer: Viewer) -> str:
    now = desk.clock.now()
    standing = await desk.store.consult(lambda books: desk.quota.standing(books, viewer, now))
    return report.member(viewer, standing, now)


async def _set(desk: Desk, errand: Set) -> str:
    subject = errand.subject
    limits = [
        SetLimit(
            scope=subject.scope,
            subject_id=subject.id,
            unit=unit,
            window=errand.window,
            amount=amount,
        )
        for unit, amount in errand.amounts.items()
    ]
    before = await _limits_of(desk, subject)
    await desk.keeping.set_limits(subject.guild_id, limits, _operator(desk))
    return report.changed(subject, before, await _limits_of(desk, subject))


async def _clear(desk: Desk, subject: Subject) -> str:
    before = await _limits_of(desk, subject)
    await desk.keeping.clear_limits(subject.guild_id, subject.scope, subject.id, _operator(desk))
    return report.changed(subject, before, await _limits_of(desk, subject))


async def _give(desk: Desk, errand: Give) -> str:
    operator = _operator(desk)
    given = [
        Grant(
            guild_id=errand.guild_id,
            user_id=errand.user_id,
            unit=unit,
            amount=amount,
            at=operator.at,
            reason=errand.reason,
        )
        for unit, amount in errand.amounts.items()
    ]
    await desk.keeping.grant(given, operator)
    standing = await _member(desk, Viewer(user_id=errand.user_id, guild_id=errand.guild_id))
    return f"{report.granted(given)}\n\n{standing}"


def _operator(desk: Desk) -> Actor:
    return Actor(user_id=None, at=desk.clock.now())


async def _limits_of(desk: Desk, subject: Subject) -> tuple[SetLimit, ...]:
    limits = await desk.keeping.limits(subject.guild_id)
    return tuple(
        each for each in limits if (each.scope, each.subject_id) == (subject.scope, subject.id)
    )
