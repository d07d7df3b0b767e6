-- Jobs whose row and ledger disagree, oldest first. A kept clip that is posted again is open although
-- its ledger is closed.
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

-- The count of jobs, and of open ones.
-- name: job_counts
SELECT count(*) AS jobs, count(*) FILTER (WHERE finished_at IS NULL) AS under_way FROM jobs;
