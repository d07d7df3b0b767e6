-- All limits that are set in a server.
-- name: limits
SELECT * FROM limits WHERE guild_id = :guild_id;

-- A subject's limits.
-- name: limits_of_subject
SELECT * FROM limits
WHERE guild_id = :guild_id AND scope = :scope AND subject_id = :subject_id;

-- The limits that are for one member with some roles (a JSON array).
-- name: limits_for
SELECT * FROM limits
WHERE guild_id = :guild_id AND scope = 'user' AND subject_id = :user_id
UNION ALL
SELECT limits.* FROM json_each(:role_ids) AS role CROSS JOIN limits
WHERE guild_id = :guild_id AND scope = 'role' AND subject_id = role.value
UNION ALL
SELECT * FROM limits
WHERE guild_id = :guild_id AND scope = 'server' AND subject_id = :guild_id;

-- Set a limit, in place of one of the same unit and window.
-- name: put_limit
INSERT INTO limits (guild_id, scope, subject_id, unit, window_ms, amount)
VALUES (:guild_id, :scope, :subject_id, :unit, :window_ms, :amount)
ON CONFLICT (guild_id, scope, subject_id, unit, window_ms) DO UPDATE SET amount = excluded.amount;

-- Remove a subject's limits.
-- name: drop_limits
DELETE FROM limits
WHERE guild_id = :guild_id AND scope = :scope AND subject_id = :subject_id;

-- Note a one-off extra.
-- name: put_grant
INSERT INTO grants (guild_id, user_id, unit, amount, at, reason)
VALUES (:guild_id, :user_id, :unit, :amount, :at, :reason);

-- Extras given to a member after an instant, oldest first.
-- name: grants
SELECT * FROM grants
WHERE guild_id = :guild_id AND user_id = :user_id AND at > :since
ORDER BY at, id;

-- A server's budget.
-- name: budget
SELECT * FROM budgets WHERE guild_id = :guild_id;

-- Set a server's budget.
-- name: put_budget
INSERT INTO budgets (guild_id, usd_micros, warn_channel_id)
VALUES (:guild_id, :usd_micros, :warn_channel_id)
ON CONFLICT (guild_id) DO UPDATE SET
    usd_micros = excluded.usd_micros,
    warn_channel_id = excluded.warn_channel_id;

-- Remove a server's budget.
-- name: drop_budget
DELETE FROM budgets WHERE guild_id = :guild_id;

-- The block in force against a member.
-- name: block_of
SELECT * FROM blocks
WHERE guild_id = :guild_id AND user_id = :user_id AND (until IS NULL OR until > :now);

-- A server's blocks in force, latest first.
-- name: blocks
SELECT * FROM blocks
WHERE guild_id = :guild_id AND (until IS NULL OR until > :now)
ORDER BY at DESC, user_id DESC;

-- Block a member, in place of an earlier block.
-- name: put_block
INSERT INTO blocks (guild_id, user_id, at, by_user_id, until, reason)
VALUES (:guild_id, :user_id, :at, :by_user_id, :until, :reason)
ON CONFLICT (guild_id, user_id) DO UPDATE SET
    at = excluded.at,
    by_user_id = excluded.by_user_id,
    until = excluded.until,
    reason = excluded.reason;

-- Lift a block.
-- name: drop_block
DELETE FROM blocks WHERE guild_id = :guild_id AND user_id = :user_id;

-- A server's rules.
-- name: guild_settings
SELECT * FROM house_rules WHERE guild_id = :guild_id;
