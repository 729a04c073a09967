-- The only road into the log. Arguments are parallel arrays; an ordinal in one (request_order,
-- event_request …) counts from 1 and points into another. The caller is infrastructure/log/batch.py.
--
-- Everything is judged under one lock that lasts until commit, so commit order is index order and
-- a reader that has seen index N has seen all before it. No statement depends on the number of
-- requests: each check is one query over all of them that returns only what fails it.
CREATE OR REPLACE FUNCTION ledger.append(
    service_clock bigint,
    order_agency text[], order_key text[], order_digest bytea[], order_not_before bigint[],
    order_not_after bigint[], order_exempt boolean[], order_evidence bytea[],
    order_statements bytea[], order_lines integer[],
    request_order integer[],
    event_request integer[], event_stream uuid[], event_version bigint[], event_type text[],
    event_line integer[], event_header bytea[], event_header_salt bytea[], event_body bytea[],
    event_body_salt bytea[],
    sealed_event integer[], sealed_bytes bytea[],
    lookup_event integer[], lookup_space text[], lookup_hmac bytea[],
    guard_request integer[], guard_stream uuid[], guard_version bigint[],
    claim_event integer[], claim_kind integer[], claim_space text[], claim_key text[],
    claim_stream uuid[],
    record_event integer[], record_stream uuid[], record_wrapped bytea[],
    erase_event integer[], erase_stream uuid[],
    -- One entry a request: NULL is "appended", and what stands in the way of the others.
    OUT refusal text[], OUT detail text[],
    -- One entry an event of an appended or replayed request. `moment` is the time of all appended.
    OUT moment bigint, OUT event_index bigint[], OUT event_time bigint[], OUT event_hash bytea[]
)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
-- A plan made while the tables were empty stays in the session: these keep it right for ever.
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET jit = off
-- The arrays are unnested in memory instead of in temporary files.
SET work_mem = '64MB'
SET lock_timeout = '5s'
AS $$
#variable_conflict use_column
DECLARE
    -- Kinds of claim entries, as batch.py numbers them.
    claiming constant integer := 0;
    requiring_absence constant integer := 1;
    releasing constant integer := 2;
    tolerance constant bigint := 300000000;
    fault constant text := nullif(current_setting('sijill.fault', true), '');

    requests constant integer := cardinality(request_order);
    orders constant integer := cardinality(order_key);
    events constant integer := cardinality(event_request);
    -- Still neither refused, replayed nor deferred.
    live boolean[] := array_fill(true, ARRAY[requests]);
    deferred boolean[] := array_fill(false, ARRAY[requests]);
    order_refusal text[] := array_fill(NULL::text, ARRAY[orders]);
    order_first bigint[] := array_fill(NULL::bigint, ARRAY[orders]);
    order_known boolean[] := array_fill(false, ARRAY[orders]);
    order_judged boolean := false;
    replays boolean := false;
    several_lines boolean := false;

    clock bigint;
    next_index bigint;
    head_time bigint;
    previous bytea;
    leaf_hash bytea;
    found_row record;
    released boolean;
    claimed boolean;
    r integer;
    o integer;
    i integer;
    agencies text[] := order_agency;
    new_index bigint[] := array_fill(NULL::bigint, ARRAY[events]);
    new_order bigint[] := array_fill(NULL::bigint, ARRAY[events]);
    new_agency text[] := array_fill(NULL::text, ARRAY[events]);
    header_digests bytea[] := array_fill(NULL::bytea, ARRAY[events]);
    body_digests bytea[] := array_fill(NULL::bytea, ARRAY[events]);
BEGIN
    -- Under another isolation level the snapshot is older than the lock, and every check below
    -- would look at the log of a moment ago.
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'append runs in read committed transactions only' USING ERRCODE = 'SJ001';
    END IF;
    -- Inside the body and for the transaction: a setting of the function would be gone at commit.
    -- First back to what the server wants (it may want remote_apply), then never less than on.
    PERFORM set_config('synchronous_commit', NULL, true);
    IF current_setting('synchronous_commit') NOT IN ('on', 'remote_apply') THEN
        PERFORM set_config('synchronous_commit', 'on', true);
    END IF;
    IF fault IS NOT NULL THEN PERFORM ledger.fault('append.entered'); END IF;

    PERFORM pg_advisory_xact_lock(1397377356, 1);
    IF fault IS NOT NULL THEN PERFORM ledger.fault('append.locked'); END IF;

    SELECT h.size, h.time, h.leaf_hash INTO STRICT next_index, head_time, previous
    FROM ledger.head h;
    clock := (extract(epoch FROM clock_timestamp()) * 1000000)::bigint;
    moment := greatest(clock, head_time);
    refusal := array_fill(NULL::text, ARRAY[requests]);
    detail := array_fill(NULL::text, ARRAY[requests]);
    event_time := array_fill(NULL::bigint, ARRAY[events]);
    event_hash := array_fill(NULL::bytea, ARRAY[events]);
    -- An assignment to an element makes reading any element cheap from here on.
    agencies[1] := agencies[1];

    -- Two orders under one key: the later one waits, and then meets the earlier one's row.
    IF orders > 1 THEN
        FOR found_row IN
            SELECT array_agg(a.ordinal ORDER BY a.ordinal) AS ordinals
            FROM unnest(order_agency, order_key) WITH ORDINALITY AS a (agency, key, ordinal)
            GROUP BY a.agency, a.key
            HAVING count(*) > 1
        LOOP
            FOR i IN 2..cardinality(found_row.ordinals) LOOP
                order_refusal[found_row.ordinals[i]] := 'deferred';
                order_judged := true;
            END LOOP;
        END LOOP;
    END IF;

    FOR found_row IN
        SELECT a.ordinal,
            CASE
                WHEN NOT a.exempt AND (abs(clock - service_clock) > tolerance
                    OR head_time - service_clock > tolerance) THEN 'clock_unsafe'
                WHEN moment < a.not_before THEN 'order_in_future'
                ELSE 'order_expired'
            END AS code
        FROM unnest(order_not_before, order_not_after, order_exempt)
            WITH ORDINALITY AS a (not_before, not_after, exempt, ordinal)
        WHERE moment NOT BETWEEN a.not_before AND a.not_after
            OR (NOT a.exempt AND (abs(clock - service_clock) > tolerance
                OR head_time - service_clock > tolerance))
    LOOP
        order_refusal[found_row.ordinal] := coalesce(order_refusal[found_row.ordinal], found_row.code);
        order_judged := true;
    END LOOP;

    -- Whoever refused an order while it waited for signatures was told that it is closed for good.
    FOR found_row IN
        SELECT a.ordinal
        FROM unnest(order_agency, order_key) WITH ORDINALITY AS a (agency, key, ordinal)
        JOIN ledger.pending p ON p.agency = a.agency AND p.idempotency_key = a.key
        WHERE p.state = 'refused'
    LOOP
        order_refusal[found_row.ordinal] := 'order_closed';
        order_judged := true;
    END LOOP;

    -- What the log knows already overrides the verdicts above: an order that was recorded in time
    -- is answered in the same way for ever. Signed anew it is answered for the lines that are
    -- recorded, and records no more: its evidence is stored once, and all its headers commit to it.
    FOR found_row IN
        SELECT a.ordinal, k.first_index, k.request_digest = a.digest AS same,
            EXISTS (
                SELECT FROM ledger.orders x
                WHERE x.first_index = k.first_index AND x.evidence = a.evidence
            ) AS evident
        FROM unnest(order_agency, order_key, order_digest, order_evidence)
            WITH ORDINALITY AS a (agency, key, digest, evidence, ordinal)
        JOIN ledger.order_keys k ON k.agency = a.agency AND k.idempotency_key = a.key
    LOOP
        IF found_row.same THEN
            order_first[found_row.ordinal] := found_row.first_index;
            order_known[found_row.ordinal] := true;
            replays := true;
        END IF;
        IF NOT (found_row.same AND found_row.evident) THEN
            order_refusal[found_row.ordinal] := 'idempotency_key_reused';
            order_judged := true;
        END IF;
    END LOOP;
    IF fault IS NOT NULL THEN PERFORM ledger.fault('append.orders_checked'); END IF;

    IF replays THEN
        FOR found_row IN
            SELECT e.request, count(*) AS wanted, count(v.index) AS recorded,
                array_agg(e.ordinal) AS ordinals, array_agg(v.index) AS indexes,
                array_agg(v.time) AS times, array_agg(v.leaf_hash) AS hashes
            FROM unnest(event_request, event_line) WITH ORDINALITY AS e (request, line, ordinal)
            LEFT JOIN LATERAL (
                SELECT x.index, x.time, x.leaf_hash
                FROM ledger.events x
                WHERE x.index = CASE
                    WHEN order_lines[request_order[e.request]] = 1
                        THEN order_first[request_order[e.request]]
                    ELSE (
                        SELECT l.index FROM ledger.order_lines l
                        WHERE l.first_index = order_first[request_order[e.request]]
                            AND l.line = e.line
                    )
                END
                OFFSET 0
            ) v ON true
            WHERE order_known[request_order[e.request]]
            GROUP BY e.request
            HAVING count(v.index) > 0
        LOOP
            live[found_row.request] := false;
            IF found_row.recorded < found_row.wanted THEN
                -- Other lines belong together now than when the order was recorded.
                refusal[found_row.request] := 'idempotency_key_reused';
                CONTINUE;
            END IF;
            refusal[found_row.request] := 'replayed';
            FOR i IN 1..found_row.wanted LOOP
                o := found_row.ordinals[i];
                new_index[o] := found_row.indexes[i];
                event_time[o] := found_row.times[i];
                event_hash[o] := found_row.hashes[i];
            END LOOP;
        END LOOP;
    END IF;
    -- The indexes of replays are part of the answer, and nothing below may insert them again.
    event_index := new_index;
    IF replays THEN
        new_index := array_fill(NULL::bigint, ARRAY[events]);
    END IF;

    IF order_judged THEN
        FOR r IN 1..requests LOOP
            o := request_order[r];
            IF live[r] AND order_refusal[o] IS NOT NULL THEN
                live[r] := false;
                refusal[r] := order_refusal[o];
            END IF;
        END LOOP;
    END IF;

    -- A line twice in one batch: the later one waits, and is then a replay.
    IF events > orders THEN
        FOR found_row IN
            SELECT array_agg(e.request ORDER BY e.ordinal) AS requests
            FROM unnest(event_request, event_line) WITH ORDINALITY AS e (request, line, ordinal)
            WHERE live[e.request]
            GROUP BY request_order[e.request], e.line
            HAVING count(*) > 1
        LOOP
            FOR i IN 2..cardinality(found_row.requests) LOOP
                IF found_row.requests[i] = found_row.requests[1] THEN
                    RAISE EXCEPTION 'one statement, one event: a line stands twice in a request'
                        USING ERRCODE = 'SJ003';
                END IF;
                deferred[found_row.requests[i]] := true;
            END LOOP;
        END LOOP;
    END IF;

    -- Guards and expected versions in one pass: an event of version v expects v - 1, or, as the
    -- n-th of its request on its stream, v - n. Who comes after a writer of the same batch waits:
    -- nobody knows yet what it will find.
    FOR found_row IN
        SELECT g.stream, g.requests, g.versions, g.first_writer, coalesce(s.version, 0) AS version
        FROM (
            SELECT t.stream, array_agg(t.request) AS requests, array_agg(t.version) AS versions,
                min(t.request) FILTER (WHERE t.writes) AS first_writer,
                min(t.version) AS lowest, max(t.version) AS highest, max(t.request) AS last
            FROM (
                SELECT e.request, e.stream, true AS writes,
                    e.version - row_number() OVER (
                        PARTITION BY e.request, e.stream ORDER BY e.ordinal
                    ) AS version
                FROM unnest(event_request, event_stream, event_version)
                    WITH ORDINALITY AS e (request, stream, version, ordinal)
                UNION ALL
                SELECT u.request, u.stream, false, u.version
                FROM unnest(guard_request, guard_stream, guard_version)
                    AS u (request, stream, version)
            ) t
            WHERE live[t.request]
            GROUP BY t.stream
        ) g
        LEFT JOIN LATERAL (
            SELECT x.version FROM ledger.streams x
            WHERE x.stream = g.stream ORDER BY x.version DESC LIMIT 1
        ) s ON true
        WHERE g.lowest <> coalesce(s.version, 0) OR g.highest <> coalesce(s.version, 0)
            OR g.first_writer < g.last
    LOOP
        FOR i IN 1..cardinality(found_row.requests) LOOP
            r := found_row.requests[i];
            -- Versions only grow: what is behind now stays behind, whoever goes before it.
            IF found_row.first_writer < r AND found_row.versions[i] >= found_row.version THEN
                deferred[r] := true;
            ELSIF found_row.versions[i] <> found_row.version THEN
                live[r] := false;
                refusal[r] := 'conflict';
                detail[r] := found_row.stream::text;
            END IF;
        END LOOP;
    END LOOP;
    IF fault IS NOT NULL THEN PERFORM ledger.fault('append.guards_checked'); END IF;

    IF cardinality(claim_event) > 0 THEN
        FOR found_row IN
            SELECT g.*, c.stream AS holder, c.index IS NOT NULL AS taken
            FROM (
                SELECT t.space, t.key, array_agg(t.request) AS requests,
                    array_agg(t.kind) AS kinds, array_agg(t.stream) AS streams,
                    min(t.request) FILTER (WHERE t.kind <> requiring_absence) AS first_writer,
                    bool_or(t.kind = releasing) AS releases, count(*) AS entries,
                    min(t.ordinal) AS place
                FROM (
                    SELECT event_request[a.event] AS request, a.kind, a.space, a.key, a.stream,
                        a.ordinal
                    FROM unnest(claim_event, claim_kind, claim_space, claim_key, claim_stream)
                        WITH ORDINALITY AS a (event, kind, space, key, stream, ordinal)
                ) t
                WHERE live[t.request]
                GROUP BY t.space, t.key
            ) g
            LEFT JOIN ledger.claims c ON c.space = g.space AND c.key = g.key
            WHERE c.index IS NOT NULL OR g.releases OR (g.entries > 1 AND g.first_writer IS NOT NULL)
            -- Of several that are taken the first is named, as a rehearsal would.
            ORDER BY g.place
        LOOP
            -- Only the first writer gets past the wait, so both of these are about it alone.
            released := false;
            claimed := false;
            FOR i IN 1..cardinality(found_row.requests) LOOP
                r := found_row.requests[i];
                IF found_row.first_writer < r THEN
                    deferred[r] := true;
                ELSIF found_row.kinds[i] = releasing THEN
                    -- Nobody lets go of what another record holds.
                    IF NOT released AND (found_row.holder = found_row.streams[i] OR EXISTS (
                        SELECT FROM unnest(event_request, event_stream) AS e (request, stream)
                        WHERE e.request = r AND e.stream = found_row.holder
                    )) THEN
                        released := true;
                    ELSE
                        live[r] := false;
                        refusal[r] := 'conflict';
                        detail[r] := found_row.streams[i]::text;
                    END IF;
                END IF;
            END LOOP;
            FOR i IN 1..cardinality(found_row.requests) LOOP
                r := found_row.requests[i];
                CONTINUE WHEN found_row.first_writer < r OR found_row.kinds[i] = releasing;
                IF live[r] AND ((found_row.taken AND NOT (released AND r = found_row.first_writer))
                    OR (claimed AND found_row.kinds[i] = claiming)) THEN
                    live[r] := false;
                    refusal[r] := 'claim_taken';
                    detail[r] := found_row.space || ' ' || found_row.key;
                END IF;
                claimed := claimed OR found_row.kinds[i] = claiming;
            END LOOP;
        END LOOP;
    END IF;
    IF fault IS NOT NULL THEN PERFORM ledger.fault('append.claims_checked'); END IF;

    IF true = ANY (deferred) THEN
        FOR r IN 1..requests LOOP
            IF live[r] AND deferred[r] THEN
                live[r] := false;
                refusal[r] := 'deferred';
            END IF;
        END LOOP;
    END IF;
    IF NOT true = ANY (live) THEN
        -- A commit that writes nothing waits for no standby, and what is answered here once more
        -- may be the very event whose confirmation was cut short.
        IF replays THEN
            UPDATE ledger.head SET size = size;
        END IF;
        RETURN;
    END IF;

    -- The leaf is a frozen template (record format, section 1); the Python twin is
    -- infrastructure/proofs/leaf.py and a test compares the two.
    i := 0;
    FOR found_row IN
        SELECT e.request, e.line,
            sha256('\x73696a696c6c2f6865616465722f763100'::bytea || e.header_salt || e.header)
                AS header_digest,
            sha256('\x73696a696c6c2f626f64792f763100'::bytea || e.body_salt || e.body)
                AS body_digest
        FROM unnest(event_request, event_line, event_header_salt, event_header, event_body_salt,
                event_body)
            AS e (request, line, header_salt, header, body_salt, body)
    LOOP
        i := i + 1;
        CONTINUE WHEN NOT live[found_row.request];
        leaf_hash := sha256('\x00'::bytea || convert_to(
            '{"body":"' || encode(found_row.body_digest, 'hex')
            || '","header":"' || encode(found_row.header_digest, 'hex')
            || '","index":' || next_index
            || ',"prev":"' || encode(previous, 'hex')
            || '","time":' || moment || ',"v":1}', 'UTF8'));
        o := request_order[found_row.request];
        IF found_row.line NOT BETWEEN 0 AND order_lines[o] - 1 THEN
            RAISE EXCEPTION 'the order has no line %', found_row.line USING ERRCODE = 'SJ003';
        END IF;
        IF order_first[o] IS NULL THEN
            order_first[o] := next_index;
        END IF;
        several_lines := several_lines OR order_lines[o] > 1;
        new_index[i] := next_index;
        new_order[i] := order_first[o];
        new_agency[i] := agencies[o];
        header_digests[i] := found_row.header_digest;
        body_digests[i] := found_row.body_digest;
        event_index[i] := next_index;
        event_hash[i] := leaf_hash;
        previous := leaf_hash;
        next_index := next_index + 1;
    END LOOP;
    IF fault IS NOT NULL THEN PERFORM ledger.fault('append.chained'); END IF;

    INSERT INTO ledger.events (index, time, version, order_index, stream, leaf_hash, header_digest,
        body_digest, header_salt, body_salt, type, agency, header, body)
    SELECT e.index, moment, e.version, e.order_index, e.stream, e.leaf_hash, e.header_digest,
        e.body_digest, e.header_salt, e.body_salt, e.type, e.agency, e.header, e.body
    FROM unnest(new_index, event_version, new_order, event_stream, event_hash, header_digests,
            body_digests, event_header_salt, event_body_salt, event_type, new_agency, event_header,
            event_body)
        AS e (index, version, order_index, stream, leaf_hash, header_digest, body_digest,
            header_salt, body_salt, type, agency, header, body)
    WHERE e.index IS NOT NULL;
    IF fault IS NOT NULL THEN PERFORM ledger.fault('append.events_inserted'); END IF;

    INSERT INTO ledger.streams (stream, version, index)
    SELECT e.stream, e.version, e.index
    FROM unnest(event_stream, event_version, new_index) AS e (stream, version, index)
    WHERE e.index IS NOT NULL;
    IF fault IS NOT NULL THEN PERFORM ledger.fault('append.streams_inserted'); END IF;

    INSERT INTO ledger.orders (first_index, lines, agency, idempotency_key, evidence,
        statement_digests)
    SELECT a.first_index, a.lines, a.agency, a.key, a.evidence, a.statements
    FROM unnest(order_first, order_known, order_lines, order_agency, order_key, order_evidence,
            order_statements)
        AS a (first_index, known, lines, agency, key, evidence, statements)
    WHERE a.first_index IS NOT NULL AND NOT a.known;
    INSERT INTO ledger.order_keys (agency, idempotency_key, request_digest, first_index)
    SELECT a.agency, a.key, a.digest, a.first_index
    FROM unnest(order_first, order_known, order_agency, order_key, order_digest)
        AS a (first_index, known, agency, key, digest)
    WHERE a.first_index IS NOT NULL AND NOT a.known;
    IF several_lines THEN
        INSERT INTO ledger.order_lines (first_index, line, index)
        SELECT e.order_index, e.line, e.index
        FROM unnest(new_order, event_line, new_index, event_request)
            AS e (order_index, line, index, request)
        WHERE e.index IS NOT NULL AND order_lines[request_order[e.request]] > 1;
    END IF;
    IF fault IS NOT NULL THEN PERFORM ledger.fault('append.orders_inserted'); END IF;

    IF cardinality(claim_event) > 0 THEN
        IF releasing = ANY (claim_kind) THEN
            DELETE FROM ledger.claims c
            USING unnest(claim_event, claim_kind, claim_space, claim_key)
                AS a (event, kind, space, key)
            WHERE c.space = a.space AND c.key = a.key AND a.kind = releasing
                AND new_index[a.event] IS NOT NULL;
        END IF;
        INSERT INTO ledger.claims (space, key, stream, index)
        SELECT a.space, a.key, a.stream, new_index[a.event]
        FROM unnest(claim_event, claim_kind, claim_space, claim_key, claim_stream)
            AS a (event, kind, space, key, stream)
        WHERE a.kind = claiming AND new_index[a.event] IS NOT NULL;
    END IF;
    IF fault IS NOT NULL THEN PERFORM ledger.fault('append.claims_changed'); END IF;

    IF cardinality(sealed_event) > 0 THEN
        INSERT INTO vault.sealed (index, stream, sealed)
        SELECT new_index[a.event], event_stream[a.event], a.sealed
        FROM unnest(sealed_event, sealed_bytes) AS a (event, sealed)
        WHERE new_index[a.event] IS NOT NULL;
    END IF;
    IF cardinality(lookup_event) > 0 THEN
        INSERT INTO vault.lookups (space, hmac, stream, index)
        SELECT a.space, a.hmac, event_stream[a.event], new_index[a.event]
        FROM unnest(lookup_event, lookup_space, lookup_hmac) AS a (event, space, hmac)
        WHERE new_index[a.event] IS NOT NULL;
    END IF;
    IF cardinality(record_event) > 0 THEN
        INSERT INTO vault_keys.records (stream, wrapped)
        SELECT a.stream, a.wrapped
        FROM unnest(record_event, record_stream, record_wrapped) AS a (event, stream, wrapped)
        WHERE new_index[a.event] IS NOT NULL;
    END IF;
    IF cardinality(erase_event) > 0 THEN
        INSERT INTO vault.erasures (stream, index)
        SELECT a.stream, new_index[a.event]
        FROM unnest(erase_event, erase_stream) AS a (event, stream)
        WHERE new_index[a.event] IS NOT NULL
        ON CONFLICT DO NOTHING;
        DELETE FROM vault_keys.records k USING unnest(erase_event, erase_stream) AS a (event, stream)
        WHERE k.stream = a.stream AND new_index[a.event] IS NOT NULL;
        DELETE FROM vault.lookups k USING unnest(erase_event, erase_stream) AS a (event, stream)
        WHERE k.stream = a.stream AND new_index[a.event] IS NOT NULL;
        PERFORM ledger.close_erased();
    END IF;
    IF fault IS NOT NULL THEN PERFORM ledger.fault('append.vault_changed'); END IF;

    UPDATE ledger.head SET size = next_index, time = moment, leaf_hash = previous;
    IF fault IS NOT NULL THEN PERFORM ledger.fault('append.head_moved'); END IF;
    PERFORM pg_notify('sijill_log', next_index::text);
    IF fault IS NOT NULL THEN PERFORM ledger.fault('append.done'); END IF;
END $$;

-- Fault points: `SET sijill.fault = 'append.locked=error'` fails there, `=pause` stays there until
-- the connection or the server is killed. The names are listed in infrastructure/faults.py.
CREATE OR REPLACE FUNCTION ledger.fault(point text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF current_setting('sijill.fault', true) = point || '=error' THEN
        RAISE EXCEPTION 'fault point %', point USING ERRCODE = 'SJ999';
    END IF;
    WHILE current_setting('sijill.fault', true) = point || '=pause' LOOP
        PERFORM pg_sleep(60);
    END LOOP;
END $$;

REVOKE ALL ON FUNCTION ledger.append FROM PUBLIC;
REVOKE ALL ON FUNCTION ledger.fault FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ledger.append TO sijill_service;
