-- Statements of the vault, by name; parameters are psycopg's.

-- name: record_key
SELECT (SELECT wrapped FROM vault_keys.records WHERE stream = %(stream)s),
    EXISTS (SELECT FROM vault.erasures WHERE stream = %(stream)s);

-- name: sealed_line
SELECT stream, sealed FROM vault.sealed WHERE index = %s;

-- name: lookup
SELECT stream FROM vault.lookups WHERE space = %s AND hmac = %s ORDER BY index;

-- name: apply_erasures
SELECT ledger.apply_erasures();

-- name: some_record_key
SELECT wrapped FROM vault_keys.records LIMIT 1;

-- name: kept
-- Beside every event, what the vault holds of it and of its record. An erasure counts only by the
-- event that ordered it: the row alone is the operator's word.
SELECT e.index, e.stream, e.type = ANY (%(erasing)s), e.body, v.stream, v.sealed, k.wrapped,
    x.index
FROM ledger.events e
LEFT JOIN vault.sealed v ON v.index = e.index
LEFT JOIN vault_keys.records k ON k.stream = e.stream
LEFT JOIN vault.erasures r ON r.stream = e.stream
LEFT JOIN ledger.events x ON x.index = r.index AND x.stream = r.stream AND x.type = ANY (%(erasing)s)
WHERE e.index >= %(start)s
ORDER BY e.index;

-- name: unordered_erasures
SELECT r.index, r.stream FROM vault.erasures r
LEFT JOIN ledger.events x ON x.index = r.index AND x.stream = r.stream AND x.type = ANY (%(erasing)s)
WHERE x.index IS NULL
ORDER BY r.index, r.stream;
