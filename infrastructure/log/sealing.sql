-- Statements of the leases, the checkpoints and the tree; parameters are psycopg's.

-- name: try_lease
SELECT NOT pg_is_in_recovery() AND pg_try_advisory_lock(%s);

-- name: raise_fence
INSERT INTO ledger.lease AS held (name, fence, holder) VALUES (%(name)s, 1, %(holder)s)
ON CONFLICT (name) DO UPDATE SET fence = held.fence + 1, holder = excluded.holder
RETURNING fence;

-- name: read_fence
-- FOR SHARE makes a later taker's UPDATE wait until the writer that passed the check is done.
SELECT fence FROM ledger.lease WHERE name = %s FOR SHARE;

-- name: write_state
UPDATE ledger.lease SET state = %s WHERE name = %s AND fence = %s;

-- name: read_state
SELECT state FROM ledger.lease WHERE name = %s;

-- name: release_lease
SELECT pg_advisory_unlock(%s);

-- name: commit_durably
-- A default of "off" or "local" would let a power cut or a fail-over forget what was signed next.
SELECT set_config('synchronous_commit', CASE current_setting('synchronous_commit')
    WHEN 'remote_apply' THEN 'remote_apply' ELSE 'on' END, true);

-- name: intend
INSERT INTO ledger.checkpoints (size, root) VALUES (%s, %s) ON CONFLICT DO NOTHING;

-- name: is_intended
SELECT EXISTS (SELECT FROM ledger.checkpoints WHERE size = %s AND root = %s);

-- name: publish
UPDATE ledger.checkpoints
SET note = %s, time = (extract(epoch FROM clock_timestamp()) * 1000000)::bigint
WHERE size = %s AND root = %s AND note IS NULL;

-- name: announce
SELECT pg_notify(%s, %s);

-- name: newest_checkpoint
SELECT size, root, note, time FROM ledger.checkpoints
WHERE note IS NOT NULL ORDER BY size DESC LIMIT 1;

-- name: checkpoint_at_size
SELECT size, root, note, time FROM ledger.checkpoints WHERE size = %s AND note IS NOT NULL;

-- name: checkpoints_after
SELECT size, root, note, time FROM ledger.checkpoints
WHERE size > %s AND note IS NOT NULL ORDER BY size LIMIT %s;

-- name: sealing
-- The newest checkpoint, when the first event was recorded that it does not cover, and what the
-- sealer has left for people to read.
SELECT h.size, h.time, coalesce(c.size, 0) AS sealed, c.note,
    (SELECT e.time FROM ledger.events e WHERE e.index = coalesce(c.size, 0)) AS waiting_since,
    (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS clock,
    coalesce((SELECT l.state FROM ledger.lease l WHERE l.name = 'sealer'), '') AS sealer
FROM ledger.head h
LEFT JOIN LATERAL (
    SELECT k.size, k.note FROM ledger.checkpoints k
    WHERE k.note IS NOT NULL ORDER BY k.size DESC LIMIT 1
) c ON true;

-- name: intents
SELECT size, root, note, time FROM ledger.checkpoints WHERE note IS NULL ORDER BY size;

-- name: head_size
SELECT size FROM ledger.head;

-- name: leaf_hashes
SELECT leaf_hash FROM ledger.events WHERE index >= %s AND index < %s ORDER BY index;

-- name: leaves
SELECT index, time, header_digest, body_digest, leaf_hash FROM ledger.events
WHERE index >= %s AND index < %s ORDER BY index;

-- name: openings
-- As many as fit a budget of bytes, and at least one: an order's list of statements is counted
-- where the order begins on the page.
SELECT index, order_index, type, agency, header, header_salt, body, body_salt
FROM (
    SELECT sized.*, sum(sized.bytes) OVER (ORDER BY sized.index) - sized.bytes AS before
    FROM (
        SELECT e.*, octet_length(e.header) + octet_length(e.body)
            + CASE WHEN lag(e.order_index) OVER (ORDER BY e.index) = e.order_index THEN 0
                ELSE coalesce(octet_length(o.evidence) + octet_length(o.statement_digests), 0)
            END AS bytes
        FROM ledger.events e
        LEFT JOIN ledger.orders o ON o.first_index = e.order_index
        WHERE e.index >= %(start)s AND e.index < %(end)s
    ) AS sized
) AS counted
WHERE before < %(bytes)s
ORDER BY index;

-- name: orders_by_first_index
SELECT first_index, evidence, statement_digests FROM ledger.orders
WHERE first_index = ANY (%s) ORDER BY first_index;
