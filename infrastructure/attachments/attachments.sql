-- Statements about attachments, by name; parameters are psycopg's.

-- name: lock_agency
SELECT pg_advisory_xact_lock(hashtextextended('sijill uploads ' || %(agency)s, 0));

-- name: lock_upload
SELECT pg_advisory_xact_lock(hashtextextended('sijill chunks ' || %(id)s::text, 0));

-- name: open_bytes
-- A small one counts for more than it holds: its rows take room as well.
SELECT coalesce(sum(greatest(a.size, %(least)s)), 0)::bigint AS size
FROM vault_keys.uploads k JOIN vault.attachments a ON a.id = k.id
WHERE a.agency = %(agency)s;

-- name: insert
INSERT INTO vault.attachments (id, agency, size, digest, created, expires)
VALUES (%(id)s, %(agency)s, %(size)s, %(digest)s, %(created)s, %(expires)s)
ON CONFLICT (id) DO NOTHING;

-- name: insert_key
INSERT INTO vault_keys.uploads (id, wrapped) VALUES (%(id)s, %(wrapped)s);

-- name: find
SELECT a.id, a.agency, a.size, a.digest, a.created, a.expires, a.address, a.dropped,
    k.wrapped AS draft_key, c.stream, c.index, r.claim, r.wrapped AS record_wrapped
FROM vault.attachments a
LEFT JOIN vault_keys.uploads k ON k.id = a.id
LEFT JOIN ledger.claims c ON c.space = 'attachment' AND c.key = encode(a.address, 'hex')
LEFT JOIN vault.attachment_keys r ON r.attachment = a.id AND r.stream = c.stream
WHERE a.id = %(id)s
ORDER BY r.claim LIMIT 1;

-- name: of_stream
SELECT a.id, a.agency, a.size, a.digest, a.created, a.expires, a.address, a.dropped,
    NULL::bytea AS draft_key, c.stream, c.index, r.claim, r.wrapped AS record_wrapped
FROM vault.attachment_keys r
JOIN vault.attachments a ON a.id = r.attachment
JOIN ledger.claims c ON c.space = 'attachment' AND c.key = encode(a.address, 'hex')
    AND c.stream = r.stream
WHERE r.stream = %(stream)s
ORDER BY c.index, r.claim, a.id LIMIT %(limit)s;

-- name: chunks
SELECT number, name FROM vault.attachment_chunks WHERE attachment = %(id)s ORDER BY number;

-- name: chunk
SELECT name FROM vault.attachment_chunks WHERE attachment = %(id)s AND number = %(number)s;

-- name: put_chunk
SELECT ledger.put_chunk(%(id)s, %(number)s, %(name)s) AS open;

-- name: unnamed
SELECT listed.name FROM unnest(%(names)s::bytea[]) AS listed (name)
WHERE NOT EXISTS (SELECT FROM vault.attachment_chunks c WHERE c.name = listed.name);

-- name: complete
SELECT ledger.complete_upload(%(id)s, %(names)s, %(address)s) AS done;

-- name: ready
SELECT a.id, a.address, k.wrapped
FROM vault.attachments a JOIN vault_keys.uploads k ON k.id = a.id
WHERE a.digest = %(digest)s AND a.agency = %(agency)s AND a.address IS NOT NULL
    AND a.expires > %(until)s AND NOT a.dropped AND NOT EXISTS (
        SELECT FROM ledger.claims c
        WHERE c.space = 'attachment' AND c.key = encode(a.address, 'hex')
    )
ORDER BY a.created, a.id;

-- name: offer
INSERT INTO vault.attachment_keys (attachment, stream, claim, wrapped)
VALUES (%(id)s, %(stream)s, %(claim)s, %(wrapped)s)
ON CONFLICT (attachment, stream, claim) DO NOTHING;

-- name: drop
SELECT ledger.drop_uploads(%(now)s, %(wanted)s) AS id;

-- name: forget
SELECT ledger.forget_upload(%(id)s);

-- name: bound
-- What was let go before a record had it holds its claim at no index.
SELECT c.index, c.stream, c.key, a.id, a.size, r.claim, r.wrapped AS record_wrapped,
    EXISTS (SELECT FROM vault.erasures e WHERE e.stream = c.stream) AS erased
FROM ledger.claims c
LEFT JOIN vault.attachments a ON a.address = decode(c.key, 'hex')
LEFT JOIN vault.attachment_keys r ON r.attachment = a.id AND r.stream = c.stream
WHERE c.space = 'attachment' AND c.index >= 0 AND (c.index, c.key) > (%(index)s, %(key)s)
ORDER BY c.index, c.key LIMIT %(limit)s;
