-- Statements of the log, by name; parameters are psycopg's.

-- name: append
SELECT refusal, detail, moment, event_index, event_time, event_hash
FROM ledger.append(
    %b,
    %b, %b, %b, %b, %b, %b, %b, %b, %b,
    %b,
    %b, %b, %b, %b, %b, %b, %b, %b, %b, %b,
    %b, %b, %b,
    %b, %b, %b,
    %b, %b, %b, %b, %b,
    %b, %b, %b,
    %b, %b
);

-- name: prepare_partitions
SELECT ledger.prepare_partitions();
