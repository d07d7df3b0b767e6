-- Enqueue the mirror of a clip, if the guild has a gallery channel and the clip is not in it.
-- name: enqueue_mirror
INSERT INTO errands (chore, job_id, channel_id, created_at, due_at)
SELECT 'mirror', jobs.id, house_rules.gallery_channel_id, :now, :now
FROM jobs CROSS JOIN house_rules ON house_rules.guild_id = jobs.guild_id
WHERE jobs.id = :job_id AND jobs.state = 'done'
  AND house_rules.gallery_channel_id <> jobs.channel_id
ON CONFLICT (job_id, chore) DO NOTHING;

-- Enqueue the removal of a deleted job's leftovers. `channel_id` is where an unrecorded mirror may be.
-- name: enqueue_erase
INSERT INTO errands (chore, job_id, channel_id, created_at, due_at)
VALUES (
    'erase',
    :job_id,
    (SELECT channel_id FROM errands WHERE job_id = :job_id AND chore = 'mirror'),
    :at,
    :at
);

-- Delete a job's outbox message of one kind.
-- name: drop_outbox_message
DELETE FROM errands WHERE job_id = :job_id AND chore = :chore;

-- Mark a final job as deleted and blank its prompt, change and error text, unless it is deleted.
-- name: blank_job
UPDATE jobs SET deleted_at = :now, prompt = '', change = NULL, error_text = NULL
WHERE id = :id AND finished_at IS NOT NULL AND deleted_at IS NULL
RETURNING *;

-- One outbox message.
-- name: outbox_message
SELECT * FROM errands WHERE id = :id;

-- Outbox messages that are due, longest due first.
-- name: outbox_due
SELECT * FROM errands WHERE due_at <= :now ORDER BY due_at, id LIMIT :limit;

-- The earliest `due_at` of the outbox.
-- name: next_outbox_due_at
SELECT min(due_at) AS due_at FROM errands;

-- Count a failed attempt and set the time of the next.
-- name: reschedule_outbox_message
UPDATE errands SET due_at = :due_at, attempts = attempts + 1 WHERE id = :id;

-- Delete a finished outbox message.
-- name: finish_outbox_message
DELETE FROM errands WHERE id = :id AND chore = :chore RETURNING job_id;

-- Where a clip was mirrored.
-- name: mirror_of
SELECT * FROM mirrors WHERE job_id = :job_id;

-- Store where a clip was mirrored.
-- name: put_mirror
INSERT INTO mirrors (job_id, channel_id, message_id) VALUES (:job_id, :channel_id, :message_id)
ON CONFLICT (job_id) DO UPDATE SET
    channel_id = excluded.channel_id,
    message_id = excluded.message_id;

-- Delete the row of a mirror.
-- name: drop_mirror
DELETE FROM mirrors WHERE job_id = :job_id;

-- Delete the row of a clip.
-- name: drop_clip
DELETE FROM clips WHERE job_id = :job_id;

-- Clear the path of a job's reference image.
-- name: drop_image
UPDATE jobs SET image = NULL WHERE id = :job_id;

-- Whether a job that is not deleted uses a reference image.
-- name: image_is_used
SELECT 1 FROM jobs WHERE image = :image AND deleted_at IS NULL LIMIT 1;

-- Store that a notice is sent now. Returns a row, or none when it was sent recently.
-- name: note_notified
INSERT INTO told (key, at) VALUES (:key, :now)
ON CONFLICT (key) DO UPDATE SET at = excluded.at WHERE told.at <= :said_before
RETURNING key;

-- Enqueue a notice.
-- name: enqueue_notify
INSERT INTO errands (chore, channel_id, words, created_at, due_at)
VALUES ('tell', :channel_id, :words, :now, :now);
