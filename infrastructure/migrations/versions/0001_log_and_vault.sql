-- The log, the vault and what the service keeps beside them. This runs as sijill_owner, which then
-- owns everything here and which nobody can log in as, so that no connection string in use may
-- change a recorded row. No extension is needed, and nothing here is newer than PostgreSQL 15.

CREATE SCHEMA ledger;
CREATE SCHEMA vault;
-- Record keys stand alone so that a logical backup can leave them out in one option.
CREATE SCHEMA vault_keys;

-- Fixed when the ledger is created. The partition size is a row and not a constant so that the
-- tests can cross a boundary without sixteen million events.
CREATE TABLE ledger.settings (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    partition_size bigint NOT NULL CHECK (partition_size > 0)
);
INSERT INTO ledger.settings (partition_size)
VALUES (coalesce(nullif(current_setting('sijill.partition_size', true), '')::bigint, 1 << 24));

-- The only row that changes with every batch: mostly empty pages let the update stay in its page.
CREATE TABLE ledger.head (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    size bigint NOT NULL CHECK (size >= 0),
    time bigint NOT NULL,
    leaf_hash bytea NOT NULL CHECK (octet_length(leaf_hash) = 32)
) WITH (fillfactor = 10);
INSERT INTO ledger.head (size, time, leaf_hash) VALUES (0, 0, decode(repeat('00', 32), 'hex'));

CREATE TABLE ledger.events (
    index bigint PRIMARY KEY CHECK (index >= 0),
    time bigint NOT NULL,
    version bigint NOT NULL CHECK (version > 0),
    order_index bigint NOT NULL CHECK (order_index <= index),
    stream uuid NOT NULL,
    leaf_hash bytea NOT NULL,
    header_digest bytea NOT NULL,
    body_digest bytea NOT NULL,
    header_salt bytea NOT NULL CHECK (octet_length(header_salt) = 16),
    body_salt bytea NOT NULL CHECK (octet_length(body_salt) = 16),
    type text COLLATE "C" NOT NULL,
    agency text COLLATE "C" NOT NULL,
    header bytea NOT NULL,
    body bytea NOT NULL
) PARTITION BY RANGE (index);

-- A unique key over (stream, version) cannot live in a table that is split by index.
CREATE TABLE ledger.streams (
    stream uuid NOT NULL,
    version bigint NOT NULL CHECK (version > 0),
    index bigint NOT NULL,
    PRIMARY KEY (stream, version)
) PARTITION BY HASH (stream);

-- Orders are known by the index of their first event; their evidence stands here once, however
-- many lines they have.
CREATE TABLE ledger.orders (
    first_index bigint PRIMARY KEY,
    lines integer NOT NULL CHECK (lines > 0),
    agency text COLLATE "C" NOT NULL,
    idempotency_key text COLLATE "C" NOT NULL,
    evidence bytea NOT NULL,
    statement_digests bytea NOT NULL CHECK (octet_length(statement_digests) = 32 * lines)
) PARTITION BY RANGE (first_index);

-- Idempotency keys never expire, so their unique key spans all partitions of the orders.
CREATE TABLE ledger.order_keys (
    agency text COLLATE "C" NOT NULL,
    idempotency_key text COLLATE "C" NOT NULL,
    request_digest bytea NOT NULL CHECK (octet_length(request_digest) = 32),
    first_index bigint NOT NULL,
    PRIMARY KEY (agency, idempotency_key)
) PARTITION BY HASH (agency, idempotency_key);

CREATE TABLE ledger.order_lines (
    first_index bigint NOT NULL,
    line integer NOT NULL CHECK (line >= 0),
    index bigint NOT NULL,
    PRIMARY KEY (first_index, line)
) PARTITION BY RANGE (first_index);

CREATE TABLE ledger.claims (
    space text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL,
    stream uuid NOT NULL,
    index bigint NOT NULL,
    PRIMARY KEY (space, key)
) PARTITION BY HASH (space, key);

CREATE TABLE vault.sealed (
    index bigint PRIMARY KEY,
    stream uuid NOT NULL,
    sealed bytea NOT NULL
) PARTITION BY RANGE (index);

CREATE TABLE vault.lookups (
    space text COLLATE "C" NOT NULL,
    hmac bytea NOT NULL CHECK (octet_length(hmac) = 32),
    stream uuid NOT NULL,
    index bigint NOT NULL,
    PRIMARY KEY (space, hmac, index)
) PARTITION BY HASH (space, hmac);
CREATE INDEX lookups_by_stream ON vault.lookups (stream);

-- Tells a key that was destroyed from a key that a restored backup did not bring along.
CREATE TABLE vault.erasures (
    stream uuid PRIMARY KEY,
    index bigint NOT NULL
);

CREATE TABLE vault_keys.records (
    stream uuid PRIMARY KEY,
    wrapped bytea NOT NULL
);

DO $$
DECLARE
    parent text;
    part integer;
BEGIN
    FOREACH parent IN ARRAY ARRAY[
        'ledger.streams', 'ledger.order_keys', 'ledger.claims', 'vault.lookups'
    ] LOOP
        FOR part IN 0..15 LOOP
            EXECUTE format(
                'CREATE TABLE %s_%s PARTITION OF %s FOR VALUES WITH (MODULUS 16, REMAINDER %s)',
                parent, part, parent, part
            );
        END LOOP;
    END LOOP;
END $$;

CREATE FUNCTION ledger.refuse_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION '% on %.% refused: recorded is final', tg_op, tg_table_schema, tg_table_name
        USING ERRCODE = 'SJ002';
END $$;

-- Statement triggers fire only for the table that a statement names, hence for each partition too.
-- ENABLE ALWAYS: a session that calls itself a replica skips ordinary triggers.
CREATE FUNCTION ledger.protect(target regclass, own_hand_may boolean) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    EXECUTE format(
        'CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE ON %s FOR EACH STATEMENT %s'
        ' EXECUTE FUNCTION ledger.refuse_change()',
        target,
        CASE WHEN own_hand_may THEN $when$ WHEN (current_user <> 'sijill_owner') $when$ ELSE '' END
    );
    EXECUTE format(
        'CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON %s FOR EACH STATEMENT'
        ' EXECUTE FUNCTION ledger.refuse_change()',
        target
    );
    EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER refuse_change', target);
    EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER refuse_truncate', target);
END $$;
REVOKE ALL ON FUNCTION ledger.protect(regclass, boolean) FROM PUBLIC;

-- Claims, look-ups and record keys are deleted, and the head is moved, by the append function
-- alone: it runs as sijill_owner, and nobody else can.
SELECT ledger.protect(c.oid, (n.nspname, coalesce(p.relname, c.relname)) IN (
    ('ledger', 'head'), ('ledger', 'claims'), ('vault', 'lookups'), ('vault_keys', 'records')
))
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_inherits i ON i.inhrelid = c.oid
LEFT JOIN pg_class p ON p.oid = i.inhparent
WHERE n.nspname IN ('ledger', 'vault', 'vault_keys') AND c.relkind IN ('r', 'p');

-- Makes every partition up to `ahead` empty ones beyond the head and returns the first index that
-- has no place. A table is built apart and then attached, which asks the parent only for a lock
-- that inserts and reads do not mind, so an append never waits for this.
CREATE FUNCTION ledger.prepare_partitions(ahead integer DEFAULT 1) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    width bigint;
    part bigint;
    wanted bigint;
    parent text;
    child text;
BEGIN
    PERFORM pg_advisory_xact_lock(1397377356, 2);
    SELECT s.partition_size, h.size / s.partition_size + least(ahead, 16)
    INTO STRICT width, wanted
    FROM ledger.settings s CROSS JOIN ledger.head h;
    -- By the newest one's name and not by their count: old ones may leave for an archive.
    SELECT coalesce(max(substring(c.relname FROM '[0-9]+$')::bigint) + 1, 0) INTO part
    FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = 'ledger.events'::regclass;
    WHILE part <= wanted LOOP
        FOREACH parent IN ARRAY ARRAY[
            'ledger.orders', 'ledger.order_lines', 'vault.sealed', 'ledger.events'
        ] LOOP
            child := parent || '_' || part;
            -- Inserts alone trigger the vacuum here, and what it visits it freezes at once: a
            -- partition that has closed needs no second pass.
            EXECUTE format(
                'CREATE TABLE %s (LIKE %s INCLUDING ALL) WITH ('
                'autovacuum_freeze_min_age = 0, autovacuum_vacuum_insert_scale_factor = 0,'
                'autovacuum_vacuum_insert_threshold = 1000000,'
                'toast.autovacuum_freeze_min_age = 0,'
                'toast.autovacuum_vacuum_insert_scale_factor = 0,'
                'toast.autovacuum_vacuum_insert_threshold = 1000000)',
                child, parent
            );
            PERFORM ledger.protect(child::regclass, false);
            EXECUTE format(
                'ALTER TABLE %s ATTACH PARTITION %s FOR VALUES FROM (%s) TO (%s)',
                parent, child, part * width, (part + 1) * width
            );
        END LOOP;
        part := part + 1;
    END LOOP;
    RETURN part * width;
END $$;
REVOKE ALL ON FUNCTION ledger.prepare_partitions(integer) FROM PUBLIC;
SELECT ledger.prepare_partitions();

-- Record keys are backed up apart from the log, if at all: what a restore brought back of them and
-- the log has destroyed goes again. Harmless when repeated.
CREATE FUNCTION ledger.apply_erasures() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    DELETE FROM vault_keys.records k USING vault.erasures e WHERE k.stream = e.stream;
    DELETE FROM vault.lookups l USING vault.erasures e WHERE l.stream = e.stream;
END $$;

-- Orders that wait for countersignatures. They are no part of the log: they expire, and their
-- bodies go with their keys.
CREATE TABLE ledger.pending (
    id uuid PRIMARY KEY,
    agency text COLLATE "C" NOT NULL,
    -- The agencies that were asked to sign: whom the order concerns beside its own agency.
    asked text[] COLLATE "C" NOT NULL,
    idempotency_key text COLLATE "C" NOT NULL,
    request_digest bytea NOT NULL CHECK (octet_length(request_digest) = 32),
    act text COLLATE "C" NOT NULL,
    method text COLLATE "C" NOT NULL,
    path text COLLATE "C" NOT NULL,
    -- The certificates that its lines name: when one is erased, what was sent for it goes as well.
    codes text[] COLLATE "C" NOT NULL,
    root bytea NOT NULL CHECK (octet_length(root) = 32),
    lines integer NOT NULL CHECK (lines > 0),
    atomic boolean NOT NULL,
    content_type text COLLATE "C" NOT NULL,
    sealed_body bytea NOT NULL,
    created bigint NOT NULL,
    not_after bigint NOT NULL,
    state text COLLATE "C" NOT NULL DEFAULT 'open'
        CHECK (state IN ('open', 'appended', 'refused', 'expired')),
    reason text COLLATE "C",
    first_index bigint,
    CHECK ((state = 'appended') = (first_index IS NOT NULL)),
    UNIQUE (agency, idempotency_key)
);
CREATE INDEX pending_open ON ledger.pending (not_after) WHERE state = 'open';
CREATE INDEX pending_by_root ON ledger.pending (root);
CREATE INDEX pending_by_agency ON ledger.pending (agency, id);
CREATE INDEX pending_by_asked ON ledger.pending USING gin (asked);

CREATE TABLE ledger.pending_signatures (
    id uuid NOT NULL REFERENCES ledger.pending,
    position integer NOT NULL CHECK (position >= 0),
    base bytea NOT NULL,
    sig bytea NOT NULL CHECK (octet_length(sig) = 64),
    keyid text COLLATE "C" NOT NULL,
    tag text COLLATE "C" NOT NULL,
    agency text COLLATE "C" NOT NULL,
    idempotency_key text COLLATE "C" NOT NULL,
    created bigint NOT NULL,
    expires bigint NOT NULL,
    PRIMARY KEY (id, position),
    UNIQUE (id, keyid)
);

CREATE TABLE vault_keys.pending (
    id uuid PRIMARY KEY,
    wrapped bytea NOT NULL
);

-- Refuses an order that is not recorded yet, and says in which state that leaves it. Under the lock
-- of the log, so that a refusal and a recording come one after the other: `ledger.append` records
-- nothing that was refused, and what is recorded is not refused here.
CREATE FUNCTION ledger.refuse_pending(refused uuid, why text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(1397377356, 1);
    UPDATE ledger.pending p
    SET state = CASE WHEN k.first_index IS NULL THEN 'refused' ELSE 'appended' END,
        reason = CASE WHEN k.first_index IS NULL THEN why END,
        first_index = k.first_index,
        sealed_body = ''
    FROM ledger.pending o
    LEFT JOIN ledger.order_keys k ON k.agency = o.agency AND k.idempotency_key = o.idempotency_key
    WHERE p.id = refused AND o.id = refused AND p.state = 'open';
    DELETE FROM vault_keys.pending WHERE id = refused;
    RETURN (SELECT p.state FROM ledger.pending p WHERE p.id = refused);
END $$;

-- Closes the orders that name an erased certificate: the values that they bring would outlive it.
CREATE FUNCTION ledger.close_erased() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM ledger.refuse_pending(p.id, 'erased')
    FROM ledger.pending p
    WHERE p.state = 'open' AND EXISTS (
        SELECT FROM unnest(p.codes) AS n (code)
        JOIN ledger.claims c ON c.space = 'code' AND c.key = n.code
        JOIN vault.erasures e ON e.stream = c.stream
    );
END $$;

-- A row without a note is a durable intent: that root, and no other of its size, may be signed.
CREATE TABLE ledger.checkpoints (
    size bigint PRIMARY KEY CHECK (size >= 0),
    root bytea NOT NULL CHECK (octet_length(root) = 32),
    note bytea,
    time bigint
);

CREATE FUNCTION ledger.refuse_contradiction() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF new.size <> old.size OR new.root <> old.root
        OR new.note IS DISTINCT FROM coalesce(old.note, new.note)
        OR new.time IS DISTINCT FROM coalesce(old.time, new.time) THEN
        RAISE EXCEPTION 'checkpoint % is final', old.size USING ERRCODE = 'SJ002';
    END IF;
    RETURN new;
END $$;
CREATE TRIGGER refuse_contradiction BEFORE UPDATE ON ledger.checkpoints
    FOR EACH ROW EXECUTE FUNCTION ledger.refuse_contradiction();
CREATE TRIGGER refuse_delete BEFORE DELETE OR TRUNCATE ON ledger.checkpoints
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
ALTER TABLE ledger.checkpoints ENABLE ALWAYS TRIGGER refuse_contradiction;
ALTER TABLE ledger.checkpoints ENABLE ALWAYS TRIGGER refuse_delete;

-- One holder a name; the fence rises at every taking, and every write of a holder re-checks it.
CREATE TABLE ledger.lease (
    name text COLLATE "C" PRIMARY KEY,
    fence bigint NOT NULL CHECK (fence > 0),
    holder text NOT NULL,
    state text NOT NULL DEFAULT ''
) WITH (fillfactor = 10);

-- Who serves looks which release made the schema, without the login that installs.
GRANT USAGE ON SCHEMA migrations TO sijill_service;
GRANT SELECT ON migrations.alembic_version TO sijill_service;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA ledger FROM PUBLIC;
GRANT USAGE ON SCHEMA ledger, vault, vault_keys TO sijill_service;
GRANT USAGE ON SCHEMA ledger, vault TO sijill_keeper;
GRANT SELECT ON ALL TABLES IN SCHEMA ledger, vault TO sijill_service, sijill_keeper;
GRANT SELECT ON ALL TABLES IN SCHEMA vault_keys TO sijill_service;
GRANT INSERT, UPDATE ON ledger.pending TO sijill_service;
GRANT INSERT ON ledger.pending_signatures TO sijill_service;
GRANT INSERT, DELETE ON vault_keys.pending TO sijill_service;
GRANT INSERT (size, root, note, time), UPDATE (note, time) ON ledger.checkpoints TO sijill_keeper;
GRANT INSERT, UPDATE ON ledger.lease TO sijill_keeper;
GRANT EXECUTE ON FUNCTION ledger.prepare_partitions(integer) TO sijill_service, sijill_keeper;
GRANT EXECUTE ON FUNCTION ledger.apply_erasures() TO sijill_service;
GRANT EXECUTE ON FUNCTION ledger.refuse_pending(uuid, text) TO sijill_service;
GRANT EXECUTE ON FUNCTION ledger.close_erased() TO sijill_service;
-- Who serves looks whether the schema is its release's, and needs no right to change it.
GRANT USAGE ON SCHEMA migrations TO sijill_service;
GRANT SELECT ON migrations.alembic_version TO sijill_service;

-- Whatever the keeper builds as a read model, the service may read.
SET LOCAL ROLE sijill_keeper;
ALTER DEFAULT PRIVILEGES GRANT USAGE ON SCHEMAS TO sijill_service;
ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO sijill_service;
SET LOCAL ROLE sijill_owner;
