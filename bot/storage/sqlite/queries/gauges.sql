-- Open jobs by state, and the earliest `due_at` of each state.
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

-- The sum of the reservations that are neither settled nor refunded.
-- name: open_reservations
SELECT coalesce(sum(reservations.usd_micros), 0) AS usd_micros
FROM jobs INDEXED BY jobs_open CROSS JOIN reservations ON reservations.job_id = jobs.id
WHERE jobs.finished_at IS NULL
  -- A kept clip that is posted again is open, but its ledger is closed.
  AND NOT EXISTS (
      SELECT 1 FROM ledger WHERE ledger.job_id = jobs.id AND ledger.kind IN ('settle', 'refund')
  );

-- The count of outbox messages.
-- name: outbox_size
SELECT count(*) AS errands FROM errands;
