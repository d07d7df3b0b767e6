-- A guild's partition number in the keys of the search indexes.
-- name: search_partition
SELECT id FROM shelves WHERE guild_id = :guild_id;

-- Give a job's guild a partition number, unless it has one.
-- name: create_search_partition
INSERT INTO shelves (guild_id)
SELECT guild_id FROM jobs WHERE id = :id AND guild_id IS NOT NULL
ON CONFLICT (guild_id) DO NOTHING;

-- Add a final job to the index by age.
-- name: index_newest
INSERT INTO search_newest (rowid, words, facets)
SELECT newest_key, words, facets FROM search_entries WHERE id = :id;

-- Add a clip that has reactions to the index by reactions.
-- name: index_loved
INSERT INTO search_loved (rowid, words, facets)
SELECT loved_key, words, facets FROM search_entries WHERE id = :id AND loved_key IS NOT NULL;

-- Remove a job from the index by age. Its row must not have changed since it was added.
-- name: unindex_newest
INSERT INTO search_newest (search_newest, rowid, words, facets)
SELECT 'delete', newest_key, words, facets FROM search_entries WHERE id = :id;

-- Remove a clip from the index by reactions. Its row must not have changed since it was added.
-- name: unindex_loved
INSERT INTO search_loved (search_loved, rowid, words, facets)
SELECT 'delete', loved_key, words, facets FROM search_entries WHERE id = :id AND loved_key IS NOT NULL;

-- Keys of matching jobs, newest first.
-- name: newest_descending
SELECT search_newest.rowid AS key, CASE jobs.state WHEN 'done' THEN jobs.room_id END AS room_id
FROM search_newest CROSS JOIN jobs ON jobs.seq = (search_newest.rowid & 4294967295)
WHERE search_newest MATCH :match AND search_newest.rowid > :low AND search_newest.rowid < :high
ORDER BY search_newest.rowid DESC;

-- The same, oldest first.
-- name: newest_ascending
SELECT search_newest.rowid AS key, CASE jobs.state WHEN 'done' THEN jobs.room_id END AS room_id
FROM search_newest CROSS JOIN jobs ON jobs.seq = (search_newest.rowid & 4294967295)
WHERE search_newest MATCH :match AND search_newest.rowid > :low AND search_newest.rowid < :high
ORDER BY search_newest.rowid;

-- Keys of matching clips that have reactions, most reactions first.
-- name: loved_descending
SELECT search_loved.rowid AS key, CASE jobs.state WHEN 'done' THEN jobs.room_id END AS room_id
FROM search_loved CROSS JOIN jobs ON jobs.seq = (search_loved.rowid & 4294967295)
WHERE search_loved MATCH :match AND search_loved.rowid > :low AND search_loved.rowid < :high
ORDER BY search_loved.rowid DESC;

-- The same, fewest reactions first.
-- name: loved_ascending
SELECT search_loved.rowid AS key, CASE jobs.state WHEN 'done' THEN jobs.room_id END AS room_id
FROM search_loved CROSS JOIN jobs ON jobs.seq = (search_loved.rowid & 4294967295)
WHERE search_loved MATCH :match AND search_loved.rowid > :low AND search_loved.rowid < :high
ORDER BY search_loved.rowid;

-- Jobs by `seq` (a JSON array).
-- name: jobs_of_seqs
SELECT jobs.* FROM json_each(:seqs) AS wanted CROSS JOIN jobs ON jobs.seq = wanted.value;
