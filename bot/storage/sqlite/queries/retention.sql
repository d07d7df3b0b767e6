-- A page of the jobs that became final before an instant, oldest first. `is_over` says whether the
-- job has a clip that may be deleted: posted, no open job is made from it, no outbox message left.
-- name: finished_jobs
SELECT
    ended.id,
    ended.seq,
    ended.finished_at,
    ended.provider,
    ended.remote_id,
    clips.archive_key,
    clips.job_id IS NOT NULL
        AND ended.state = 'done'
        AND NOT EXISTS (
            SELECT 1 FROM jobs AS child
            WHERE child.parent_id = ended.id AND child.finished_at IS NULL
        )
        AND NOT EXISTS (SELECT 1 FROM errands WHERE errands.job_id = ended.id) AS is_over
FROM (
    SELECT id, seq, finished_at, provider, remote_id, state
    FROM jobs INDEXED BY jobs_finished
    WHERE finished_at <= :before AND (finished_at, seq) > (:finished_at, :seq)
    ORDER BY finished_at, seq
    LIMIT :limit
) AS ended LEFT JOIN clips ON clips.job_id = ended.id
ORDER BY ended.finished_at, ended.seq;

-- Those of some image paths (a JSON array) that a job needs: an open job, or one that can be repeated,
-- which it can as long as its clip is stored.
-- name: needed_pictures
SELECT wanted.value AS path FROM json_each(:paths) AS wanted
WHERE EXISTS (
    SELECT 1 FROM jobs LEFT JOIN clips ON clips.job_id = jobs.id
    WHERE jobs.image = wanted.value AND jobs.deleted_at IS NULL
      AND (jobs.finished_at IS NULL OR clips.job_id IS NOT NULL)
);

-- Those of some request ids (a JSON array) whose jobs need a reference image, as above.
-- name: needed_pictures_of_requests
SELECT wanted.value AS id FROM json_each(:ids) AS wanted
WHERE EXISTS (
    SELECT 1 FROM jobs LEFT JOIN clips ON clips.job_id = jobs.id
    WHERE jobs.request_id = wanted.value AND jobs.deleted_at IS NULL AND jobs.image IS NOT NULL
      AND (jobs.finished_at IS NULL OR clips.job_id IS NOT NULL)
);
