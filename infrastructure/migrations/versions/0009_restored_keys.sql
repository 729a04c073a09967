-- Keys are backed up apart from all else, if at all: what a restore brought back of them, and an
-- erasure or the end of an order has destroyed, goes again. Harmless when repeated.
CREATE OR REPLACE FUNCTION ledger.apply_erasures() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    DELETE FROM vault_keys.records k USING vault.erasures e WHERE k.stream = e.stream;
    DELETE FROM vault.lookups l USING vault.erasures e WHERE l.stream = e.stream;
    -- The body of a closed order is gone from here, but not from an older dump. An order and its
    -- key are stored in one transaction: the key of one that arrives at this moment is not seen.
    DELETE FROM vault_keys.pending k WHERE NOT EXISTS (
        SELECT FROM ledger.pending p WHERE p.id = k.id AND p.state = 'open'
    );
END $$;
