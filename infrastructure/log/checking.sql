-- What a check of the log reads: everything as it is stored, in order, nothing trusted.

-- name: leaves
SELECT index, time, leaf_hash, header_digest, body_digest FROM ledger.events ORDER BY index

-- name: openings
SELECT index, order_index, header, header_salt, body, body_salt FROM ledger.events ORDER BY index

-- name: order
SELECT evidence, statement_digests FROM ledger.orders WHERE first_index = %s

-- name: checkpoints
SELECT note FROM ledger.checkpoints WHERE note IS NOT NULL ORDER BY size

-- name: newest
SELECT note FROM ledger.checkpoints WHERE note IS NOT NULL ORDER BY size DESC LIMIT 1

-- name: leaf_hashes
SELECT leaf_hash FROM ledger.events WHERE index >= %s AND index < %s ORDER BY index;
