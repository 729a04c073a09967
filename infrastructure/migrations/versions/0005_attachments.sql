-- Attachments: files that stay outside the log. What binds one to a record is a claim,
-- ('attachment', its address in hex), which the append takes with everything else or not at all.
-- Until then it is an upload: it belongs to the agency that sent it, and it expires.

CREATE TABLE vault.attachments (
    id uuid PRIMARY KEY,
    agency text COLLATE "C" NOT NULL,
    size bigint NOT NULL CHECK (size > 0),
    -- HMAC of the file's digest: whoever has the database alone cannot try out documents.
    digest bytea NOT NULL CHECK (octet_length(digest) = 32),
    created bigint NOT NULL,
    expires bigint NOT NULL,
    -- Merkle root over its objects, once all of them are here and make the file.
    address bytea UNIQUE CHECK (octet_length(address) = 32),
    -- It is over: its objects are to be deleted, then its rows.
    dropped boolean NOT NULL DEFAULT false
);
CREATE INDEX attachments_by_digest ON vault.attachments (digest) WHERE address IS NOT NULL;
CREATE INDEX attachments_dropped ON vault.attachments (id) WHERE dropped;

CREATE TABLE vault.attachment_chunks (
    attachment uuid NOT NULL REFERENCES vault.attachments,
    number integer NOT NULL CHECK (number >= 0),
    name bytea NOT NULL CHECK (octet_length(name) = 32),
    PRIMARY KEY (attachment, number)
);

-- The file's key under the key of the record that names it. Written before the append: a row here
-- is worth nothing without the claim.
CREATE TABLE vault.attachment_keys (
    attachment uuid NOT NULL REFERENCES vault.attachments,
    stream uuid NOT NULL,
    claim text COLLATE "C" NOT NULL,
    wrapped bytea NOT NULL,
    PRIMARY KEY (attachment, stream, claim)
);
CREATE INDEX attachment_keys_by_stream ON vault.attachment_keys (stream);

-- The file's key while no record has it.
CREATE TABLE vault_keys.uploads (
    id uuid PRIMARY KEY REFERENCES vault.attachments,
    wrapped bytea NOT NULL
);

-- Notes where one chunk of an open upload lies; false where the upload is not open.
CREATE FUNCTION ledger.put_chunk(upload uuid, place integer, object bytea) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- With a lock on the row: nothing is changed once it is complete.
    PERFORM FROM vault.attachments a
    WHERE a.id = upload AND a.address IS NULL AND NOT a.dropped FOR UPDATE;
    IF NOT FOUND THEN RETURN false; END IF;
    INSERT INTO vault.attachment_chunks (attachment, number, name) VALUES (upload, place, object)
    ON CONFLICT (attachment, number) DO UPDATE SET name = excluded.name;
    RETURN true;
END $$;

-- Closes an upload whose chunks are the ones that were looked through; false where they are not.
CREATE FUNCTION ledger.complete_upload(upload uuid, names bytea[], root bytea) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM FROM vault.attachments a WHERE a.id = upload AND NOT a.dropped FOR UPDATE;
    IF NOT FOUND OR names IS DISTINCT FROM (
        SELECT array_agg(c.name ORDER BY c.number) FROM vault.attachment_chunks c
        WHERE c.attachment = upload
    ) THEN
        RETURN false;
    END IF;
    UPDATE vault.attachments a SET address = root WHERE a.id = upload AND a.address IS NULL;
    RETURN true;
END $$;

-- Ends what is over: uploads that no record has named in time, or that their agency drops, and
-- whatever belonged to an erased record. Their keys go at once, their objects when the caller has
-- deleted them. Tells all that wait for that.
CREATE FUNCTION ledger.drop_uploads(now bigint, wanted uuid DEFAULT NULL) RETURNS SETOF uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- What a record has needs the upload's own key no more.
    DELETE FROM vault_keys.uploads k USING vault.attachments a, ledger.claims c
    WHERE a.id = k.id AND c.space = 'attachment' AND c.key = encode(a.address, 'hex');
    IF EXISTS (
        SELECT FROM vault_keys.uploads k JOIN vault.attachments a ON a.id = k.id
        WHERE a.expires < now OR a.id = wanted
    ) THEN
        -- Under the lock of the log: an append that takes an upload comes before this, or after.
        PERFORM pg_advisory_xact_lock(1397377356, 1);
        WITH ended AS (
            DELETE FROM vault_keys.uploads k USING vault.attachments a
            WHERE a.id = k.id AND (a.expires < now OR a.id = wanted) AND NOT EXISTS (
                SELECT FROM ledger.claims c
                WHERE c.space = 'attachment' AND c.key = encode(a.address, 'hex')
            )
            RETURNING k.id
        )
        UPDATE vault.attachments a SET dropped = true FROM ended e WHERE a.id = e.id;
    END IF;
    UPDATE vault.attachments a SET dropped = true
    FROM vault.erasures e
    JOIN vault.attachment_keys k ON k.stream = e.stream
    JOIN ledger.claims c ON c.space = 'attachment' AND c.stream = k.stream
    WHERE a.id = k.attachment AND c.key = encode(a.address, 'hex') AND NOT a.dropped;
    RETURN QUERY SELECT a.id FROM vault.attachments a WHERE a.dropped;
END $$;

-- Forgets what was dropped and whose objects are gone.
CREATE FUNCTION ledger.forget_upload(upload uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM FROM vault.attachments a WHERE a.id = upload AND a.dropped FOR UPDATE;
    IF NOT FOUND THEN RETURN; END IF;
    DELETE FROM vault_keys.uploads k WHERE k.id = upload;
    DELETE FROM vault.attachment_keys k WHERE k.attachment = upload;
    DELETE FROM vault.attachment_chunks c WHERE c.attachment = upload;
    DELETE FROM vault.attachments a WHERE a.id = upload;
END $$;

REVOKE ALL ON FUNCTION ledger.put_chunk(uuid, integer, bytea) FROM PUBLIC;
REVOKE ALL ON FUNCTION ledger.complete_upload(uuid, bytea[], bytea) FROM PUBLIC;
REVOKE ALL ON FUNCTION ledger.drop_uploads(bigint, uuid) FROM PUBLIC;
REVOKE ALL ON FUNCTION ledger.forget_upload(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ledger.put_chunk(uuid, integer, bytea) TO sijill_service;
GRANT EXECUTE ON FUNCTION ledger.complete_upload(uuid, bytea[], bytea) TO sijill_service;
GRANT EXECUTE ON FUNCTION ledger.drop_uploads(bigint, uuid) TO sijill_service;
GRANT EXECUTE ON FUNCTION ledger.forget_upload(uuid) TO sijill_service;
GRANT SELECT ON vault.attachments, vault.attachment_chunks, vault.attachment_keys TO sijill_service, sijill_keeper;
GRANT SELECT ON vault_keys.uploads TO sijill_service;
GRANT INSERT ON vault.attachments, vault.attachment_keys, vault_keys.uploads TO sijill_service;
