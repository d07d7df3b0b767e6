-- Jobs whose row and books do not agree, oldest first. A kept clip that is sent on its way again is
-- open though its books are closed.
-- name: unbalanced_jobs
SELECT jobs.id
FROM jobs
LEFT JOIN reservations AS reserved ON reserved.job_id = jobs.id
LEFT JOIN ledger AS ending ON ending.job_id = jobs.id AND ending.kind IN ('settle', 'refund')
WHERE reserved.job_id IS NULL
   OR (jobs.finished_at IS NOT NULL AND ending.job_id IS NULL)
   OR (jobs.finished_at IS NOT NULL AND reserved.usd_micros + ending.usd_micros <> jobs.cost_usd_micros)
   OR (jobs.finished_at IS NOT NULL AND (ending.kind = 'refund') <> jobs.refunded)
   OR (jobs.finished_at IS NULL AND ending.job_id IS NOT NULL AND jobs.state <> 'posting')
   OR (ending.job_id IS NULL AND reserved.usd_micros <> jobs.estimate_usd_micros)
ORDER BY jobs.seq
LIMIT :limit;

-- How many jobs there are, and how many of them are under way.
-- name: job_counts
SELECT count(*) AS jobs, count(*) FILTER (WHERE finished_at IS NULL) AS under_way FROM jobs;
