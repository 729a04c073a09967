-- What the doctor asks the catalogue; as any login may.

-- name: roles
-- What each of our roles could do beyond what was granted to it on tables and functions.
SELECT r.rolname AS role,
    array_remove(ARRAY[
        CASE WHEN r.rolcanlogin THEN 'LOGIN' END,
        CASE WHEN r.rolsuper THEN 'SUPERUSER' END,
        CASE WHEN r.rolcreaterole THEN 'CREATEROLE' END,
        CASE WHEN r.rolcreatedb THEN 'CREATEDB' END,
        CASE WHEN r.rolreplication THEN 'REPLICATION' END,
        CASE WHEN r.rolbypassrls THEN 'BYPASSRLS' END
    ], NULL) AS powers,
    ARRAY(
        SELECT g.rolname::text FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid
        WHERE m.member = r.oid ORDER BY 1
    ) AS member_of
FROM pg_roles r WHERE r.rolname = ANY (%(roles)s) ORDER BY r.rolname;

-- name: tables
SELECT n.nspname || '.' || c.relname AS name, c.relispartition AS part,
    coalesce(pn.nspname || '.' || p.relname, n.nspname || '.' || c.relname) AS whole
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_inherits i ON i.inhrelid = c.oid
LEFT JOIN pg_class p ON p.oid = i.inhparent
LEFT JOIN pg_namespace pn ON pn.oid = p.relnamespace
WHERE n.nspname = ANY (%(schemas)s) AND c.relkind IN ('r', 'p')
ORDER BY name;

-- name: grants
-- Whatever anybody but the owner may do to a table or to one of its columns.
SELECT DISTINCT coalesce(g.rolname, 'PUBLIC') AS role, a.privilege_type AS privilege,
    n.nspname || '.' || c.relname AS object, c.relispartition AS part
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
CROSS JOIN LATERAL (
    SELECT * FROM aclexplode(coalesce(c.relacl, acldefault('r', c.relowner)))
    UNION ALL
    SELECT e.* FROM pg_attribute t CROSS JOIN LATERAL aclexplode(t.attacl) e
    WHERE t.attrelid = c.oid AND t.attacl IS NOT NULL
) a
LEFT JOIN pg_roles g ON g.oid = a.grantee
WHERE n.nspname = ANY (%(schemas)s) AND c.relkind IN ('r', 'p') AND a.grantee <> c.relowner
ORDER BY 1, 2, 3;

-- name: calls
SELECT coalesce(g.rolname, 'PUBLIC') AS role, n.nspname || '.' || p.proname AS name,
    p.oid::regprocedure::text AS object
FROM pg_proc p
JOIN pg_namespace n ON n.oid = p.pronamespace
CROSS JOIN LATERAL aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
LEFT JOIN pg_roles g ON g.oid = a.grantee
WHERE n.nspname = ANY (%(schemas)s) AND a.grantee <> p.proowner
ORDER BY 1, 2;

-- name: foreign_owners
SELECT 'TABLE' AS kind, c.oid::regclass::text AS object, r.rolname AS owner
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_roles r ON r.oid = c.relowner
WHERE n.nspname = ANY (%(schemas)s) AND c.relkind IN ('r', 'p') AND r.rolname <> %(owner)s
UNION ALL
SELECT 'FUNCTION', p.oid::regprocedure::text, r.rolname
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace JOIN pg_roles r ON r.oid = p.proowner
WHERE n.nspname = ANY (%(schemas)s) AND r.rolname <> %(owner)s
ORDER BY 1, 2;

-- name: triggers
-- Those that fire also in a session that calls itself a replica.
SELECT n.nspname || '.' || c.relname AS name, t.tgname AS trigger
FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = ANY (%(schemas)s) AND NOT t.tgisinternal AND t.tgenabled = 'A';

-- name: procedure
SELECT p.prosrc, p.prosecdef FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE n.nspname = 'ledger' AND p.proname = 'append';

-- name: settings
SELECT name, setting FROM pg_settings WHERE name IN (
    'fsync', 'full_page_writes', 'synchronous_commit', 'synchronous_standby_names', 'autovacuum',
    'autovacuum_freeze_max_age', 'max_wal_size'
);

-- name: moment
SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS clock, time AS head_time
FROM ledger.head;

-- name: oldest_table
SELECT c.oid::regclass::text AS name, age(c.relfrozenxid) AS age
FROM pg_class c WHERE c.relkind IN ('r', 'm', 't') ORDER BY age(c.relfrozenxid) DESC LIMIT 1;

-- name: closed_partitions
SELECT part::text AS name, frozen, age FROM ledger.closed_partitions();

-- name: bytes
SELECT pg_database_size(current_database()) / greatest(size, 1) AS bytes_per_event, size
FROM ledger.head;

-- name: end_of
-- The end of a log as a standby has it, beside whether it holds an event that the primary has.
SELECT h.size, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS clock,
    (SELECT e.leaf_hash FROM ledger.events e WHERE e.index = h.size - 1) AS leaf_hash
FROM ledger.head h;

-- name: hash_at
SELECT leaf_hash FROM ledger.events WHERE index = %(index)s;

-- name: newest_objects
-- The first object of each of the newest attachments that are not over: the newest of those in the
-- last pages, where rows are added. No index is by time, and all of them may be millions.
SELECT c.name
FROM (
    SELECT id FROM vault.attachments
    WHERE NOT dropped AND ctid >= (
        SELECT format('(%%s,0)', greatest(0, pages - %(pages)s))::tid
        FROM (
            SELECT pg_relation_size('vault.attachments') / current_setting('block_size')::bigint
        ) size (pages)
    )
    ORDER BY created DESC LIMIT %(limit)s
) a
CROSS JOIN LATERAL (
    SELECT k.name FROM vault.attachment_chunks k WHERE k.attachment = a.id
    ORDER BY k.number LIMIT 1
) c;
