-- Failover to another provider, the fair order of queued jobs, and the choice of providers.

BEGIN IMMEDIATE;

ALTER TABLE requests ADD COLUMN role_ids TEXT NOT NULL DEFAULT '[]'
    CONSTRAINT roles_are_a_json_array
        CHECK (role_ids LIKE '[%]');

ALTER TABLE jobs ADD COLUMN any_model INTEGER NOT NULL DEFAULT 0
    CONSTRAINT the_model_is_left_to_the_bot_or_not
        CHECK (any_model IN (0, 1));
ALTER TABLE jobs ADD COLUMN moved_from TEXT
    CONSTRAINT a_job_that_moved_is_elsewhere
        CHECK (moved_from IS NULL OR moved_from <> provider);

ALTER TABLE house_rules ADD COLUMN preferred_provider TEXT;
-- A JSON array; empty: none.
ALTER TABLE house_rules ADD COLUMN drained_providers TEXT NOT NULL DEFAULT '[]'
    CONSTRAINT drained_providers_are_a_json_array
        CHECK (drained_providers LIKE '[%]');

-- Covers the fair order, with each member's jobs in the order of their turns, so that SQLite does not
-- read the table. That takes the state, too, although it is always the same.
DROP INDEX jobs_waiting;
CREATE INDEX jobs_waiting ON jobs (provider, user_id, created_at, seq, due_at, state)
    WHERE state = 'queued';
DROP INDEX jobs_in_slots;
CREATE INDEX jobs_in_slots ON jobs (provider, user_id) WHERE state IN ('submitting', 'rendering');

-- These triggers name the ledger, which is dropped and created again below.
DROP TRIGGER a_job_leaves_the_queue_with_a_reserve;
DROP TRIGGER a_job_ends_as_the_ledger_has_it;

CREATE TABLE ledger_with_amends (
    id          INTEGER PRIMARY KEY,
    job_id      TEXT    NOT NULL REFERENCES jobs (id),
    user_id     INTEGER NOT NULL,
    guild_id    INTEGER,
    kind        TEXT    NOT NULL,
    clips       INTEGER NOT NULL,
    seconds     INTEGER NOT NULL,
    usd_micros  INTEGER NOT NULL,
    at          INTEGER NOT NULL,
    counts_at   INTEGER NOT NULL,

    CONSTRAINT a_kind_is_one_of_the_known
        CHECK (kind IN ('reserve', 'amend', 'settle', 'refund')),
    CONSTRAINT a_reserve_takes_and_counts_at_once
        CHECK (kind <> 'reserve'
               OR (clips > 0 AND seconds > 0 AND usd_micros >= 0 AND counts_at = at)),
    CONSTRAINT an_amend_changes_money_and_nothing_else
        CHECK (kind <> 'amend' OR (clips = 0 AND seconds = 0 AND usd_micros <> 0)),
    CONSTRAINT a_settle_changes_money_only
        CHECK (kind <> 'settle' OR (clips = 0 AND seconds = 0))
) STRICT;

INSERT INTO ledger_with_amends (
    id, job_id, user_id, guild_id, kind, clips, seconds, usd_micros, at, counts_at
)
SELECT id, job_id, user_id, guild_id, kind, clips, seconds, usd_micros, at, counts_at
FROM ledger ORDER BY id;

DROP TABLE ledger;
ALTER TABLE ledger_with_amends RENAME TO ledger;

CREATE UNIQUE INDEX a_job_reserves_once ON ledger (job_id) WHERE kind = 'reserve';
CREATE UNIQUE INDEX a_job_ends_once ON ledger (job_id) WHERE kind IN ('settle', 'refund');
CREATE INDEX ledger_amends ON ledger (job_id, usd_micros) WHERE kind = 'amend';
CREATE INDEX ledger_by_user ON ledger (user_id, counts_at);
-- Covers sums over a guild, so that SQLite does not read the table.
CREATE INDEX ledger_by_guild
    ON ledger (guild_id, counts_at, usd_micros, clips, seconds, user_id)
    WHERE guild_id IS NOT NULL;

-- What each job has reserved, adjustments included, without its settlement or refund.
CREATE VIEW reservations AS
SELECT
    reserve.job_id,
    reserve.user_id,
    reserve.guild_id,
    reserve.kind,
    reserve.clips,
    reserve.seconds,
    reserve.usd_micros + coalesce((
        SELECT sum(amend.usd_micros) FROM ledger AS amend
        WHERE amend.job_id = reserve.job_id AND amend.kind = 'amend'
    ), 0) AS usd_micros,
    reserve.at,
    reserve.counts_at
FROM ledger AS reserve
WHERE reserve.kind = 'reserve';

CREATE TRIGGER a_ledger_row_never_changes BEFORE UPDATE ON ledger
BEGIN
    SELECT raise(ABORT, 'a ledger row never changes');
END;

CREATE TRIGGER a_ledger_row_is_never_deleted BEFORE DELETE ON ledger
BEGIN
    SELECT raise(ABORT, 'a ledger row is never deleted');
END;

-- INSERT OR REPLACE does not fire the trigger above unless the connection has recursive_triggers on.
CREATE TRIGGER a_ledger_row_replaces_no_other BEFORE INSERT ON ledger
WHEN EXISTS (SELECT 1 FROM ledger WHERE id = NEW.id)
     OR (NEW.kind = 'reserve' AND EXISTS (
            SELECT 1 FROM ledger WHERE job_id = NEW.job_id AND kind = 'reserve'))
     OR (NEW.kind IN ('settle', 'refund') AND EXISTS (
            SELECT 1 FROM ledger WHERE job_id = NEW.job_id AND kind IN ('settle', 'refund')))
BEGIN
    SELECT raise(ABORT, 'a ledger row replaces no other');
END;

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

CREATE TRIGGER a_ledger_amend_fits_its_reserve BEFORE INSERT ON ledger
WHEN NEW.kind = 'amend' AND NOT EXISTS (
    SELECT 1 FROM reservations AS reserved
    WHERE reserved.job_id = NEW.job_id
      AND reserved.user_id = NEW.user_id
      AND reserved.guild_id IS NEW.guild_id
      AND reserved.counts_at = NEW.counts_at
      AND reserved.usd_micros + NEW.usd_micros >= 0)
BEGIN
    SELECT raise(ABORT, 'a ledger amend fits its reserve');
END;

CREATE TRIGGER a_ledger_amend_comes_before_the_end BEFORE INSERT ON ledger
WHEN NEW.kind = 'amend' AND EXISTS (
    SELECT 1 FROM ledger WHERE job_id = NEW.job_id AND kind IN ('settle', 'refund'))
BEGIN
    SELECT raise(ABORT, 'a ledger amend comes before the end');
END;

CREATE TRIGGER a_ledger_end_fits_its_reserve BEFORE INSERT ON ledger
WHEN NEW.kind IN ('settle', 'refund') AND NOT EXISTS (
    SELECT 1 FROM reservations AS reserved
    WHERE reserved.job_id = NEW.job_id
      AND reserved.user_id = NEW.user_id
      AND reserved.guild_id IS NEW.guild_id
      AND reserved.counts_at = NEW.counts_at
      AND reserved.usd_micros + NEW.usd_micros >= 0
      AND (NEW.kind = 'settle' OR (reserved.clips + NEW.clips = 0
                                   AND reserved.seconds + NEW.seconds = 0
                                   AND reserved.usd_micros + NEW.usd_micros = 0)))
BEGIN
    SELECT raise(ABORT, 'a ledger end fits its reserve');
END;

CREATE TRIGGER a_job_leaves_the_queue_with_a_reserve BEFORE UPDATE OF state ON jobs
WHEN OLD.state = 'queued' AND NEW.state <> 'queued' AND NOT EXISTS (
    SELECT 1 FROM ledger WHERE job_id = NEW.id AND kind = 'reserve')
BEGIN
    SELECT raise(ABORT, 'a job leaves the queue with a reserve');
END;

-- The paid call costs what the ledger has reserved, no more and no less.
CREATE TRIGGER a_job_is_submitted_for_what_is_reserved BEFORE UPDATE OF state ON jobs
WHEN OLD.state = 'queued' AND NEW.state = 'submitting' AND EXISTS (
    SELECT 1 FROM reservations AS reserved
    WHERE reserved.job_id = NEW.id AND reserved.usd_micros <> NEW.estimate_usd_micros)
BEGIN
    SELECT raise(ABORT, 'a job is submitted for what is reserved');
END;

CREATE TRIGGER a_job_ends_as_the_ledger_has_it BEFORE UPDATE OF state ON jobs
WHEN NEW.finished_at IS NOT NULL AND NOT EXISTS (
    SELECT 1
    FROM reservations AS reserved
    JOIN ledger AS ending
      ON ending.job_id = reserved.job_id AND ending.kind IN ('settle', 'refund')
    WHERE reserved.job_id = NEW.id
      AND reserved.usd_micros + ending.usd_micros = NEW.cost_usd_micros
      AND (ending.kind = 'refund') = NEW.refunded)
BEGIN
    SELECT raise(ABORT, 'a job ends as the ledger has it');
END;

PRAGMA user_version = 4;

COMMIT;
