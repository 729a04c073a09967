-- What a superuser can do to a ledger's rows. Nothing in the database refuses it: that is the drill.

-- name: tables
SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname IN ('ledger', 'read', 'vault', 'vault_keys') AND c.relkind IN ('r', 'p')
ORDER BY 1;

-- name: events
SELECT index, time, version, order_index, stream, header_digest, body_digest, header_salt,
    body_salt, type, agency, header, body
FROM ledger.events ORDER BY index;

-- name: orders
SELECT first_index, lines, agency, idempotency_key, evidence, statement_digests
FROM ledger.orders ORDER BY first_index;

-- name: forget_events
DELETE FROM ledger.events;

-- name: forget_streams
DELETE FROM ledger.streams;

-- name: forget_orders
DELETE FROM ledger.orders;

-- name: put_event
INSERT INTO ledger.events (index, time, version, order_index, stream, leaf_hash, header_digest,
    body_digest, header_salt, body_salt, type, agency, header, body)
VALUES (%(index)s, %(time)s, %(version)s, %(order_index)s, %(stream)s, %(leaf_hash)s,
    %(header_digest)s, %(body_digest)s, %(header_salt)s, %(body_salt)s, %(type)s, %(agency)s,
    %(header)s, %(body)s);

-- name: put_stream
INSERT INTO ledger.streams (stream, version, index)
VALUES (%(stream)s, %(version)s, %(index)s) ON CONFLICT DO NOTHING;

-- name: put_order
INSERT INTO ledger.orders (first_index, lines, agency, idempotency_key, evidence, statement_digests)
VALUES (%(first_index)s, %(lines)s, %(agency)s, %(idempotency_key)s, %(evidence)s,
    %(statement_digests)s);

-- name: move_head
UPDATE ledger.head SET size = %(size)s, time = %(time)s, leaf_hash = %(leaf_hash)s;

-- name: flip_body
UPDATE ledger.events SET body = set_byte(body, 40, get_byte(body, 40) # 1) WHERE index = %s;

-- name: forget_checkpoints
DELETE FROM ledger.checkpoints;

-- name: put_checkpoint
INSERT INTO ledger.checkpoints (size, root, note, time) VALUES (%s, %s, %s, %s);

-- name: edit_projection
UPDATE read.certificates SET state = 'in_force', reason = NULL
WHERE state = 'revoked' AND until_index IS NULL;

-- name: put_sealed
UPDATE vault.sealed SET sealed = %(sealed)s WHERE index = %(index)s;

-- name: destroy_key
DELETE FROM vault_keys.records WHERE stream = %s;

-- name: note_erasure
INSERT INTO vault.erasures (stream, index) VALUES (%s, %s);
