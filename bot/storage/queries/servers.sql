-- Which gallery channel a server chose last.
-- name: gallery
SELECT channel_id FROM gallery_choices WHERE guild_id = :guild_id ORDER BY id DESC LIMIT 1;

-- Keep a choice of a gallery channel, or of none.
-- name: choose_gallery
INSERT INTO gallery_choices (guild_id, channel_id, by_user_id, at)
VALUES (:guild_id, :channel_id, :by_user_id, :at);
