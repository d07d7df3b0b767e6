-- What moderators set in their guild, the audit log, and more constraints on the ledger.

BEGIN IMMEDIATE;

CREATE TABLE limits (
    guild_id    INTEGER NOT NULL,
    scope       TEXT    NOT NULL,
    subject_id  INTEGER NOT NULL,
    unit        TEXT    NOT NULL,
    window_ms   INTEGER NOT NULL,
    -- NULL: no limit, which overrides limits of wider scopes.
    amount      INTEGER,

    CONSTRAINT a_subject_has_one_limit_of_a_unit_and_window
        PRIMARY KEY (guild_id, scope, subject_id, unit, window_ms),
    CONSTRAINT a_scope_is_one_of_the_known
        CHECK (scope IN ('user', 'role', 'server')),
    CONSTRAINT a_limit_of_the_server_is_for_that_server
        CHECK (scope <> 'server' OR subject_id = guild_id),
    CONSTRAINT a_unit_is_one_of_the_known
        CHECK (unit IN ('clips', 'seconds', 'usd_micros')),
    CONSTRAINT a_window_is_longer_than_nothing
        CHECK (window_ms > 0),
    CONSTRAINT a_limit_is_not_negative
        CHECK (amount >= 0)
) STRICT, WITHOUT ROWID;

-- Append-only: a grant stops counting when it is older than the window.
CREATE TABLE grants (
    id        INTEGER PRIMARY KEY,
    guild_id  INTEGER NOT NULL,
    user_id   INTEGER NOT NULL,
    unit      TEXT    NOT NULL,
    amount    INTEGER NOT NULL,
    at        INTEGER NOT NULL,
    reason    TEXT,

    CONSTRAINT a_unit_is_one_of_the_known
        CHECK (unit IN ('clips', 'seconds', 'usd_micros')),
    CONSTRAINT a_grant_gives_something
        CHECK (amount > 0)
) STRICT;

CREATE INDEX grants_by_member ON grants (guild_id, user_id, at);

CREATE TRIGGER a_grant_never_changes BEFORE UPDATE ON grants
BEGIN
    SELECT raise(ABORT, 'a grant never changes');
END;

CREATE TRIGGER a_grant_is_never_deleted BEFORE DELETE ON grants
BEGIN
    SELECT raise(ABORT, 'a grant is never deleted');
END;

CREATE TRIGGER a_grant_replaces_no_other BEFORE INSERT ON grants
WHEN EXISTS (SELECT 1 FROM grants WHERE id = NEW.id)
BEGIN
    SELECT raise(ABORT, 'a grant replaces no other');
END;

CREATE TABLE budgets (
    guild_id         INTEGER PRIMARY KEY,
    usd_micros       INTEGER NOT NULL,
    warn_channel_id  INTEGER,

    CONSTRAINT a_budget_is_not_negative
        CHECK (usd_micros >= 0)
) STRICT;

CREATE TABLE blocks (
    guild_id    INTEGER NOT NULL,
    user_id     INTEGER NOT NULL,
    at          INTEGER NOT NULL,
    by_user_id  INTEGER NOT NULL,
    -- NULL: until it is lifted.
    until       INTEGER,
    reason      TEXT,

    CONSTRAINT a_member_is_blocked_once
        PRIMARY KEY (guild_id, user_id),
    CONSTRAINT a_block_ends_after_it_began
        CHECK (until > at)
) STRICT, WITHOUT ROWID;

CREATE TABLE house_rules (
    guild_id             INTEGER PRIMARY KEY,
    -- JSON arrays; empty: all.
    channel_ids          TEXT    NOT NULL,
    models               TEXT    NOT NULL,
    default_model        TEXT,
    default_seconds      INTEGER,
    default_size         TEXT,
    post                 TEXT    NOT NULL,
    gallery_channel_id   INTEGER,
    log_channel_id       INTEGER,
    remixers             TEXT    NOT NULL,
    remix_role_id        INTEGER,
    max_active_per_user  INTEGER,
    max_active           INTEGER,

    CONSTRAINT a_list_is_a_json_array
        CHECK (channel_ids LIKE '[%]' AND models LIKE '[%]'),
    CONSTRAINT a_default_length_is_a_length
        CHECK (default_seconds > 0),
    CONSTRAINT clips_are_posted_in_a_known_way
        CHECK (post IN ('place', 'thread')),
    CONSTRAINT remixers_are_among_the_known
        CHECK (remixers IN ('everybody', 'role', 'nobody')),
    CONSTRAINT jobs_under_way_are_counted_from_zero
        CHECK (max_active_per_user >= 0 AND max_active >= 0)
) STRICT;

CREATE TABLE audit (
    id             INTEGER PRIMARY KEY,
    guild_id       INTEGER NOT NULL,
    at             INTEGER NOT NULL,
    -- NULL: the operator, from the shell.
    by_user_id     INTEGER,
    what           TEXT    NOT NULL,
    subject        TEXT    NOT NULL,
    -- The member concerned, if there is one.
    about_user_id  INTEGER,
    before         TEXT    NOT NULL,
    after          TEXT    NOT NULL,

    CONSTRAINT an_entry_says_what_about_whom
        CHECK (what <> '' AND subject <> '')
) STRICT;

CREATE INDEX audit_by_guild ON audit (guild_id);
CREATE INDEX audit_by_actor ON audit (guild_id, by_user_id) WHERE by_user_id IS NOT NULL;
CREATE INDEX audit_by_member ON audit (guild_id, about_user_id) WHERE about_user_id IS NOT NULL;

CREATE TRIGGER an_audit_entry_never_changes BEFORE UPDATE ON audit
BEGIN
    SELECT raise(ABORT, 'an audit entry never changes');
END;

CREATE TRIGGER an_audit_entry_is_never_deleted BEFORE DELETE ON audit
BEGIN
    SELECT raise(ABORT, 'an audit entry is never deleted');
END;

CREATE TRIGGER an_audit_entry_replaces_no_other BEFORE INSERT ON audit
WHEN EXISTS (SELECT 1 FROM audit WHERE id = NEW.id)
BEGIN
    SELECT raise(ABORT, 'an audit entry replaces no other');
END;

-- Covers sums over a guild, so that SQLite does not read the table.
CREATE INDEX ledger_by_guild
    ON ledger (guild_id, counts_at, usd_micros, clips, seconds, user_id)
    WHERE guild_id IS NOT NULL;
CREATE INDEX jobs_open_by_guild ON jobs (guild_id) WHERE finished_at IS NULL;
CREATE INDEX jobs_of_server ON jobs (guild_id, state) WHERE deleted_at IS NULL;

CREATE TRIGGER a_ledger_reserve_fits_its_job BEFORE INSERT ON ledger
WHEN NEW.kind = 'reserve' AND NOT EXISTS (
    SELECT 1 FROM jobs
    WHERE jobs.id = NEW.job_id
      AND jobs.user_id = NEW.user_id
      AND jobs.guild_id IS NEW.guild_id
      AND jobs.created_at = NEW.counts_at
      AND jobs.seconds = NEW.seconds
      AND jobs.estimate_usd_micros = NEW.usd_micros
      AND NEW.clips = 1)
BEGIN
    SELECT raise(ABORT, 'a ledger reserve fits its job');
END;

CREATE TRIGGER a_job_leaves_the_queue_with_a_reserve BEFORE UPDATE OF state ON jobs
WHEN OLD.state = 'queued' AND NEW.state <> 'queued' AND NOT EXISTS (
    SELECT 1 FROM ledger WHERE job_id = NEW.id AND kind = 'reserve')
BEGIN
    SELECT raise(ABORT, 'a job leaves the queue with a reserve');
END;

CREATE TRIGGER a_job_ends_as_the_ledger_has_it BEFORE UPDATE OF state ON jobs
WHEN NEW.finished_at IS NOT NULL AND NOT EXISTS (
    SELECT 1
    FROM ledger AS reserve
    JOIN ledger AS ending
      ON ending.job_id = reserve.job_id AND ending.kind IN ('settle', 'refund')
    WHERE reserve.job_id = NEW.id
      AND reserve.kind = 'reserve'
      AND reserve.usd_micros + ending.usd_micros = NEW.cost_usd_micros
      AND (ending.kind = 'refund') = NEW.refunded)
BEGIN
    SELECT raise(ABORT, 'a job ends as the ledger has it');
END;

PRAGMA user_version = 3;

COMMIT;
