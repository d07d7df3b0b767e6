-- The finished file of a job.
-- name: clip
SELECT * FROM clips WHERE job_id = :job_id;

-- Store a clip; a second download of the same job replaces the first.
-- name: put_clip
INSERT INTO clips (
    job_id, sha256, size_bytes, width_px, height_px, duration_ms, archive_key, created_at
) VALUES (
    :job_id, :sha256, :size_bytes, :width_px, :height_px, :duration_ms, :archive_key, :created_at
)
ON CONFLICT (job_id) DO UPDATE SET
    sha256 = excluded.sha256,
    size_bytes = excluded.size_bytes,
    width_px = excluded.width_px,
    height_px = excluded.height_px,
    duration_ms = excluded.duration_ms,
    archive_key = excluded.archive_key,
    created_at = excluded.created_at;
