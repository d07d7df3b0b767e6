-- One job, in any state.
-- name: job
SELECT * FROM jobs WHERE id = :id;

-- Whether a job has an id.
-- name: job_exists
SELECT 1 FROM jobs WHERE id = :id;

-- A job, if its state, provider, model and estimate are still what the caller saw.
-- name: job_as_seen
SELECT * FROM jobs
WHERE id = :id AND state = :state AND provider = :provider AND model = :model
  AND estimate_usd_micros = :estimate_usd_micros;

-- A request's jobs by variant.
-- name: jobs_of_request
SELECT * FROM jobs WHERE request_id = :request_id ORDER BY variant;

-- The jobs whose clips a message carries, by variant.
-- name: jobs_of_message
SELECT * FROM jobs
WHERE message_id = :message_id AND state = 'done' AND deleted_at IS NULL
ORDER BY variant, seq;

-- A new job.
-- name: insert_job
INSERT INTO jobs (
    id, request_id, variant, user_id, guild_id, channel_id, upload_limit_bytes, thread_of,
    operation, prompt, change, parent_id, source_remote_id,
    provider, model, seconds, width_px, height_px, image, estimate_usd_micros, seed,
    state, created_at, state_at, due_at, remote_id, progress, attempts, creates,
    submitted_at, deadline_at, rendered_at, posting_at, finished_at, cancel_requested_at,
    message_id, cost_usd_micros, error_code, error_text, refunded,
    remixable, reactions, deleted_at
) VALUES (
    :id, :request_id, :variant, :user_id, :guild_id, :channel_id, :upload_limit_bytes, :thread_of,
    :operation, :prompt, :change, :parent_id, :source_remote_id,
    :provider, :model, :seconds, :width_px, :height_px, :image, :estimate_usd_micros, :seed,
    :state, :created_at, :state_at, :due_at, :remote_id, :progress, :attempts, :creates,
    :submitted_at, :deadline_at, :rendered_at, :posting_at, :finished_at, :cancel_requested_at,
    :message_id, :cost_usd_micros, :error_code, :error_text, :refunded,
    :remixable, :reactions, :deleted_at
);

-- Store that the bot may choose the model of a job.
-- name: set_any_model
UPDATE jobs SET any_model = 1 WHERE id = :id;

-- The guarded move: set every column that may change, if the job is still in its former state.
-- name: save_job
UPDATE jobs SET
    guild_id = :guild_id,
    channel_id = :channel_id,
    upload_limit_bytes = :upload_limit_bytes,
    thread_of = :thread_of,
    state = :state,
    state_at = :state_at,
    due_at = :due_at,
    remote_id = :remote_id,
    progress = :progress,
    attempts = :attempts,
    creates = :creates,
    submitted_at = :submitted_at,
    deadline_at = :deadline_at,
    rendered_at = :rendered_at,
    posting_at = :posting_at,
    finished_at = :finished_at,
    cancel_requested_at = :cancel_requested_at,
    message_id = :message_id,
    source_remote_id = :source_remote_id,
    cost_usd_micros = :cost_usd_micros,
    error_code = :error_code,
    error_text = :error_text,
    refunded = :refunded
WHERE id = :id AND state = :state_was
RETURNING *;

-- Move a job that no provider accepted to the queue of another provider.
-- name: fail_over_job
UPDATE jobs SET
    provider = :provider,
    model = :model,
    moved_from = :moved_from,
    estimate_usd_micros = :estimate_usd_micros,
    state = :state,
    state_at = :state_at,
    due_at = :due_at,
    progress = :progress,
    attempts = :attempts,
    creates = :creates,
    submitted_at = :submitted_at,
    source_remote_id = :source_remote_id,
    cost_usd_micros = :cost_usd_micros
WHERE id = :id AND state = :state_was AND remote_id IS NULL
RETURNING *;

-- Store a render's progress and next poll, unless its cancellation was requested meanwhile.
-- name: note_render
UPDATE jobs SET progress = :progress, attempts = 0, due_at = :due_at
WHERE id = :id AND state = 'rendering' AND remote_id = :remote_id AND cancel_requested_at IS NULL;

-- Extend the deadlines of a provider's jobs in SUBMITTING and RENDERING.
-- name: extend_deadlines
UPDATE jobs SET
    deadline_at = max(coalesce(deadline_at, :deadline_at), :deadline_at),
    due_at = CASE WHEN state = 'submitting' THEN max(due_at, :quiet_until) ELSE due_at END
WHERE provider = :provider AND state IN ('submitting', 'rendering');

-- Delay posts that may have been in flight when the process ended, if the request has other variants
-- (they may share one message). A post that waits for a retry was not in flight: it keeps its time,
-- but waits no longer than the others, because a clock that was ahead may have set a late time.
-- name: defer_uncertain_posts
UPDATE jobs SET
    attempts = max(attempts, 1),
    due_at = CASE
        WHEN attempts > 0 AND due_at > :now THEN min(due_at, :quiet_until)
        ELSE :quiet_until
    END
WHERE finished_at IS NULL AND state = 'posting'
  AND EXISTS (
      SELECT 1 FROM jobs AS sibling
      WHERE sibling.request_id = jobs.request_id AND sibling.id <> jobs.id
  );

-- Make a render due now, or leave an earlier `due_at`.
-- name: poll_now
UPDATE jobs SET due_at = min(due_at, :now)
WHERE provider = :provider AND state = 'rendering'
  -- Repeats the condition of the index jobs_in_slots, so that SQLite uses it.
  AND state IN ('submitting', 'rendering')
  -- Some APIs report only the last part of an id. The part before it is the model's path.
  AND (remote_id = :remote_id
       OR substr(remote_id, -length(:remote_id) - 1) = '/' || :remote_id)
RETURNING id;

-- Store the first request to cancel an open job, and make the job due now or leave an earlier
-- `due_at`. In SUBMITTING `due_at` stays, because it keeps a create from being sent twice.
-- name: request_cancel
UPDATE jobs SET
    cancel_requested_at = coalesce(cancel_requested_at, :now),
    due_at = CASE WHEN state = 'submitting' THEN due_at ELSE min(due_at, :now) END
WHERE id = :id AND finished_at IS NULL
RETURNING *;

-- Open jobs in some states (a JSON array) that are due, longest due first, then oldest.
-- name: due
SELECT * FROM jobs
WHERE finished_at IS NULL AND due_at <= :now
  AND state IN (SELECT value FROM json_each(:states))
ORDER BY due_at, created_at, seq
LIMIT :limit;

-- Providers that have a render to poll now.
-- name: providers_due
SELECT DISTINCT provider FROM jobs
WHERE finished_at IS NULL AND state = 'rendering' AND due_at <= :now;

-- A provider's renders that are due, longest due first.
-- name: renders_due
SELECT * FROM jobs
WHERE finished_at IS NULL AND state = 'rendering' AND due_at <= :now AND provider = :provider
ORDER BY due_at, created_at, seq
LIMIT :limit;

-- The earliest `due_at` of the open jobs in each of some states (a JSON array).
-- name: next_due_at
SELECT
    wanted.value AS state,
    (
        SELECT min(jobs.due_at) FROM jobs
        WHERE jobs.finished_at IS NULL AND jobs.state = wanted.value
    ) AS due_at
FROM json_each(:states) AS wanted;

-- Queued jobs that get a provider's free slots, in fair order: by turn, then oldest first. The turn of
-- a member's n-th queued job is n plus the slots that this member holds.
-- name: waiting
WITH taken AS MATERIALIZED (
    SELECT user_id, count(*) AS slots FROM jobs
    WHERE provider = :provider AND state IN ('submitting', 'rendering')
    GROUP BY user_id
), turns AS (
    SELECT
        queued.seq,
        queued.created_at,
        queued.due_at,
        coalesce(taken.slots, 0) + row_number() OVER (
            PARTITION BY queued.user_id ORDER BY queued.created_at, queued.seq
        ) AS turn
    FROM jobs AS queued LEFT JOIN taken ON taken.user_id = queued.user_id
    WHERE queued.provider = :provider AND queued.state = 'queued'
), first AS (
    SELECT seq, turn FROM turns WHERE due_at <= :now ORDER BY turn, created_at, seq LIMIT :limit
)
SELECT jobs.* FROM first JOIN jobs ON jobs.seq = first.seq
ORDER BY first.turn, jobs.created_at, jobs.seq;

-- How many queued jobs of the same provider go before a queued job, in fair order.
-- name: position
WITH own AS MATERIALIZED (
    SELECT
        job.provider,
        job.created_at,
        job.seq,
        (
            SELECT count(*) FROM jobs AS taken
            WHERE taken.provider = job.provider AND taken.user_id = job.user_id
              AND taken.state IN ('submitting', 'rendering')
        ) + (
            SELECT count(*) FROM jobs AS before
            WHERE before.provider = job.provider AND before.user_id = job.user_id
              AND before.state = 'queued' AND before.created_at <= job.created_at
              AND (before.created_at, before.seq) <= (job.created_at, job.seq)
        ) AS turn
    FROM jobs AS job
    WHERE job.id = :id AND job.state = 'queued'
), taken AS MATERIALIZED (
    SELECT user_id, count(*) AS slots FROM jobs
    WHERE provider = (SELECT provider FROM own) AND state IN ('submitting', 'rendering')
    GROUP BY user_id
), lines AS MATERIALIZED (
    SELECT
        queued.user_id,
        count(*) AS length,
        sum((queued.created_at, queued.seq) < (SELECT created_at, seq FROM own)) AS older
    FROM jobs AS queued
    WHERE queued.provider = (SELECT provider FROM own) AND queued.state = 'queued'
    GROUP BY queued.user_id
), nths AS (
    SELECT lines.length, lines.older, own.turn - coalesce(taken.slots, 0) AS nth
    FROM own CROSS JOIN lines LEFT JOIN taken ON taken.user_id = lines.user_id
)
-- A member's n-th job has the same turn as this one. The jobs before it go first, and so does it if it
-- is older.
SELECT coalesce(sum(min(length, nth - 1) + (older >= nth)), 0) AS ahead FROM nths WHERE nth > 0;

-- The count of a provider's render slots in use.
-- name: slots_taken
SELECT count(*) AS taken FROM jobs
WHERE provider = :provider AND state IN ('submitting', 'rendering');

-- All open jobs, oldest first.
-- name: open_jobs
SELECT * FROM jobs WHERE finished_at IS NULL ORDER BY created_at, seq;

-- Requests that have a job which became final since an instant.
-- name: finished_since
SELECT DISTINCT request_id FROM jobs INDEXED BY jobs_finished WHERE finished_at >= :since;

-- A member's open jobs, oldest first.
-- name: open_jobs_of_user
SELECT * FROM jobs
WHERE user_id = :user_id AND finished_at IS NULL
ORDER BY created_at, seq;

-- The count of a member's open jobs.
-- name: active
SELECT count(*) AS active FROM jobs WHERE user_id = :user_id AND finished_at IS NULL;

-- The count of open jobs in a guild.
-- name: active_in_guild
SELECT count(*) AS active FROM jobs WHERE guild_id = :guild_id AND finished_at IS NULL;

-- A member's jobs in one guild (NULL: direct messages), newest first.
-- name: history
SELECT * FROM jobs
WHERE user_id = :user_id AND guild_id IS :guild_id
ORDER BY created_at DESC, seq DESC
LIMIT :limit;

-- How long the latest renders of one model, length and size took from create to ready, newest first.
-- name: durations
SELECT rendered_at - submitted_at AS took_ms FROM jobs
WHERE provider = :provider AND model = :model AND seconds = :seconds
  AND width_px = :width_px AND height_px = :height_px
  AND rendered_at IS NOT NULL AND submitted_at <= rendered_at
ORDER BY rendered_at DESC, seq DESC
LIMIT :limit;

-- The job that has a provider's remote id.
-- name: owner_of_remote
SELECT id FROM jobs WHERE provider = :provider AND remote_id = :remote_id;

-- Make an open job due later, unless it is due even later.
-- name: postpone_job
UPDATE jobs SET due_at = :due_at
WHERE seq = :seq AND finished_at IS NULL AND due_at < :due_at;
