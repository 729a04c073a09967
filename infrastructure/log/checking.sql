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
-- Of 256 leaves in their order: as `replayed`, with how many bytes header and body have with their
-- salts; then these. Whoever changed the length of a part would shift all behind it, hence the last
-- column. Row by row in the order of the index: a sort of whole bodies costs more than all else.
COPY (
    SELECT block.leaves, block.headers, block.bodies, block.regular
    FROM generate_series(%(start)s::bigint, %(end)s::bigint - 1, 256) AS first
    CROSS JOIN LATERAL (
        SELECT string_agg(
            int8send(index) || int8send(time) || leaf_hash || header_digest || body_digest
                || int4send(octet_length(header) + 16) || int4send(octet_length(body) + 16),
            ''::bytea
        ) AS leaves,
        string_agg(header_salt || header, ''::bytea) AS headers,
        string_agg(body_salt || body, ''::bytea) AS bodies,
        bool_and(
            octet_length(leaf_hash) = 32
            AND octet_length(header_digest) = 32 AND octet_length(body_digest) = 32
            AND octet_length(header_salt) = 16 AND octet_length(body_salt) = 16
        ) AS regular
        FROM (
            SELECT * FROM ledger.events
            WHERE index >= first AND index < least(first + 256, %(end)s::bigint)
            ORDER BY index
        ) AS events
    ) AS block
    WHERE block.leaves IS NOT NULL
) TO STDOUT (FORMAT BINARY)
