-- A stretch of the jobs that became final until an instant, oldest first, after a place. Of each
-- whether its clip is there and not needed: posted, nothing being made from it, no errand left.
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

-- Those of some paths (a JSON array) of pictures that a job needs: an open one, or one that may be
-- ordered again, which takes its clip.
-- name: needed_pictures
SELECT wanted.value AS path FROM json_each(:paths) AS wanted
WHERE EXISTS (
    SELECT 1 FROM jobs LEFT JOIN clips ON clips.job_id = jobs.id
    WHERE jobs.image = wanted.value AND jobs.deleted_at IS NULL
      AND (jobs.finished_at IS NULL OR clips.job_id IS NOT NULL)
);

-- Those of some requests (a JSON array) of which a job needs a picture, in the same sense.
-- name: needed_pictures_of_requests
SELECT wanted.value AS id FROM json_each(:ids) AS wanted
WHERE EXISTS (
    SELECT 1 FROM jobs LEFT JOIN clips ON clips.job_id = jobs.id
    WHERE jobs.request_id = wanted.value AND jobs.deleted_at IS NULL AND jobs.image IS NOT NULL
      AND (jobs.finished_at IS NULL OR clips.job_id IS NOT NULL)
);
