-- The number of a server's clips in the keys of the search indexes.
-- name: search_partition
SELECT id FROM shelves WHERE guild_id = :guild_id;

-- Give the server of a job such a number, unless it has one.
-- name: create_search_partition
INSERT INTO shelves (guild_id)
SELECT guild_id FROM jobs WHERE id = :id AND guild_id IS NOT NULL
ON CONFLICT (guild_id) DO NOTHING;

-- Let a final job be found, newest first.
-- name: index_newest
INSERT INTO search_newest (rowid, words, facets)
SELECT newest_key, words, facets FROM search_entries WHERE id = :id;

-- Let a clip with reactions be found, most loved first.
-- name: index_loved
INSERT INTO search_loved (rowid, words, facets)
SELECT loved_key, words, facets FROM search_entries WHERE id = :id AND loved_key IS NOT NULL;

-- Take a job out of the index by age; its row is still as it went in.
-- name: unindex_newest
INSERT INTO search_newest (search_newest, rowid, words, facets)
SELECT 'delete', newest_key, words, facets FROM search_entries WHERE id = :id;

-- Take a clip out of the index by reactions; its row is still as it went in.
-- name: unindex_loved
INSERT INTO search_loved (search_loved, rowid, words, facets)
SELECT 'delete', loved_key, words, facets FROM search_entries WHERE id = :id AND loved_key IS NOT NULL;

-- Where jobs that match stand, newest first.
-- name: newest_descending
SELECT search_newest.rowid AS key, CASE jobs.state WHEN 'done' THEN jobs.room_id END AS room_id
FROM search_newest CROSS JOIN jobs ON jobs.seq = (search_newest.rowid & 4294967295)
WHERE search_newest MATCH :match AND search_newest.rowid > :low AND search_newest.rowid < :high
ORDER BY search_newest.rowid DESC;

-- The same the other way: oldest first.
-- name: newest_ascending
SELECT search_newest.rowid AS key, CASE jobs.state WHEN 'done' THEN jobs.room_id END AS room_id
FROM search_newest CROSS JOIN jobs ON jobs.seq = (search_newest.rowid & 4294967295)
WHERE search_newest MATCH :match AND search_newest.rowid > :low AND search_newest.rowid < :high
ORDER BY search_newest.rowid;

-- Where clips with reactions that match stand, most loved first.
-- name: loved_descending
SELECT search_loved.rowid AS key, CASE jobs.state WHEN 'done' THEN jobs.room_id END AS room_id
FROM search_loved CROSS JOIN jobs ON jobs.seq = (search_loved.rowid & 4294967295)
WHERE search_loved MATCH :match AND search_loved.rowid > :low AND search_loved.rowid < :high
ORDER BY search_loved.rowid DESC;

-- The same the other way: least loved first.
-- name: loved_ascending
SELECT search_loved.rowid AS key, CASE jobs.state WHEN 'done' THEN jobs.room_id END AS room_id
FROM search_loved CROSS JOIN jobs ON jobs.seq = (search_loved.rowid & 4294967295)
WHERE search_loved MATCH :match AND search_loved.rowid > :low AND search_loved.rowid < :high
ORDER BY search_loved.rowid;

-- Jobs by their order of acceptance (a JSON array).
-- name: jobs_of_seqs
SELECT jobs.* FROM json_each(:seqs) AS wanted CROSS JOIN jobs ON jobs.seq = wanted.value;
