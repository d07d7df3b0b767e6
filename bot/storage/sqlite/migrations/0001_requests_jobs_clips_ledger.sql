-- Requests, their jobs, the finished clips and the ledger.
-- Instants are milliseconds since 1970-01-01 UTC; ids that are integers are Discord's.

BEGIN IMMEDIATE;

-- "Sora": which program the file belongs to.
PRAGMA application_id = 0x536F7261;

CREATE TABLE requests (
    id                  INTEGER PRIMARY KEY,
    user_id             INTEGER NOT NULL,
    guild_id            INTEGER,
    channel_id          INTEGER NOT NULL,
    upload_limit_bytes  INTEGER NOT NULL,
    created_at          INTEGER NOT NULL,
    card_message_id     INTEGER
) STRICT;

CREATE TABLE jobs (
    -- The order of acceptance, also among jobs of the same instant.
    seq                  INTEGER PRIMARY KEY,
    id                   TEXT    NOT NULL UNIQUE,
    request_id           INTEGER NOT NULL REFERENCES requests (id),
    variant              INTEGER NOT NULL,
    user_id              INTEGER NOT NULL,
    guild_id             INTEGER,
    channel_id           INTEGER NOT NULL,
    upload_limit_bytes   INTEGER NOT NULL,
    prompt               TEXT    NOT NULL,
    provider             TEXT    NOT NULL,
    model                TEXT    NOT NULL,
    seconds              INTEGER NOT NULL,
    width_px             INTEGER NOT NULL,
    height_px            INTEGER NOT NULL,
    image                TEXT,
    estimate_usd_micros  INTEGER NOT NULL,
    seed                 INTEGER NOT NULL,
    state                TEXT    NOT NULL,
    created_at           INTEGER NOT NULL,
    state_at             INTEGER NOT NULL,
    due_at               INTEGER,
    remote_id            TEXT,
    progress             INTEGER,
    attempts             INTEGER NOT NULL,
    submitted_at         INTEGER,
    deadline_at          INTEGER,
    rendered_at          INTEGER,
    posting_at           INTEGER,
    finished_at          INTEGER,
    cancel_requested_at  INTEGER,
    message_id           INTEGER,
    cost_usd_micros      INTEGER,
    error_code           TEXT,
    error_text           TEXT,
    refunded             INTEGER NOT NULL,

    CONSTRAINT a_variant_exists_once
        UNIQUE (request_id, variant),
    CONSTRAINT a_request_has_up_to_four_variants
        CHECK (variant BETWEEN 0 AND 3),
    CONSTRAINT a_job_id_is_four_or_more_capitals_and_digits
        CHECK (length(id) >= 4 AND id NOT GLOB '*[^A-Z0-9]*'),
    CONSTRAINT an_order_has_a_length_and_a_size
        CHECK (seconds > 0 AND width_px > 0 AND height_px > 0),
    CONSTRAINT an_estimate_is_not_negative
        CHECK (estimate_usd_micros >= 0),
    CONSTRAINT a_state_is_one_of_the_known
        CHECK (state IN ('queued', 'submitting', 'rendering', 'downloading', 'fitting', 'posting',
                         'done', 'kept', 'failed', 'cancelled')),
    CONSTRAINT only_a_final_job_is_finished
        CHECK ((finished_at IS NOT NULL) = (state IN ('done', 'kept', 'failed', 'cancelled'))),
    CONSTRAINT an_open_job_is_due_some_time_and_a_final_one_never
        CHECK ((due_at IS NULL) = (state IN ('done', 'kept', 'failed', 'cancelled'))),
    CONSTRAINT a_job_the_provider_took_has_a_remote_id
        CHECK (remote_id IS NOT NULL OR state NOT IN
               ('rendering', 'downloading', 'fitting', 'posting', 'done', 'kept')),
    CONSTRAINT a_done_job_has_a_message
        CHECK (state <> 'done' OR message_id IS NOT NULL),
    CONSTRAINT a_job_that_was_not_posted_says_why
        CHECK (state NOT IN ('failed', 'kept') OR error_code IS NOT NULL),
    CONSTRAINT a_final_job_has_a_cost
        CHECK (finished_at IS NULL OR cost_usd_micros IS NOT NULL),
    CONSTRAINT a_cost_is_not_negative
        CHECK (cost_usd_micros >= 0),
    CONSTRAINT a_refunded_job_is_free
        CHECK (refunded = 0 OR (refunded = 1 AND cost_usd_micros = 0)),
    CONSTRAINT progress_is_a_percentage
        CHECK (progress BETWEEN 0 AND 100),
    CONSTRAINT attempts_are_counted_from_zero
        CHECK (attempts >= 0)
) STRICT;

-- A render belongs to one job; a second job cannot adopt it.
CREATE UNIQUE INDEX jobs_by_remote ON jobs (provider, remote_id) WHERE remote_id IS NOT NULL;
CREATE INDEX jobs_due_by_state ON jobs (state, due_at) WHERE finished_at IS NULL;
CREATE INDEX jobs_open ON jobs (created_at) WHERE finished_at IS NULL;
CREATE INDEX jobs_open_by_user ON jobs (user_id, created_at) WHERE finished_at IS NULL;
CREATE INDEX jobs_waiting ON jobs (provider, created_at) WHERE state = 'queued';
CREATE INDEX jobs_in_slots ON jobs (provider) WHERE state IN ('submitting', 'rendering');
CREATE INDEX jobs_finished ON jobs (finished_at) WHERE finished_at IS NOT NULL;
CREATE INDEX jobs_history ON jobs (user_id, guild_id, created_at);
CREATE INDEX jobs_rendered ON jobs (provider, model, seconds, width_px, height_px, rendered_at)
    WHERE rendered_at IS NOT NULL;

CREATE TABLE clips (
    job_id       TEXT    NOT NULL PRIMARY KEY REFERENCES jobs (id),
    sha256       TEXT    NOT NULL,
    size_bytes   INTEGER NOT NULL,
    width_px     INTEGER NOT NULL,
    height_px    INTEGER NOT NULL,
    duration_ms  INTEGER NOT NULL,
    archive_key  TEXT    NOT NULL,
    created_at   INTEGER NOT NULL,

    CONSTRAINT a_sha256_has_64_hex_digits
        CHECK (length(sha256) = 64 AND sha256 NOT GLOB '*[^0-9a-f]*'),
    CONSTRAINT a_clip_is_not_empty
        CHECK (size_bytes > 0 AND width_px > 0 AND height_px > 0 AND duration_ms >= 0)
) STRICT;

CREATE TABLE ledger (
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
        CHECK (kind IN ('reserve', 'settle', 'refund')),
    CONSTRAINT a_reserve_takes_and_counts_at_once
        CHECK (kind <> 'reserve'
               OR (clips > 0 AND seconds > 0 AND usd_micros >= 0 AND counts_at = at)),
    CONSTRAINT a_settle_changes_money_only
        CHECK (kind <> 'settle' OR (clips = 0 AND seconds = 0))
) STRICT;

CREATE UNIQUE INDEX a_job_reserves_once ON ledger (job_id) WHERE kind = 'reserve';
CREATE UNIQUE INDEX a_job_ends_once ON ledger (job_id) WHERE kind IN ('settle', 'refund');
CREATE INDEX ledger_by_user ON ledger (user_id, counts_at);

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
     OR (NEW.kind <> 'reserve' AND EXISTS (
            SELECT 1 FROM ledger WHERE job_id = NEW.job_id AND kind IN ('settle', 'refund')))
BEGIN
    SELECT raise(ABORT, 'a ledger row replaces no other');
END;

CREATE TRIGGER a_ledger_end_fits_its_reserve BEFORE INSERT ON ledger
WHEN NEW.kind <> 'reserve' AND NOT EXISTS (
    SELECT 1 FROM ledger AS reserve
    WHERE reserve.job_id = NEW.job_id
      AND reserve.kind = 'reserve'
      AND reserve.user_id = NEW.user_id
      AND reserve.guild_id IS NEW.guild_id
      AND reserve.counts_at = NEW.counts_at
      AND reserve.usd_micros + NEW.usd_micros >= 0
      AND (NEW.kind = 'settle' OR (reserve.clips + NEW.clips = 0
                                   AND reserve.seconds + NEW.seconds = 0
                                   AND reserve.usd_micros + NEW.usd_micros = 0)))
BEGIN
    SELECT raise(ABORT, 'a ledger end fits its reserve');
END;

PRAGMA user_version = 1;

COMMIT;
