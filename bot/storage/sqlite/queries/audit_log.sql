-- Note a change that a moderator or operator made.
-- name: append_audit
INSERT INTO audit (guild_id, at, by_user_id, what, subject, about_user_id, before, after)
VALUES (:guild_id, :at, :by_user_id, :what, :subject, :about_user_id, :before, :after);

-- Changes in a server, latest first.
-- name: audit
SELECT * FROM audit WHERE guild_id = :guild_id AND id < :before_id ORDER BY id DESC LIMIT :limit;

-- The same, by a member.
-- name: audit_by
SELECT * FROM audit
WHERE guild_id = :guild_id AND by_user_id = :user_id AND id < :before_id
ORDER BY id DESC LIMIT :limit;

-- The same, about a member.
-- name: audit_about
SELECT * FROM audit
WHERE guild_id = :guild_id AND about_user_id = :user_id AND id < :before_id
ORDER BY id DESC LIMIT :limit;
