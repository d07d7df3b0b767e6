-- Jobs that are not final by state, and when the first of each became due.
-- name: open_by_state
SELECT state, count(*) AS jobs, min(due_at) AS due_at FROM jobs INDEXED BY jobs_due_by_state
WHERE finished_at IS NULL
GROUP BY state;

-- Jobs that became final after an instant by state, and what they cost.
-- name: ended_by_state
SELECT state, count(*) AS jobs, sum(cost_usd_micros) AS usd_micros
FROM jobs INDEXED BY jobs_finished
WHERE finished_at > :since
GROUP BY state;

-- The money that is held for jobs whose account is not closed.
-- name: open_reservations
SELECT coalesce(sum(reservations.usd_micros), 0) AS usd_micros
FROM jobs INDEXED BY jobs_open CROSS JOIN reservations ON reservations.job_id = jobs.id
WHERE jobs.finished_at IS NULL
  -- A kept clip that is being posted again is open, and paid for.
  AND NOT EXISTS (
      SELECT 1 FROM ledger WHERE ledger.job_id = jobs.id AND ledger.kind IN ('settle', 'refund')
  );

-- Errands that are to be done.
-- name: outbox_size
SELECT count(*) AS errands FROM errands;
