-- Lineage and threads of jobs, reactions, deletion, search; the outbox (`errands`) and mirrors.

BEGIN IMMEDIATE;

ALTER TABLE requests ADD COLUMN thread_of INTEGER;

ALTER TABLE jobs ADD COLUMN thread_of INTEGER;
ALTER TABLE jobs ADD COLUMN operation TEXT NOT NULL DEFAULT 'generate'
    CONSTRAINT an_operation_is_one_of_the_known
        CHECK (operation IN ('generate', 'remix', 'extend'));
ALTER TABLE jobs ADD COLUMN change TEXT
    CONSTRAINT a_clip_from_nothing_changes_nothing
        CHECK (change IS NULL OR operation <> 'generate');
ALTER TABLE jobs ADD COLUMN parent_id TEXT REFERENCES jobs (id)
    CONSTRAINT a_clip_has_a_parent_unless_it_is_from_nothing
        CHECK ((parent_id IS NULL) = (operation = 'generate'));
ALTER TABLE jobs ADD COLUMN source_remote_id TEXT
    CONSTRAINT a_source_is_the_parents
        CHECK (source_remote_id IS NULL OR parent_id IS NOT NULL);
ALTER TABLE jobs ADD COLUMN remixable INTEGER NOT NULL DEFAULT 1
    CONSTRAINT others_may_remix_or_not
        CHECK (remixable IN (0, 1));
ALTER TABLE jobs ADD COLUMN reactions INTEGER NOT NULL DEFAULT 0
    CONSTRAINT reactions_are_counted_from_zero
        CHECK (reactions >= 0);
ALTER TABLE jobs ADD COLUMN deleted_at INTEGER
    CONSTRAINT only_a_final_job_is_deleted
        CHECK (deleted_at IS NULL OR finished_at IS NOT NULL)
    CONSTRAINT a_deleted_job_has_no_words
        CHECK (deleted_at IS NULL OR (prompt = '' AND change IS NULL AND error_text IS NULL));
-- The channel or private thread whose readers see what was posted.
ALTER TABLE jobs ADD COLUMN room_id INTEGER
    GENERATED ALWAYS AS (coalesce(thread_of, channel_id)) VIRTUAL;

CREATE INDEX jobs_by_message ON jobs (message_id, variant) WHERE message_id IS NOT NULL;
CREATE INDEX jobs_by_parent ON jobs (parent_id, state) WHERE parent_id IS NOT NULL;
CREATE INDEX jobs_by_image ON jobs (image) WHERE image IS NOT NULL AND deleted_at IS NULL;
CREATE INDEX jobs_of_member ON jobs (user_id, guild_id) WHERE deleted_at IS NULL;
CREATE INDEX jobs_shown ON jobs (guild_id, room_id) WHERE state = 'done' AND deleted_at IS NULL;

-- The search partition of each guild that has final jobs; direct messages are partition 0.
CREATE TABLE shelves (
    id        INTEGER PRIMARY KEY,
    guild_id  INTEGER NOT NULL UNIQUE,

    CONSTRAINT a_shelf_fits_a_key
        CHECK (id BETWEEN 1 AND 2097150)
) STRICT;

INSERT INTO shelves (guild_id)
SELECT DISTINCT guild_id FROM jobs WHERE finished_at IS NOT NULL AND guild_id IS NOT NULL;

-- Final jobs as the indexes below hold them. Removing an entry from an index needs its former values,
-- so remove it before the job changes.
-- A key has 21 bits of the partition, 10 of reactions and 32 of seq, so that a guild's clips are
-- adjacent and in the order of the list.
CREATE VIEW search_entries AS
SELECT
    jobs.id,
    jobs.seq,
    (coalesce(shelves.id, 0) << 42) | jobs.seq AS newest_key,
    CASE WHEN jobs.state = 'done' AND jobs.reactions > 0
         THEN (coalesce(shelves.id, 0) << 42) | (min(jobs.reactions, 1023) << 32) | jobs.seq
    END AS loved_key,
    -- Without the parent's prompt: it may come from a channel that the searching member can't read.
    CASE jobs.operation WHEN 'generate' THEN jobs.prompt ELSE coalesce(jobs.change, '') END
        || ' ' || jobs.id AS words,
    'u' || jobs.user_id
    || CASE WHEN jobs.state = 'done' THEN ' shown r' || jobs.room_id || ' m' || hex(jobs.model)
            ELSE '' END AS facets
FROM jobs LEFT JOIN shelves ON shelves.guild_id = jobs.guild_id
WHERE jobs.finished_at IS NOT NULL AND jobs.deleted_at IS NULL;

-- Every filter is a token and every list is in the order of rowids, so that one pass finds a page and
-- stops when it is full. Prefixes have indexes of their own: without them, the first letters of a
-- common word would collect hundreds of thousands of rows before the first is returned.
CREATE VIRTUAL TABLE search_newest USING fts5 (
    words, facets, content = '', columnsize = 0,
    prefix = '1 2 3 4 5 6 7 8 9 10', tokenize = 'unicode61 remove_diacritics 2'
);
CREATE VIRTUAL TABLE search_loved USING fts5 (
    words, facets, content = '', columnsize = 0,
    prefix = '1 2 3 4 5 6 7 8 9 10', tokenize = 'unicode61 remove_diacritics 2'
);

INSERT INTO search_newest (rowid, words, facets)
SELECT newest_key, words, facets FROM search_entries ORDER BY newest_key;

-- The outbox: what remains to be done about final jobs, and notices to send.
CREATE TABLE errands (
    -- AUTOINCREMENT: an id is never used again, so that finishing a message cannot delete a later one.
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    chore       TEXT    NOT NULL,
    job_id      TEXT    REFERENCES jobs (id),
    channel_id  INTEGER,
    words       TEXT,
    created_at  INTEGER NOT NULL,
    due_at      INTEGER NOT NULL,
    attempts    INTEGER NOT NULL DEFAULT 0,

    CONSTRAINT a_job_has_one_errand_of_a_kind
        UNIQUE (job_id, chore),
    CONSTRAINT a_chore_is_one_of_the_known
        CHECK (chore IN ('mirror', 'erase', 'tell')),
    CONSTRAINT an_errand_is_about_a_job_or_has_words
        CHECK ((job_id IS NULL) = (chore = 'tell') AND (words IS NULL) = (chore <> 'tell')),
    CONSTRAINT what_is_shown_or_said_has_a_channel
        CHECK (channel_id IS NOT NULL OR chore = 'erase'),
    CONSTRAINT failed_tries_are_counted_from_zero
        CHECK (attempts >= 0)
) STRICT;

CREATE INDEX errands_due ON errands (due_at);

-- Where clips were posted a second time, in a gallery channel.
CREATE TABLE mirrors (
    job_id      TEXT    NOT NULL PRIMARY KEY REFERENCES jobs (id),
    channel_id  INTEGER NOT NULL,
    message_id  INTEGER NOT NULL
) STRICT;

-- When each notice was last sent, by key.
CREATE TABLE told (
    key  TEXT    NOT NULL PRIMARY KEY,
    at   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

PRAGMA user_version = 2;

COMMIT;
