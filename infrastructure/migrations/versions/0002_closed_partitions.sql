-- The partitions that no event can come to any more, and whether all of their rows are frozen: what
-- PostgreSQL must have done before two thousand million transactions are over, and what is cheapest
-- to do once, when a partition has closed.
--
-- Nothing but the catalogue is asked. All rows before `relfrozenxid` are frozen, and the last row of
-- a closed partition is its youngest. An age below zero is that of a row so old that the numbers of
-- transactions have gone round since, which only a frozen one outlives. (A bulk order that is taken
-- up again much later puts a line beside its first one: `order_lines` may get a row after this.)
CREATE FUNCTION ledger.closed_partitions()
RETURNS TABLE (part regclass, frozen boolean, urged boolean, age integer)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    found_row record;
    written integer;
BEGIN
    FOR found_row IN
        SELECT c.oid, k.key, c.reloptions,
            greatest(age(c.relfrozenxid), (
                SELECT age(t.relfrozenxid) FROM pg_class t
                WHERE t.oid = c.reltoastrelid AND pg_relation_size(t.oid) > 0
            )) AS age
        FROM (VALUES
            ('ledger.events'::regclass, 'index'), ('ledger.orders', 'first_index'),
            ('ledger.order_lines', 'first_index'), ('vault.sealed', 'index')
        ) AS k (parent, key)
        JOIN pg_inherits i ON i.inhparent = k.parent
        JOIN pg_class c ON c.oid = i.inhrelid
        CROSS JOIN ledger.settings s CROSS JOIN ledger.head h
        WHERE (substring(c.relname FROM '[0-9]+$')::bigint + 1) * s.partition_size <= h.size
        ORDER BY substring(c.relname FROM '[0-9]+$')::bigint, c.relname
    LOOP
        EXECUTE format(
            'SELECT age(xmin) FROM %s ORDER BY %I DESC LIMIT 1',
            found_row.oid::regclass, found_row.key
        ) INTO written;
        part := found_row.oid;
        frozen := coalesce(written < 0 OR written > found_row.age, true);
        urged := EXISTS (
            SELECT FROM unnest(found_row.reloptions) AS o (text)
            WHERE o.text LIKE 'autovacuum_freeze_max_age=%'
        );
        age := found_row.age;
        RETURN NEXT;
    END LOOP;
END $$;

-- Has autovacuum freeze what has closed, once: the next visit is due after a single row, goes over
-- all pages, and comes after 100,000 transactions also where a crash has lost the count of rows.
-- Where all is frozen that haste ends. None of it is a lock that an append or a reader minds; where
-- a vacuum is at work already, the next call finds what it has done.
CREATE FUNCTION ledger.freeze_closed() RETURNS SETOF regclass
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '100ms' AS $$
DECLARE
    found_row record;
BEGIN
    FOR found_row IN SELECT * FROM ledger.closed_partitions() c WHERE c.frozen = c.urged LOOP
        BEGIN
            IF found_row.frozen THEN
                EXECUTE format(
                    'ALTER TABLE %s RESET ('
                    'autovacuum_freeze_max_age, toast.autovacuum_freeze_max_age)',
                    found_row.part
                );
            ELSE
                EXECUTE format(
                    'ALTER TABLE %s SET ('
                    'autovacuum_vacuum_insert_threshold = 0,'
                    'autovacuum_freeze_table_age = 0,'
                    'autovacuum_freeze_max_age = 100000,'
                    'toast.autovacuum_vacuum_insert_threshold = 0,'
                    'toast.autovacuum_freeze_table_age = 0,'
                    'toast.autovacuum_freeze_max_age = 100000)',
                    found_row.part
                );
            END IF;
            RETURN NEXT found_row.part;
        EXCEPTION WHEN lock_not_available THEN
            NULL;
        END;
    END LOOP;
END $$;

REVOKE ALL ON FUNCTION ledger.closed_partitions() FROM PUBLIC;
REVOKE ALL ON FUNCTION ledger.freeze_closed() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ledger.closed_partitions() TO sijill_service;
GRANT EXECUTE ON FUNCTION ledger.freeze_closed() TO sijill_keeper;
