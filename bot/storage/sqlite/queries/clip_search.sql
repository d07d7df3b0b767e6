-- Those of some channels (a JSON array) that have clips of a guild.
-- name: channels_with_clips
SELECT room.value AS room_id
FROM json_each(:rooms) AS room
WHERE EXISTS (
    SELECT 1 FROM jobs INDEXED BY jobs_shown
    WHERE guild_id = :guild_id AND room_id = room.value
      AND state = 'done' AND deleted_at IS NULL
);

-- A member's jobs in one guild (NULL: direct messages) between two `seq`, newest first.
-- name: history_descending
SELECT * FROM jobs INDEXED BY jobs_of_member
WHERE user_id = :user_id AND guild_id IS :guild_id AND deleted_at IS NULL
  AND seq > :low AND seq < :high
ORDER BY seq DESC
LIMIT :limit;

-- The same, oldest first.
-- name: history_ascending
SELECT * FROM jobs INDEXED BY jobs_of_member
WHERE user_id = :user_id AND guild_id IS :guild_id AND deleted_at IS NULL
  AND seq > :low AND seq < :high
ORDER BY seq
LIMIT :limit;

-- A member's open jobs in one guild between two `seq`.
-- name: open_history
SELECT * FROM jobs INDEXED BY jobs_open_by_user
WHERE user_id = :user_id AND finished_at IS NULL AND guild_id IS :guild_id
  AND seq > :low AND seq < :high;

-- The parent of a job, its parent and so on, nearest first, at most fifty.
-- name: ancestors
WITH RECURSIVE line (id, depth) AS (
    SELECT parent_id, 1 FROM jobs WHERE id = :id
    UNION ALL
    SELECT jobs.parent_id, line.depth + 1
    FROM line JOIN jobs ON jobs.id = line.id
    WHERE line.depth < 50
)
SELECT jobs.* FROM line CROSS JOIN jobs ON jobs.id = line.id ORDER BY line.depth;

-- Posted remixes and extensions of a clip, newest first.
-- name: children
SELECT * FROM jobs WHERE parent_id = :id AND state = 'done' ORDER BY seq DESC LIMIT :limit;

-- The count of posted remixes and extensions of a clip.
-- name: child_count
SELECT count(*) AS children FROM jobs WHERE parent_id = :id AND state = 'done';

-- Those of some jobs (a JSON array) whose clip file is in the archive.
-- name: archived_job_ids
SELECT clips.job_id FROM json_each(:ids) AS wanted CROSS JOIN clips ON clips.job_id = wanted.value;

-- Allow or forbid that other members remix a clip.
-- name: set_remixable
UPDATE jobs SET remixable = :remixable WHERE id = :id AND deleted_at IS NULL RETURNING *;

-- The jobs whose clips a message carries: they share its reactions.
-- name: ids_of_message
SELECT id FROM jobs WHERE message_id = :message_id AND state = 'done' AND deleted_at IS NULL;

-- Add to a clip's count of reactions, or set it.
-- name: set_reactions
UPDATE jobs SET reactions = max(0, :by + CASE WHEN :from_zero THEN 0 ELSE reactions END)
WHERE id = :id;
