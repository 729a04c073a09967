-- Pending orders: orders that wait, outside the log, for further signatures.

-- name: insert
INSERT INTO ledger.pending (id, agency, asked, idempotency_key, request_digest, act, method, path,
    codes, root, lines, atomic, content_type, sealed_body, created, not_after)
VALUES (%(id)s, %(agency)s, %(asked)s, %(idempotency_key)s, %(request_digest)s, %(act)s, %(method)s, %(path)s,
    %(codes)s, %(root)s, %(lines)s, %(atomic)s, %(content_type)s, %(sealed_body)s, %(created)s, %(not_after)s)
ON CONFLICT (agency, idempotency_key) DO NOTHING

-- name: lock_agency
SELECT pg_advisory_xact_lock(hashtextextended('sijill pending ' || %(agency)s, 0))

-- name: taken
SELECT count(*) AS orders, coalesce(sum(octet_length(sealed_body)), 0)::bigint AS size_bytes
FROM ledger.pending WHERE agency = %(agency)s AND state = 'open'

-- name: insert_key
INSERT INTO vault_keys.pending (id, wrapped) VALUES (%(id)s, %(wrapped)s)

-- name: forget_key
DELETE FROM vault_keys.pending WHERE id = %(id)s

-- name: insert_signature
INSERT INTO ledger.pending_signatures (id, position, base, sig, keyid, tag, agency,
    idempotency_key, created, expires)
SELECT p.id, %(position)s, %(base)s, %(sig)s, %(keyid)s, %(tag)s, %(agency)s, %(idempotency_key)s,
    %(created)s, %(expires)s
FROM ledger.pending p WHERE p.id = %(id)s AND p.state = 'open' FOR SHARE
ON CONFLICT DO NOTHING

-- name: find
SELECT p.id, p.agency, p.asked, p.idempotency_key, p.request_digest, p.act, p.method, p.path,
    p.codes, p.root, p.lines, p.atomic, p.content_type, p.sealed_body, p.created, p.not_after, p.state, p.reason,
    p.first_index, k.wrapped
FROM ledger.pending p LEFT JOIN vault_keys.pending k ON k.id = p.id
WHERE p.id = %(id)s

-- name: outline
SELECT p.agency, p.asked, octet_length(p.sealed_body) AS size_bytes
FROM ledger.pending p WHERE p.id = %(id)s

-- name: find_by_key
SELECT p.id FROM ledger.pending p
WHERE p.agency = %(agency)s AND p.idempotency_key = %(idempotency_key)s

-- name: find_by_root
SELECT p.id FROM ledger.pending p
WHERE p.root = %(root)s AND p.path = %(path)s
    AND (p.state = 'appended' OR p.state = 'open' AND p.not_after >= %(now)s)
ORDER BY p.state = 'open' DESC, p.id DESC LIMIT 1

-- name: signatures
SELECT base, sig, keyid, tag, agency, idempotency_key, created, expires
FROM ledger.pending_signatures WHERE id = %(id)s ORDER BY position

-- name: close
UPDATE ledger.pending SET state = 'appended', first_index = %(first_index)s, sealed_body = ''
WHERE id = %(id)s AND state IN ('open', 'expired')

-- name: refuse
SELECT ledger.refuse_pending(%(id)s, %(reason)s) AS state

-- name: close_erased
SELECT ledger.close_erased()

-- name: expire
-- What the log has is recorded: its worker may have lost power before it closed the order.
WITH over AS (
    SELECT p.id, k.first_index
    FROM ledger.pending p
    LEFT JOIN ledger.order_keys k ON k.agency = p.agency
        AND k.idempotency_key = p.idempotency_key AND k.request_digest = p.request_digest
    WHERE p.state = 'open' AND p.not_after < %(now)s
), closed AS (
    UPDATE ledger.pending p
    SET state = CASE WHEN o.first_index IS NULL THEN 'expired' ELSE 'appended' END,
        first_index = o.first_index,
        sealed_body = ''
    FROM over o
    WHERE p.id = o.id AND p.state = 'open'
    RETURNING p.id
)
DELETE FROM vault_keys.pending WHERE id IN (SELECT id FROM closed)

-- name: listed
SELECT p.id, p.agency, p.act, p.path, p.lines, p.created, p.not_after, p.state, p.reason,
    p.first_index
FROM ledger.pending p
WHERE (%(state)s::text IS NULL OR p.state = %(state)s)
    AND (%(after)s::uuid IS NULL OR p.id < %(after)s)
    AND (%(everything)s OR p.agency = %(agency)s OR p.asked @> ARRAY[%(agency)s::text])
ORDER BY p.id DESC LIMIT %(limit)s
