-- What a check of the log reads: everything as it is stored, in order, nothing trusted.

-- name: leaves
SELECT index, time, leaf_hash, header_digest, body_digest FROM ledger.events
WHERE index >= %s ORDER BY index

-- name: openings
-- With what the service finds records and answers by: the header says the same, or it is wrong.
SELECT e.index, e.order_index, e.header, e.header_salt, e.body, e.body_salt,
    e.agency, e.stream, e.type, e.version, s.index,
    -- An order comes with its first line: asked for one by one, orders are a fifth of the work.
    o.evidence, o.statement_digests
FROM ledger.events e
LEFT JOIN ledger.streams s ON s.stream = e.stream AND s.version = e.version
LEFT JOIN ledger.orders o ON o.first_index = e.index
WHERE e.index >= %s
ORDER BY e.index

-- name: order
SELECT evidence, statement_digests FROM ledger.orders WHERE first_index = %s

-- name: checkpoints
SELECT note FROM ledger.checkpoints WHERE note IS NOT NULL ORDER BY size

-- name: newest
SELECT note FROM ledger.checkpoints WHERE note IS NOT NULL ORDER BY size DESC LIMIT 1

-- name: leaf_hashes
SELECT leaf_hash FROM ledger.events WHERE index >= %s AND index < %s ORDER BY index

-- name: size
SELECT coalesce(max(index) + 1, 0) FROM ledger.events

-- name: record
SELECT e.index, e.header, e.body FROM ledger.streams s JOIN ledger.events e ON e.index = s.index
WHERE s.stream = %s ORDER BY s.version

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

-- name: swept
-- As `replayed`, and behind each leaf's parts what header and body are hashed from, with labels and
-- salts. Whoever changed the length of a part would shift all behind it, hence the second column.
COPY (
    SELECT string_agg(
        int8send(index) || int8send(time) || leaf_hash || header_digest || body_digest
            || int4send(octet_length(header) + 33) || int4send(octet_length(body) + 31)
            || '\x73696a696c6c2f6865616465722f763100'::bytea || header_salt || header
            || '\x73696a696c6c2f626f64792f763100'::bytea || body_salt || body,
        ''::bytea ORDER BY index
    ),
    bool_and(
        octet_length(leaf_hash) = 32
        AND octet_length(header_digest) = 32 AND octet_length(body_digest) = 32
        AND octet_length(header_salt) = 16 AND octet_length(body_salt) = 16
    )
    FROM ledger.events
    WHERE index >= %(start)s AND index < %(end)s
    GROUP BY index / 256
    ORDER BY index / 256
) TO STDOUT (FORMAT BINARY)
