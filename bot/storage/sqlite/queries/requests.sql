-- One request.
-- name: request
SELECT * FROM requests WHERE id = :id;

-- Keep a request that was accepted.
-- name: insert_request
INSERT INTO requests (
    id, user_id, guild_id, channel_id, upload_limit_bytes, thread_of, created_at, card_message_id
) VALUES (
    :id, :user_id, :guild_id, :channel_id, :upload_limit_bytes, :thread_of, :created_at,
    :card_message_id
);

-- Note the asker's roles (a JSON array).
-- name: set_roles
UPDATE requests SET role_ids = :role_ids WHERE id = :id;

-- Note which message is the request's card.
-- name: set_card
UPDATE requests SET card_message_id = :message_id WHERE id = :id;
