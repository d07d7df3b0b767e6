-- One request.
-- name: request
SELECT * FROM requests WHERE id = :id;

-- Insert an accepted request.
-- name: insert_request
INSERT INTO requests (
    id, user_id, guild_id, channel_id, upload_limit_bytes, thread_of, created_at, card_message_id
) VALUES (
    :id, :user_id, :guild_id, :channel_id, :upload_limit_bytes, :thread_of, :created_at,
    :card_message_id
);

-- Store the roles (a JSON array) of the member who made a request.
-- name: set_roles
UPDATE requests SET role_ids = :role_ids WHERE id = :id;

-- Store the message id of a request's status card.
-- name: set_card
UPDATE requests SET card_message_id = :message_id WHERE id = :id;
