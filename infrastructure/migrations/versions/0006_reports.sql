-- Reports of suspected forgeries. Nobody signs them, so they are no events: what a stranger may add
-- to for ever must not be the log. Coded, counted, bounded, and nothing of who reported.

CREATE TABLE ledger.reports (
    -- The day in Asia/Baghdad on which it was reported.
    day text COLLATE "C" NOT NULL CHECK (day ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}$'),
    code text COLLATE "C" NOT NULL CHECK (length(code) = 17),
    kind text COLLATE "C" NOT NULL CHECK (kind ~ '^[a-z_]{1,48}$'),
    -- Which agency the paper says it is of, where the code is of no certificate; else empty.
    claimed text COLLATE "C" NOT NULL CHECK (length(claimed) <= 48),
    reports integer NOT NULL CHECK (reports > 0),
    first bigint NOT NULL,
    last bigint NOT NULL,
    PRIMARY KEY (day, code, kind, claimed)
);
CREATE INDEX reports_by_code ON ledger.reports (code);

-- Counts one report; false where the day has as many different ones as it may have.
CREATE FUNCTION ledger.report(
    on_day text, of_code text, of_kind text, of_agency text, at_us bigint, most integer
) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE ledger.reports r SET reports = least(r.reports, 1000000) + 1, last = at_us
    WHERE r.day = on_day AND r.code = of_code AND r.kind = of_kind AND r.claimed = of_agency;
    IF FOUND THEN RETURN true; END IF;
    IF (SELECT count(*) FROM ledger.reports r WHERE r.day = on_day) >= most THEN
        RETURN false;
    END IF;
    INSERT INTO ledger.reports AS r (day, code, kind, claimed, reports, first, last)
    VALUES (on_day, of_code, of_kind, of_agency, 1, at_us, at_us)
    ON CONFLICT (day, code, kind, claimed) DO UPDATE SET reports = r.reports + 1, last = at_us;
    RETURN true;
END $$;

REVOKE ALL ON FUNCTION ledger.report(text, text, text, text, bigint, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ledger.report(text, text, text, text, bigint, integer) TO sijill_service;
GRANT SELECT ON ledger.reports TO sijill_service, sijill_keeper;
