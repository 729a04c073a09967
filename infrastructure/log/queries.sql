-- Statements of the log, by name; parameters are psycopg's.

-- name: append
SELECT refusal, detail, moment, event_index, event_time, event_hash
FROM ledger.append(
    %b,
    %b, %b, %b, %b, %b, %b, %b, %b, %b,
    %b,
    %b, %b, %b, %b, %b, %b, %b, %b, %b,
    %b, %b,
    %b, %b, %b,
    %b, %b, %b,
    %b, %b, %b, %b, %b,
    %b, %b, %b,
    %b, %b
);

-- name: confirm
-- A commit that writes nothing waits for no standby: this one writes a word into the write-ahead log
-- that nobody reads. It waits for as much as an append does, whatever the session says.
SELECT set_config('synchronous_commit', NULL, true),
    CASE WHEN current_setting('synchronous_commit') NOT IN ('on', 'remote_apply')
        THEN set_config('synchronous_commit', 'on', true) END,
    pg_logical_emit_message(true, 'sijill', ''::text);

-- name: leaves_at
SELECT index, leaf_hash FROM ledger.events WHERE index = ANY (%s::bigint[]);

-- name: prepare_partitions
-- The first index that has no place, and the number of indexes in a partition.
SELECT ledger.prepare_partitions(), partition_size FROM ledger.settings;

-- name: freeze_closed
SELECT part::text FROM ledger.freeze_closed() AS part;

-- name: arm_fault
SELECT set_config('sijill.fault', %s, false);

-- name: head
SELECT size, time, leaf_hash FROM ledger.head;

-- name: clocks
-- The database's clock and the time of the last event.
SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint, time FROM ledger.head;

-- name: size
SELECT size FROM ledger.head;

-- name: events
-- Indexes from the first up to, but not including, the second.
SELECT index, time, version, order_index, stream, leaf_hash, header_digest, body_digest,
    header_salt, body_salt, type, agency, header, body
FROM ledger.events
WHERE index >= %(start)s AND index < %(end)s
ORDER BY index;

-- name: stream
-- OFFSET 0 keeps the look-up of each index a probe of one partition, whatever the statistics say.
SELECT e.*
FROM (
    SELECT s.index FROM ledger.streams s
    WHERE s.stream = %(stream)s AND s.version > %(after)s
        AND s.version <= coalesce(%(upto)s::bigint, 9223372036854775807)
    ORDER BY s.version
    LIMIT %(limit)s::bigint
) s
CROSS JOIN LATERAL (
    SELECT x.index, x.time, x.version, x.order_index, x.stream, x.leaf_hash, x.header_digest,
        x.body_digest, x.header_salt, x.body_salt, x.type, x.agency, x.header, x.body
    FROM ledger.events x WHERE x.index = s.index
    OFFSET 0
) e
ORDER BY e.version;

-- name: claim
SELECT stream FROM ledger.claims WHERE space = %s AND key = %s;

-- name: order_by_key
SELECT request_digest, first_index FROM ledger.order_keys
WHERE agency = %s AND idempotency_key = %s;

-- name: order_events
-- A single order has no rows in order_lines: its one event is its line 0.
SELECT coalesce(l.line, 0), e.index, e.time, e.leaf_hash
FROM (
    SELECT line, index FROM ledger.order_lines WHERE first_index = %(first_index)s
    UNION ALL
    SELECT NULL, first_index FROM ledger.orders WHERE first_index = %(first_index)s AND lines = 1
) l
CROSS JOIN LATERAL (
    SELECT x.index, x.time, x.leaf_hash FROM ledger.events x WHERE x.index = l.index OFFSET 0
) e;
