-- Anybody may make up codes, and fill a day's room with reports about them: what is about a
-- certificate is counted apart, so that it finds room whatever was made up before it.
ALTER TABLE ledger.reports ADD COLUMN of_certificate boolean NOT NULL DEFAULT false;

-- Counts one report; false where the day has as many different ones of its kind (about
-- certificates, or about codes of none) as it may have. The one without `certified` is the release
-- before's.
CREATE FUNCTION ledger.report(
    on_day text, of_code text, of_kind text, of_agency text, certified boolean, at_us bigint,
    most integer
) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE ledger.reports r SET reports = least(r.reports, 1000000) + 1, last = at_us
    WHERE r.day = on_day AND r.code = of_code AND r.kind = of_kind AND r.claimed = of_agency;
    IF FOUND THEN RETURN true; END IF;
    IF (
        SELECT count(*) FROM ledger.reports r WHERE r.day = on_day AND r.of_certificate = certified
    ) >= most THEN
        RETURN false;
    END IF;
    INSERT INTO ledger.reports AS r (
        day, code, kind, claimed, reports, first, last, of_certificate
    )
    VALUES (on_day, of_code, of_kind, of_agency, 1, at_us, at_us, certified)
    ON CONFLICT (day, code, kind, claimed) DO UPDATE SET reports = r.reports + 1, last = at_us;
    RETURN true;
END $$;

REVOKE ALL ON FUNCTION ledger.report(text, text, text, text, boolean, bigint, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ledger.report(text, text, text, text, boolean, bigint, integer)
    TO sijill_service;
