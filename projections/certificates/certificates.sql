-- name: schema
-- Days are ISO text: they are compared and shown as such, whatever a session's DateStyle.
-- A certificate is the record; every original of every edition has a code of its own.
CREATE TABLE certificates (
    stream uuid NOT NULL,
    agency text COLLATE "C" NOT NULL,
    type text COLLATE "C" NOT NULL,
    unit text COLLATE "C" NOT NULL,
    series text COLLATE "C" NOT NULL,
    year integer NOT NULL,
    number text COLLATE "C" NOT NULL,
    folded_number text COLLATE "C" NOT NULL,
    date text COLLATE "C" NOT NULL,
    edition integer NOT NULL,
    code text COLLATE "C" NOT NULL,
    originals text[] COLLATE "C" NOT NULL,
    issue_index bigint NOT NULL,
    issue_time bigint NOT NULL,
    state text COLLATE "C" NOT NULL,
    state_index bigint NOT NULL,
    before_revocation text COLLATE "C",
    reason text COLLATE "C",
    legal_basis text COLLATE "C",
    counts_from text COLLATE "C",
    successor text COLLATE "C",
    -- [{"index": n, "keys": [thumbprint], "code": code of one original,
    --   "court": agency, "ends": reference}]
    grants jsonb NOT NULL,
    reaffirmed_index bigint,
    erased_index bigint,
    court_orders text[] COLLATE "C" NOT NULL,
    before_court text COLLATE "C",
    holds text[] COLLATE "C" NOT NULL,
    since_index bigint NOT NULL,
    until_index bigint,
    PRIMARY KEY (stream, since_index)
);
CREATE INDEX certificates_by_agency ON certificates (agency, issue_index);
CREATE INDEX certificates_by_number ON certificates (agency, folded_number);
CREATE INDEX certificates_by_register ON certificates (agency, unit, series, year);

CREATE TABLE codes (
    code text COLLATE "C" NOT NULL,
    stream uuid NOT NULL,
    original integer NOT NULL,
    edition integer NOT NULL,
    language text COLLATE "C" NOT NULL,
    effective_date text COLLATE "C" NOT NULL,
    expiry_date text COLLATE "C",
    issue_index bigint NOT NULL,
    issue_time bigint NOT NULL,
    keys text[] COLLATE "C" NOT NULL,
    claims jsonb NOT NULL,
    status_list integer,
    status_index integer,
    state text COLLATE "C" NOT NULL,
    state_index bigint NOT NULL,
    reason text COLLATE "C",
    successor text COLLATE "C",
    since_index bigint NOT NULL,
    until_index bigint,
    PRIMARY KEY (code, since_index)
);

-- The bytes are in the vault: here is only which key signed them and where they were recorded.
CREATE TABLE credentials (
    code text COLLATE "C" NOT NULL,
    stream uuid NOT NULL,
    claim text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL,
    recorded_index bigint NOT NULL,
    since_index bigint NOT NULL,
    until_index bigint,
    PRIMARY KEY (code, since_index)
);

-- name: credentials_of
SELECT credential.code, credential.stream, credential.claim, credential.key,
    credential.recorded_index
FROM read.model JOIN read.credentials AS credential
    ON credential.since_index <= coalesce(%(at)s::bigint, model.index)
    AND (credential.until_index > coalesce(%(at)s::bigint, model.index)
        OR credential.until_index IS NULL)
WHERE credential.code = ANY (%(codes)s::text[])

-- name: by_codes
-- Everything that verdicts rest on, in one statement and so from one moment: the records, the keys
-- that stand behind them, how far the read model has come and what it lacks.
WITH moment AS (
    SELECT model.index AS applied,
        least(%(at)s::bigint, model.index) AS at,
        (SELECT events.time FROM ledger.events WHERE events.index = %(at)s::bigint) AS at_time,
        (SELECT events.time FROM ledger.events WHERE events.index = model.index + 1)
            AS waiting_since,
        (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS clock
    FROM read.model WHERE model.fingerprint = %(rules)s
)
SELECT asked.code AS asked, moment.applied, moment.at_time, moment.waiting_since, moment.clock,
    behind.keys AS signers,
    certificate.type <> 'authenticity' OR answer.since_index IS NOT NULL AS answered,
    greatest(
        named.since_index, certificate.since_index, issuer.since_index, behind.since_index,
        answer.since_index
    ) AS decided_index,
    named.*, certificate.*, issuer.*
FROM moment CROSS JOIN unnest(%(codes)s::text[]) AS asked (code)
LEFT JOIN read.codes AS named ON named.code = asked.code
    AND named.since_index <= moment.at
    AND (named.until_index > moment.at OR named.until_index IS NULL)
LEFT JOIN read.certificates AS certificate ON certificate.stream = named.stream
    AND certificate.since_index <= moment.at
    AND (certificate.until_index > moment.at OR certificate.until_index IS NULL)
LEFT JOIN read.agencies AS issuer ON issuer.id = certificate.agency
    AND issuer.since_index <= moment.at
    AND (issuer.until_index > moment.at OR issuer.until_index IS NULL)
CROSS JOIN LATERAL (
    SELECT coalesce(jsonb_agg(to_jsonb(key) ORDER BY key.thumbprint), '[]') AS keys,
        max(key.since_index) AS since_index
    FROM read.keys AS key
    WHERE key.thumbprint = ANY (named.keys || ARRAY(
            SELECT jsonb_array_elements_text(granted.act -> 'keys')
            FROM jsonb_array_elements(certificate.grants) AS granted (act)
        ))
        AND key.since_index <= moment.at
        AND (key.until_index > moment.at OR key.until_index IS NULL)
) AS behind
-- Whether an answer names one of its originals is asked of authenticity certificates alone: behind
-- all others requests are not looked at.
CROSS JOIN LATERAL (
    SELECT min(request.since_index) AS since_index
    FROM read.authenticity_requests AS request
    WHERE certificate.type = 'authenticity'
        AND request.certificate = ANY (certificate.originals)
        AND request.state IN ('answered', 'attested')
        AND request.since_index <= moment.at
        AND (request.until_index > moment.at OR request.until_index IS NULL)
) AS answer

-- name: originals
SELECT named.*
FROM read.model CROSS JOIN read.codes AS named
WHERE named.code = ANY (%(codes)s::text[])
    AND named.since_index <= coalesce(%(at)s::bigint, model.index)
    AND (named.until_index > coalesce(%(at)s::bigint, model.index) OR named.until_index IS NULL)
ORDER BY named.original

-- name: page
WITH moment AS (
    SELECT least(%(at)s::bigint, model.index) AS at FROM read.model
), listed AS (
    SELECT certificate.*, CASE WHEN void.codes IS NULL THEN '{}' ELSE coalesce(
            -- Of an original that does not stand any more nobody has to say anything.
            nullif(ARRAY(
                SELECT original.code FROM read.codes AS original
                WHERE original.code = ANY (void.codes) AND original.state = 'in_force'
                    AND original.since_index <= moment.at
                    AND (original.until_index > moment.at OR original.until_index IS NULL)
                ORDER BY original.original
            ), '{}'),
            -- For the whole record any one speaks that nothing has taken the place of.
            ARRAY(
                SELECT original.code FROM read.codes AS original
                WHERE array_position(void.codes, NULL) IS NOT NULL
                    AND original.code = ANY (certificate.originals)
                    AND original.edition = certificate.edition
                    AND original.state IN ('in_force', 'original_revoked')
                    AND original.since_index <= moment.at
                    AND (original.until_index > moment.at OR original.until_index IS NULL)
                ORDER BY original.state, original.original
                LIMIT 1
            )
        ) END AS doubted
    FROM moment JOIN read.certificates AS certificate ON certificate.since_index <= moment.at
        AND (certificate.until_index > moment.at OR certificate.until_index IS NULL)
    CROSS JOIN LATERAL (
        SELECT array_agg(granted.code) AS codes
        FROM jsonb_to_recordset(certificate.grants)
            AS granted (index bigint, keys text[], code text, court text)
        JOIN read.keys AS key ON key.thumbprint = ANY (granted.keys)
        WHERE key.void_from <= granted.index
            AND key.since_index <= moment.at
            AND (key.until_index > moment.at OR key.until_index IS NULL)
            AND certificate.state NOT IN ('revoked', 'voided')
            -- By what a court ended its agency stands only where no court acts any more.
            AND (granted.court IS NULL OR certificate.state = 'superseded')
    ) AS void
    WHERE certificate.agency = %(agency)s AND certificate.issue_index > %(after)s
        AND (%(type)s::text IS NULL OR certificate.type = %(type)s)
        AND (%(unit)s::text IS NULL OR certificate.unit = %(unit)s)
        AND (%(series)s::text IS NULL OR certificate.series = %(series)s)
        AND (%(number)s::text IS NULL OR certificate.folded_number = %(number)s)
        AND (%(state)s::text IS NULL OR certificate.state = %(state)s)
        AND (%(from_day)s::text IS NULL OR certificate.date >= %(from_day)s)
        AND (%(to_day)s::text IS NULL OR certificate.date <= %(to_day)s)
        AND (%(spaces)s::text[] IS NULL OR certificate.stream IN (
            SELECT lookups.stream FROM vault.lookups
            WHERE lookups.space = ANY (%(spaces)s::text[])
                AND lookups.hmac = ANY (%(hmacs)s::bytea[])
        ))
)
SELECT listed.*
FROM listed
WHERE %(in_doubt)s::boolean IS NULL OR (cardinality(listed.doubted) > 0) = %(in_doubt)s
ORDER BY listed.issue_index
LIMIT %(limit)s

-- name: homes
SELECT stream, agency, unit, series FROM read.certificates
WHERE stream = ANY (%(streams)s::uuid[]) AND until_index IS NULL

-- name: codes_by_value
SELECT DISTINCT named.code
FROM vault.lookups JOIN read.certificates AS certificate ON certificate.stream = lookups.stream
CROSS JOIN LATERAL unnest(certificate.originals) AS named (code)
WHERE lookups.space = %(space)s AND lookups.hmac = %(hmac)s AND certificate.until_index IS NULL
ORDER BY named.code
