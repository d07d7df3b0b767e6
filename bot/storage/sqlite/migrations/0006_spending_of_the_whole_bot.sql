-- An index for the budget of the whole bot: only rows that cost something.

BEGIN IMMEDIATE;

CREATE INDEX ledger_by_cost ON ledger (counts_at, usd_micros) WHERE usd_micros <> 0;

PRAGMA user_version = 6;

COMMIT;
