-- name: schema
-- A register as such, where anything was ever ordered about it: `coverage` is the grade that it is
-- declared covered at. Days are ISO text of Asia/Baghdad, minutes those of that day.
CREATE TABLE registers (
    key text COLLATE "C" NOT NULL,
    stream uuid NOT NULL,
    agency text COLLATE "C" NOT NULL,
    unit text COLLATE "C" NOT NULL,
    series text COLLATE "C" NOT NULL,
    year integer NOT NULL,
    opened_index bigint NOT NULL,
    coverage text COLLATE "C",
    coverage_index bigint,
    closed_index bigint,
    counted_index bigint,
    given bigint,
    voided bigint,
    incoming boolean NOT NULL,
    since_index bigint NOT NULL,
    until_index bigint,
    PRIMARY KEY (key, since_index)
);
CREATE INDEX registers_by_age ON registers (opened_index);
CREATE INDEX registers_by_stream ON registers (stream);

-- What stands in a register beside the documents that the ledger saw issued: entries captured from
-- paper, numbers voided, numbers reserved.
CREATE TABLE register_entries (
    stream uuid NOT NULL,
    kind text COLLATE "C" NOT NULL,
    agency text COLLATE "C" NOT NULL,
    unit text COLLATE "C" NOT NULL,
    series text COLLATE "C" NOT NULL,
    year integer NOT NULL,
    number text COLLATE "C" NOT NULL,
    folded_number text COLLATE "C" NOT NULL,
    entry_index bigint NOT NULL,
    entry_time bigint NOT NULL,
    type text COLLATE "C",
    date text COLLATE "C",
    grade text COLLATE "C",
    state text COLLATE "C",
    claims jsonb NOT NULL,
    reason text COLLATE "C",
    struck_index bigint,
    incoming boolean NOT NULL,
    since_index bigint NOT NULL,
    until_index bigint,
    PRIMARY KEY (stream, since_index)
);
CREATE INDEX register_entries_by_register
    ON register_entries (agency, unit, series, year, entry_index);
CREATE INDEX register_entries_by_number ON register_entries (agency, folded_number);

-- name: show
SELECT key, stream, agency, unit, series, year, opened_index, coverage, coverage_index,
    closed_index, counted_index, given, voided, incoming
FROM read.registers CROSS JOIN read.model
WHERE key = %(key)s
    AND since_index <= coalesce(%(at)s::bigint, model.index)
    AND (until_index > coalesce(%(at)s::bigint, model.index) OR until_index IS NULL)

-- name: page
SELECT * FROM (
SELECT key, stream, agency, unit, series, year, opened_index, coverage, coverage_index,
    closed_index, counted_index, given, voided, incoming
FROM read.registers CROSS JOIN read.model
WHERE opened_index > %(after)s
    AND (%(agency)s::text IS NULL OR agency = %(agency)s)
    AND (%(year)s::integer IS NULL OR year = %(year)s)
    AND (%(covered)s::boolean IS NULL OR (coverage IS NOT NULL) = %(covered)s)
    AND since_index <= coalesce(%(at)s::bigint, model.index)
    AND (until_index > coalesce(%(at)s::bigint, model.index) OR until_index IS NULL)
ORDER BY opened_index
FETCH FIRST (%(limit)s) ROWS WITH TIES
) AS page
ORDER BY opened_index, key

-- name: entries
SELECT entry.stream, entry.kind, entry.agency, entry.unit, entry.series, entry.year, entry.number,
    entry.folded_number, entry.entry_index, entry.entry_time, entry.type, entry.date, entry.grade,
    entry.state, entry.claims, entry.reason, entry.struck_index, entry.incoming
FROM read.register_entries AS entry CROSS JOIN read.model
WHERE entry.agency = %(agency)s AND entry.entry_index > %(after)s
    AND (%(unit)s::text IS NULL OR entry.unit = %(unit)s)
    AND (%(series)s::text IS NULL OR entry.series = %(series)s)
    AND (%(year)s::integer IS NULL OR entry.year = %(year)s)
    AND (%(number)s::text IS NULL OR entry.folded_number = %(number)s)
    AND (%(kind)s::text IS NULL OR entry.kind = %(kind)s)
    AND (%(space)s::text[] IS NULL OR entry.stream IN (
        SELECT lookups.stream FROM vault.lookups
        WHERE lookups.space = ANY (%(space)s::text[]) AND lookups.hmac = ANY (%(hmac)s::bytea[])
    ))
    AND entry.since_index <= coalesce(%(at)s::bigint, model.index)
    AND (entry.until_index > coalesce(%(at)s::bigint, model.index) OR entry.until_index IS NULL)
ORDER BY entry.entry_index
LIMIT %(limit)s

-- name: homes
SELECT stream, agency, unit, series FROM read.registers
WHERE stream = ANY (%(streams)s::uuid[]) AND until_index IS NULL
UNION ALL
SELECT stream, agency, unit, series FROM read.register_entries
WHERE stream = ANY (%(streams)s::uuid[]) AND until_index IS NULL

-- name: used
-- Registers of an agency and year in which something was numbered, or that were declared about.
SELECT DISTINCT unit, series, incoming FROM (
    SELECT unit, series, false AS incoming FROM read.certificates
    WHERE agency = %(agency)s AND year = %(year)s AND until_index IS NULL
    UNION ALL
    SELECT unit, series, false FROM read.letters
    WHERE agency = %(agency)s AND year = %(year)s AND direction = 'outgoing'
        AND until_index IS NULL
    UNION ALL
    SELECT unit, series, true FROM read.consignments
    WHERE registrar = %(agency)s AND year = %(year)s AND until_index IS NULL
    UNION ALL
    SELECT unit, series, incoming FROM read.register_entries
    WHERE agency = %(agency)s AND year = %(year)s AND until_index IS NULL
    UNION ALL
    SELECT unit, series, incoming FROM read.registers
    WHERE agency = %(agency)s AND year = %(year)s AND until_index IS NULL
) AS numbered
ORDER BY unit, series, incoming

-- name: numbers
-- Every number of one register after event `at`, whatever stands under it; or, `incoming`, every
-- number of the letters that were registered in it as incoming. `ordinal` is the last run of digits
-- that is not the year, or the year where there is no other.
WITH moment AS (
    SELECT coalesce(%(at)s::bigint, model.index) AS at FROM read.model
), standing AS (
    SELECT 'issued' AS kind, certificate.number, certificate.folded_number, certificate.date,
        certificate.issue_index AS index, certificate.issue_time AS time
    FROM moment JOIN read.certificates AS certificate ON certificate.since_index <= moment.at
        AND (certificate.until_index > moment.at OR certificate.until_index IS NULL)
    WHERE NOT %(incoming)s::boolean
        AND certificate.agency = %(agency)s AND certificate.unit = %(unit)s
        AND certificate.series = %(series)s AND certificate.year = %(year)s
        AND certificate.state <> 'voided'
    UNION ALL
    SELECT 'outgoing', letter.number, letter.folded_number, letter.date, letter.log_index,
        letter.time
    FROM moment JOIN read.letters AS letter ON letter.since_index <= moment.at
        AND (letter.until_index > moment.at OR letter.until_index IS NULL)
    WHERE NOT %(incoming)s::boolean AND letter.direction = 'outgoing'
        AND letter.agency = %(agency)s AND letter.unit = %(unit)s
        AND letter.series = %(series)s AND letter.year = %(year)s
    UNION ALL
    SELECT 'incoming', arrived.number, arrived.folded_number, arrived.date,
        arrived.registered_index, arrived.registered_time
    FROM moment JOIN read.consignments AS arrived ON arrived.since_index <= moment.at
        AND (arrived.until_index > moment.at OR arrived.until_index IS NULL)
    WHERE %(incoming)s::boolean
        AND arrived.registrar = %(agency)s AND arrived.unit = %(unit)s
        AND arrived.series = %(series)s AND arrived.year = %(year)s
    UNION ALL
    SELECT entry.kind, entry.number, entry.folded_number, entry.date, entry.entry_index,
        entry.entry_time
    FROM moment JOIN read.register_entries AS entry ON entry.since_index <= moment.at
        AND (entry.until_index > moment.at OR entry.until_index IS NULL)
    WHERE entry.incoming = %(incoming)s::boolean
        AND entry.agency = %(agency)s AND entry.unit = %(unit)s
        AND entry.series = %(series)s AND entry.year = %(year)s
        AND entry.struck_index IS NULL
)
SELECT standing.kind, standing.number, standing.date, standing.index, standing.time,
    coalesce((
        SELECT run[1] FROM regexp_matches(standing.folded_number, '[0-9]+', 'g')
            WITH ORDINALITY AS runs (run, place)
        WHERE run[1] <> %(year)s::text AND length(run[1]) <= 15
        ORDER BY place DESC LIMIT 1
    ), %(year)s::text)::bigint AS ordinal
FROM standing
ORDER BY ordinal, index
