-- Append a row to the ledger.
-- name: append_entry
INSERT INTO ledger (
    job_id, user_id, guild_id, kind, clips, seconds, usd_micros, at, counts_at
) VALUES (
    :job_id, :user_id, :guild_id, :kind, :clips, :seconds, :usd_micros, :at, :counts_at
);

-- A job's reservation, adjustments included.
-- name: reservation_of_job
SELECT * FROM reservations WHERE job_id = :job_id;

-- The settlement or refund of a job, if there is one.
-- name: closing_entry_of_job
SELECT * FROM ledger WHERE job_id = :job_id AND kind IN ('settle', 'refund');

-- The sum of what a member's jobs reserved after an instant, in one guild or (NULL) everywhere.
-- name: usage
SELECT
    coalesce(sum(clips), 0) AS clips,
    coalesce(sum(seconds), 0) AS seconds,
    coalesce(sum(usd_micros), 0) AS usd_micros
FROM ledger
WHERE user_id = :user_id AND counts_at > :since
  AND (:within IS NULL OR guild_id = :within);

-- The present usage of each job that a member reserved after an instant, in one guild or (NULL)
-- everywhere, oldest first.
-- name: usage_by_job
SELECT
    counts_at,
    sum(clips) AS clips,
    sum(seconds) AS seconds,
    sum(usd_micros) AS usd_micros,
    max(kind IN ('settle', 'refund')) = 0 AS is_reserved
FROM ledger
WHERE user_id = :user_id AND counts_at > :since
  AND (:within IS NULL OR guild_id = :within)
GROUP BY job_id
HAVING sum(clips) <> 0 OR sum(seconds) <> 0 OR sum(usd_micros) <> 0
ORDER BY counts_at, min(id);
