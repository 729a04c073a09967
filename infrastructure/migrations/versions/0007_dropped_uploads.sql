-- An order is made ready outside the lock of the log: it may have found an upload that is let go
-- before its append. So whoever lets an upload go takes its claim, at no index and for no record:
-- the append is then refused and looks for another upload, and no record ever has bytes that went.
CREATE OR REPLACE FUNCTION ledger.drop_uploads(now bigint, wanted uuid DEFAULT NULL)
RETURNS SETOF uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- What a record has needs the upload's own key no more.
    DELETE FROM vault_keys.uploads k USING vault.attachments a, ledger.claims c
    WHERE a.id = k.id AND c.space = 'attachment' AND c.key = encode(a.address, 'hex')
        AND c.index >= 0;
    IF EXISTS (
        SELECT FROM vault_keys.uploads k JOIN vault.attachments a ON a.id = k.id
        WHERE a.expires < now OR a.id = wanted
    ) THEN
        -- Under the lock of the log: an append that takes an upload comes before this, or after.
        PERFORM pg_advisory_xact_lock(1397377356, 1);
        WITH chosen AS (
            -- So many at a time: while they go, nobody appends. The next call goes on.
            SELECT k.id FROM vault_keys.uploads k JOIN vault.attachments a ON a.id = k.id
            WHERE a.expires < now OR a.id = wanted
            ORDER BY a.id IS NOT DISTINCT FROM wanted DESC, a.expires
            LIMIT 500
        ), ended AS (
            -- The row as it is when it is changed: it may have been completed a moment ago.
            UPDATE vault.attachments a SET dropped = true
            FROM chosen o
            WHERE o.id = a.id AND (a.expires < now OR a.id = wanted) AND NOT EXISTS (
                SELECT FROM ledger.claims c
                WHERE c.space = 'attachment' AND c.key = encode(a.address, 'hex')
            )
            RETURNING a.id, a.address
        ), keyless AS (
            DELETE FROM vault_keys.uploads k USING ended e WHERE k.id = e.id
        )
        INSERT INTO ledger.claims (space, key, stream, index)
        SELECT 'attachment', encode(e.address, 'hex'), '00000000-0000-0000-0000-000000000000', -1
        FROM ended e WHERE e.address IS NOT NULL;
    END IF;
    UPDATE vault.attachments a SET dropped = true
    FROM vault.erasures e
    JOIN vault.attachment_keys k ON k.stream = e.stream
    JOIN ledger.claims c ON c.space = 'attachment' AND c.stream = k.stream
    WHERE a.id = k.attachment AND c.key = encode(a.address, 'hex') AND NOT a.dropped;
    RETURN QUERY SELECT a.id FROM vault.attachments a WHERE a.dropped;
END $$;
