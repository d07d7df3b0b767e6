-- One more row of the books.
-- name: append_entry
INSERT INTO ledger (
    job_id, user_id, guild_id, kind, clips, seconds, usd_micros, at, counts_at
) VALUES (
    :job_id, :user_id, :guild_id, :kind, :clips, :seconds, :usd_micros, :at, :counts_at
);

-- What a job has reserved, with all that was amended.
-- name: reservation_of_job
SELECT * FROM reservations WHERE job_id = :job_id;

-- How a job's account was closed, if it was.
-- name: closing_entry_of_job
SELECT * FROM ledger WHERE job_id = :job_id AND kind IN ('settle', 'refund');

-- What a member's jobs reserved after an instant sum to, in one server or (NULL) everywhere.
-- name: usage
SELECT
    coalesce(sum(clips), 0) AS clips,
    coalesce(sum(seconds), 0) AS seconds,
    coalesce(sum(usd_micros), 0) AS usd_micros
FROM ledger
WHERE user_id = :user_id AND counts_at > :since
  AND (:within IS NULL OR guild_id = :within);

-- What each of a member's jobs reserved after an instant counts at present, in one server or (NULL)
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
