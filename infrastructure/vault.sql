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
