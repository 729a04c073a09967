-- What a check of the log reads: everything as it is stored, in order, nothing trusted.

-- name: leaves
SELECT index, time, leaf_hash, header_digest, body_digest FROM ledger.events
WHERE index >= %s ORDER BY index

-- name: openings
-- With what the service finds records and answers by: the header says the same, or it is wrong.
SELECT e.index, e.order_index, e.header, e.header_salt, e.body, e.body_salt,
    e.agency, e.stream, e.type, e.version, s.index
FROM ledger.events e
LEFT JOIN ledger.streams s ON s.stream = e.stream AND s.version = e.version
WHERE e.index >= %s
ORDER BY e.index

-- name: order
SELECT evidence, statement_digests FROM ledger.orders WHERE first_index = %s

-- name: checkpoints
SELECT note FROM ledger.checkpoints WHERE note IS NOT NULL ORDER BY size

-- name: newest
SELECT note FROM ledger.checkpoints WHERE note IS NOT NULL ORDER BY size DESC LIMIT 1

-- name: leaf_hashes
SELECT leaf_hash FROM ledger.events WHERE index >= %s AND index < %s ORDER BY index;

-- name: replayed
-- The parts of 256 leaves joined: eight bytes of index and time, then hash and digests, 32 each.
COPY (
    SELECT string_agg(
        int8send(index) || int8send(time) || leaf_hash || header_digest || body_digest,
        ''::bytea ORDER BY index
    )
    FROM ledger.events
    WHERE index >= %(start)s AND index < %(end)s
    GROUP BY index / 256
    ORDER BY index / 256
) TO STDOUT (FORMAT BINARY)
