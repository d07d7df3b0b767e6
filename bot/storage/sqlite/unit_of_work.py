"""Changes of what moderators set in a guild, each with its entry in the audit log."""

import sqlite3
from collections.abc import Sequence
from itertools import groupby

from bot.guild import (
    EVERYWHERE,
    AuditValue,
    Block,
    Budget,
    Grant,
    GuildLimit,
    GuildSettings,
    Scope,
    guild_setting_records,
)
from bot.storage.guild_settings import Actor
from bot.storage.sqlite.guild_rows import (
    audit_text_of,
    by_scope,
    limit_of_row,
    put_guild_settings_sql,
    row_of_block,
    row_of_budget,
    row_of_grant,
    row_of_guild_settings,
    row_of_limit,
)
from bot.storage.sqlite.ledger import SqliteLedgerReader
from bot.storage.sqlite.queries import Transaction
from bot.storage.sqlite.rows import to_ms


def subject_mention(scope: Scope, subject_id: int) -> str:
    """Return whom a limit is for, as chat shows it."""
    match scope:
        case Scope.USER:
            return f"<@{subject_id}>"
        case Scope.ROLE:
            return f"<@&{subject_id}>"
        case Scope.GUILD | Scope.BOT:
            return "server"


class UnitOfWork:
    """The changes of `GuildSettingsStore`, inside one open write transaction."""

    def __init__(self, tx: Transaction, guild_id: int, actor: Actor) -> None:
        self._tx = tx
        self._ledger = SqliteLedgerReader(tx)
        self._guild_id = guild_id
        self._actor = actor

    def set_limits(self, limits: Sequence[GuildLimit]) -> None:
        """Set limits, with one audit entry for each subject."""
        for _, group in groupby(by_scope(limits), lambda each: (each.scope, each.subject_id)):
            self._set_limits_of_one(tuple(group))

    def clear_limits(self, scope: Scope, subject_id: int) -> int:
        """Remove a subject's limits."""
        kept = self._limits_of(scope, subject_id)
        self._run("drop_limits", scope=scope.value, subject_id=subject_id)
        if kept:
            self._note_limits("limits cleared", kept, ())
        return len(kept)

    def grant(self, grants: Sequence[Grant]) -> None:
        """Store one-off extras."""
        for grant in grants:
            self._run("put_grant", **row_of_grant(grant))
            self._note_member(grant.user_id, "extra granted", "", grant)

    def set_budget(self, budget: Budget | None) -> None:
        """Set the budget, or none."""
        kept = self._ledger.budget(self._guild_id)
        if budget == kept:
            return
        if budget is None:
            self._run("drop_budget")
        else:
            self._run("put_budget", **row_of_budget(budget))
        what = "budget cleared" if budget is None else "budget set"
        self._note("server", what, kept or "", budget or "")

    def block(self, block: Block) -> None:
        """Block a member; do nothing when a block with the same end and reason is in force."""
        kept = self._ledger.block_of(self._guild_id, block.user_id, self._actor.at)
        row = row_of_block(block)
        if kept is not None:
            was = row_of_block(kept)
            if (was["until"], was["reason"]) == (row["until"], row["reason"]):
                return
        self._run("put_block", **row)
        self._note_member(block.user_id, "blocked", kept or "", block)

    def unblock(self, user_id: int) -> bool:
        """Lift a block; False when there was none in force."""
        kept = self._ledger.block_of(self._guild_id, user_id, self._actor.at)
        self._run("drop_block", user_id=user_id)
        if kept is not None:
            self._note_member(user_id, "unblocked", kept, "")
        return kept is not None

    def replace_guild_settings(self, settings: GuildSettings, expected: GuildSettings) -> bool:
        """Replace the settings; False, and nothing changed, when they are not `expected`."""
        kept = self._ledger.guild_settings(self._guild_id)
        if kept != expected:
            return False
        if settings != kept:
            row = row_of_guild_settings(self._guild_id, settings)
            self._tx.conn.execute(put_guild_settings_sql(), row)
            whom = "everywhere" if self._guild_id == EVERYWHERE else "server"
            changed = [
                name
                for name in guild_setting_records()
                if getattr(kept, name) != getattr(settings, name)
            ]
            before, after = (
                {name: getattr(each, name) for name in changed} for each in (kept, settings)
            )
            self._note(whom, "settings", before, after)
        return True

    def _set_limits_of_one(self, limits: Sequence[GuildLimit]) -> None:
        kept = {
            (each.unit, each.window): each
            for each in self._limits_of(limits[0].scope, limits[0].subject_id)
        }
        wanted = {(each.unit, each.window): each for each in limits}
        changed = {key: each for key, each in wanted.items() if kept.get(key) != each}
        for each in changed.values():
            self._run("put_limit", **row_of_limit(self._guild_id, each))
        if changed:
            replaced = [kept[key] for key in changed if key in kept]
            self._note_limits("limit set", replaced, tuple(changed.values()))

    def _limits_of(self, scope: Scope, subject_id: int) -> tuple[GuildLimit, ...]:
        rows = self._run("limits_of_subject", scope=scope.value, subject_id=subject_id)
        return by_scope(limit_of_row(row) for row in rows)

    def _note_limits(
        self, what: str, before: Sequence[GuildLimit], after: Sequence[GuildLimit]
    ) -> None:
        about = (*before, *after)[0]
        self._note(
            subject_mention(about.scope, about.subject_id),
            what,
            tuple(before) or "",
            tuple(after) or "",
            about_user_id=about.subject_id if about.scope is Scope.USER else None,
        )

    def _note_member(self, user_id: int, what: str, before: AuditValue, after: AuditValue) -> None:
        whom = subject_mention(Scope.USER, user_id)
        self._note(whom, what, before, after, about_user_id=user_id)

    def _note(
        self,
        subject: str,
        what: str,
        before: AuditValue,
        after: AuditValue,
        *,
        about_user_id: int | None = None,
    ) -> None:
        self._run(
            "append_audit",
            at=to_ms(self._actor.at),
            by_user_id=self._actor.user_id,
            what=what,
            subject=subject,
            about_user_id=about_user_id,
            before=audit_text_of(before),
            after=audit_text_of(after),
        )

    def _run(self, name: str, **params: object) -> list[sqlite3.Row]:
        return self._tx.rows(name, **{"guild_id": self._guild_id, **params})
