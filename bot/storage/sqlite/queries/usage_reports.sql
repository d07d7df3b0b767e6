-- The USD micros of jobs reserved in a guild after an instant, at their present cost.
-- name: spent
SELECT coalesce(sum(usd_micros), 0) AS usd_micros FROM ledger INDEXED BY ledger_by_guild
WHERE guild_id = :guild_id AND counts_at > :since;

-- A member's orders in one guild that providers refused for their content, after an instant.
-- name: refused_by_moderation
SELECT count(*) AS refusals, max(finished_at) AS last_at FROM jobs INDEXED BY jobs_history
WHERE user_id = :user_id AND guild_id IS :guild_id AND created_at > :since
  AND error_code = 'moderation';

-- The USD micros of all jobs reserved after an instant, at their present cost.
-- name: spent_everywhere
SELECT coalesce(sum(usd_micros), 0) AS usd_micros FROM ledger INDEXED BY ledger_by_cost
WHERE usd_micros <> 0 AND counts_at > :since;

-- Usage of jobs reserved in a guild after an instant, by UTC day.
-- name: usage_by_day
SELECT
    counts_at / 86400000 AS day,
    sum(clips) AS clips,
    sum(seconds) AS seconds,
    sum(usd_micros) AS usd_micros
FROM ledger INDEXED BY ledger_by_guild
WHERE guild_id = :guild_id AND counts_at > :since
GROUP BY day;

-- The same by member.
-- name: usage_by_member
SELECT
    user_id,
    sum(clips) AS clips,
    sum(seconds) AS seconds,
    sum(usd_micros) AS usd_micros
FROM ledger INDEXED BY ledger_by_guild
WHERE guild_id = :guild_id AND counts_at > :since
GROUP BY user_id;

-- Failed jobs among those reserved in a guild after an instant: refunded ones, and the few that the
-- provider charged for. Deleted ones of the latter are left out, because finding them would mean
-- reading every paid clip.
-- name: failures
SELECT day, user_id, count(*) AS failed
FROM (
    SELECT ledger.counts_at / 86400000 AS day, ledger.user_id
    FROM ledger INDEXED BY ledger_by_guild CROSS JOIN jobs ON jobs.id = ledger.job_id
    WHERE ledger.guild_id = :guild_id AND ledger.counts_at > :since AND ledger.clips < 0
      AND jobs.state = 'failed'
    UNION ALL
    SELECT created_at / 86400000 AS day, user_id
    FROM jobs INDEXED BY jobs_of_server
    WHERE guild_id = :guild_id AND state = 'failed' AND deleted_at IS NULL
      AND refunded = 0 AND created_at > :since
)
GROUP BY day, user_id;

-- A guild's jobs in one state, of one member or (NULL) all, with a smaller `seq`, latest first.
-- name: guild_jobs
SELECT * FROM jobs INDEXED BY jobs_of_server
WHERE guild_id = :guild_id AND state = :state AND deleted_at IS NULL AND seq < :before_seq
  AND (:user_id IS NULL OR user_id = :user_id)
ORDER BY seq DESC
LIMIT :limit;

-- A member's jobs in a guild in some states (a JSON array), with a smaller `seq`, latest first.
-- name: guild_jobs_of_member
SELECT * FROM jobs INDEXED BY jobs_of_member
WHERE user_id = :user_id AND guild_id = :guild_id AND deleted_at IS NULL AND seq < :before_seq
  AND state IN (SELECT value FROM json_each(:states))
ORDER BY seq DESC
LIMIT :limit;
