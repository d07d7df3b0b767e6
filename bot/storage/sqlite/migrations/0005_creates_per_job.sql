-- A count of the paid calls for a job.

BEGIN IMMEDIATE;

-- How many paid calls for a job may have reached a provider; the bot makes at most two.
ALTER TABLE jobs ADD COLUMN creates INTEGER NOT NULL DEFAULT 0 CHECK (creates >= 0);

PRAGMA user_version = 5;

COMMIT;
