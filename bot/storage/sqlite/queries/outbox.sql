-- An errand to mirror a clip, in a server that has a gallery channel other than the clip's own.
-- name: enqueue_mirror
INSERT INTO errands (chore, job_id, channel_id, created_at, due_at)
SELECT 'mirror', jobs.id, house_rules.gallery_channel_id, :now, :now
FROM jobs CROSS JOIN house_rules ON house_rules.guild_id = jobs.guild_id
WHERE jobs.id = :job_id AND jobs.state = 'done'
  AND house_rules.gallery_channel_id <> jobs.channel_id
ON CONFLICT (job_id, chore) DO NOTHING;

-- An errand to remove what a deleted job left; its channel is where a mirror may have got to.
-- name: enqueue_erase
INSERT INTO errands (chore, job_id, channel_id, created_at, due_at)
VALUES (
    'erase',
    :job_id,
    (SELECT channel_id FROM errands WHERE job_id = :job_id AND chore = 'mirror'),
    :at,
    :at
);

-- Drop a job's errand of one kind.
-- name: drop_outbox_message
DELETE FROM errands WHERE job_id = :job_id AND chore = :chore;

-- Note that a final job is deleted, and blank its words; nothing for one that is deleted already.
-- name: blank_job
UPDATE jobs SET deleted_at = :now, prompt = '', change = NULL, error_text = NULL
WHERE id = :id AND finished_at IS NOT NULL AND deleted_at IS NULL
RETURNING *;

-- One errand.
-- name: outbox_message
SELECT * FROM errands WHERE id = :id;

-- Errands whose time has come, longest due first.
-- name: outbox_due
SELECT * FROM errands WHERE due_at <= :now ORDER BY due_at, id LIMIT :limit;

-- When the first errand is due.
-- name: next_outbox_due_at
SELECT min(due_at) AS due_at FROM errands;

-- Count a try that failed, and try again later.
-- name: reschedule_outbox_message
UPDATE errands SET due_at = :due_at, attempts = attempts + 1 WHERE id = :id;

-- End an errand.
-- name: finish_outbox_message
DELETE FROM errands WHERE id = :id AND chore = :chore RETURNING job_id;

-- Where a clip was mirrored.
-- name: mirror_of
SELECT * FROM mirrors WHERE job_id = :job_id;

-- Note where a clip was mirrored.
-- name: put_mirror
INSERT INTO mirrors (job_id, channel_id, message_id) VALUES (:job_id, :channel_id, :message_id)
ON CONFLICT (job_id) DO UPDATE SET
    channel_id = excluded.channel_id,
    message_id = excluded.message_id;

-- Forget a mirror.
-- name: drop_mirror
DELETE FROM mirrors WHERE job_id = :job_id;

-- Forget a finished file.
-- name: drop_clip
DELETE FROM clips WHERE job_id = :job_id;

-- Forget where a job's reference picture was.
-- name: drop_image
UPDATE jobs SET image = NULL WHERE id = :job_id;

-- Whether a job that is not deleted has a reference picture.
-- name: image_is_used
SELECT 1 FROM jobs WHERE image = :image AND deleted_at IS NULL LIMIT 1;

-- Note that something is said now, unless that was said lately; a row when it shall be said.
-- name: note_notified
INSERT INTO told (key, at) VALUES (:key, :now)
ON CONFLICT (key) DO UPDATE SET at = excluded.at WHERE told.at <= :said_before
RETURNING key;

-- An errand to say something.
-- name: enqueue_notify
INSERT INTO errands (chore, channel_id, words, created_at, due_at)
VALUES ('tell', :channel_id, :words, :now, :now);
