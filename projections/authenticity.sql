-- name: schema
-- A request for authenticity of issuance. Days are ISO text of Asia/Baghdad, times microseconds UTC.
-- `history` is [{"index": n, "time": µs, "event": …, "agency": …, …}], what befell it in order.
CREATE TABLE authenticity_requests (
    request text COLLATE "C" NOT NULL,
    stream uuid NOT NULL,
    requester text COLLATE "C" NOT NULL,
    addressee text COLLATE "C",
    parties text[] COLLATE "C" NOT NULL,
    channel text COLLATE "C" NOT NULL,
    code text COLLATE "C",
    type text COLLATE "C",
    number text COLLATE "C",
    folded_number text COLLATE "C",
    date text COLLATE "C",
    state text COLLATE "C" NOT NULL,
    finding text COLLATE "C",
    grade text COLLATE "C",
    unit text COLLATE "C",
    series text COLLATE "C",
    certificate text COLLATE "C",
    reason text COLLATE "C",
    due_date text COLLATE "C" NOT NULL,
    requested_index bigint NOT NULL,
    requested_time bigint NOT NULL,
    ended_index bigint,
    ended_time bigint,
    claims jsonb NOT NULL,
    history jsonb NOT NULL,
    since_index bigint NOT NULL,
    until_index bigint,
    PRIMARY KEY (request, since_index)
);
CREATE INDEX authenticity_requests_by_stream ON authenticity_requests (stream);
CREATE INDEX authenticity_requests_by_requester
    ON authenticity_requests (requester, requested_index);
CREATE INDEX authenticity_requests_by_addressee
    ON authenticity_requests (addressee, requested_index);
CREATE INDEX authenticity_requests_by_age ON authenticity_requests (requested_index);
CREATE INDEX authenticity_requests_by_code ON authenticity_requests (code);
CREATE INDEX authenticity_requests_by_certificate ON authenticity_requests (certificate)
    WHERE certificate IS NOT NULL;

-- name: show
SELECT asked.*
FROM read.authenticity_requests AS asked CROSS JOIN read.model
WHERE asked.request = %(request)s
    AND asked.since_index <= coalesce(%(at)s::bigint, model.index)
    AND (asked.until_index > coalesce(%(at)s::bigint, model.index) OR asked.until_index IS NULL)

-- name: online
-- The questions of holders about a code that wait or whose answer still holds: this first.
SELECT asked.request, asked.state = 'attested' AS attested
FROM read.authenticity_requests AS asked
WHERE asked.code = %(code)s AND asked.channel = 'online' AND asked.until_index IS NULL
    AND (asked.state = 'open' OR (asked.state = 'attested' AND asked.ended_index > %(changed)s
        AND (%(sound)s OR asked.finding IN ('revoked', 'voided'))))
ORDER BY attested DESC, asked.requested_index DESC LIMIT %(most)s

-- name: page
-- Three walks, each in the order of the list and no longer than a page: through all, for auditors,
-- or for each agency through what it made and what it is asked. What is both is walked to once. An
-- agency is compared as a row with the place in its list: were it merely equal, the walk through all
-- would look cheap, and be endless where the agency has little. To be planned with its parameters
-- known: what is not asked for then falls away.
WITH moment AS (
    SELECT coalesce(%(at)s::bigint, model.index) AS at FROM read.model
), wanted AS NOT MATERIALIZED (
    SELECT asked.*
    FROM read.authenticity_requests AS asked
    WHERE (%(state)s::text IS NULL OR asked.state = %(state)s)
        AND (%(number)s::text IS NULL OR asked.folded_number = %(number)s)
        AND (%(overdue_on)s::text IS NULL OR (asked.due_date < %(overdue_on)s
            AND asked.state IN ('open', 'original_needed')))
        AND asked.since_index <= (SELECT at FROM moment)
        AND (asked.until_index > (SELECT at FROM moment) OR asked.until_index IS NULL)
)
SELECT * FROM (
    (SELECT * FROM wanted
    WHERE %(everything)s::boolean AND wanted.requested_index > %(after)s::bigint
    ORDER BY requested_index LIMIT %(limit)s)
    UNION ALL
    SELECT made.* FROM unnest(%(agencies)s::text[]) AS own (agency) CROSS JOIN LATERAL (
        SELECT * FROM wanted
        WHERE (wanted.requester, wanted.requested_index) > (own.agency, %(after)s::bigint)
            AND wanted.requester <= own.agency
        ORDER BY wanted.requester, wanted.requested_index LIMIT %(limit)s
    ) AS made
    WHERE NOT %(everything)s::boolean AND coalesce(%(role)s::text, 'requester') = 'requester'
    UNION ALL
    SELECT put.* FROM unnest(%(agencies)s::text[]) AS own (agency) CROSS JOIN LATERAL (
        SELECT * FROM wanted
        WHERE (wanted.addressee, wanted.requested_index) > (own.agency, %(after)s::bigint)
            AND wanted.addressee <= own.agency
            AND (%(role)s::text IS NOT NULL OR wanted.requester <> ALL (%(agencies)s::text[]))
        ORDER BY wanted.addressee, wanted.requested_index LIMIT %(limit)s
    ) AS put
    WHERE NOT %(everything)s::boolean AND coalesce(%(role)s::text, 'addressee') = 'addressee'
) AS found
ORDER BY requested_index
LIMIT %(limit)s

-- name: parties
SELECT stream, parties FROM read.authenticity_requests
WHERE stream = ANY(%(streams)s::uuid[]) AND until_index IS NULL

-- name: report
-- By the agency that was asked last. Percentiles are of seconds from request to answer, and values
-- that occurred, so that they are counted again to the same figure. Every request is read once and
-- without its documents, and no agency goes through the requests of all.
WITH moment AS (
    SELECT coalesce(%(at)s::bigint, model.index) AS at FROM read.model
), asked AS MATERIALIZED (
    SELECT asked.addressee, asked.state, asked.due_date,
        CASE asked.state WHEN 'refused' THEN asked.reason WHEN 'answered' THEN asked.finding END
            AS word,
        (asked.ended_time - asked.requested_time) / 1000000 AS seconds
    FROM moment JOIN read.authenticity_requests AS asked ON asked.since_index <= moment.at
        AND (asked.until_index > moment.at OR asked.until_index IS NULL)
    WHERE asked.addressee IS NOT NULL AND asked.state <> 'attested'
        AND (%(agency)s::text IS NULL OR asked.addressee = %(agency)s)
), counted AS (
    SELECT addressee, state, word, count(*) AS n,
        count(*) FILTER (WHERE due_date < %(today)s) AS late
    FROM asked GROUP BY addressee, state, word
), times AS MATERIALIZED (
    SELECT addressee,
        percentile_disc(0.5) WITHIN GROUP (ORDER BY seconds) AS median,
        percentile_disc(0.95) WITHIN GROUP (ORDER BY seconds) AS p95
    FROM asked WHERE state = 'answered' GROUP BY addressee
), totals AS MATERIALIZED (
    SELECT addressee,
        sum(n) AS requests,
        sum(n) FILTER (WHERE state = 'answered') AS answered,
        sum(n) FILTER (WHERE state IN ('open', 'original_needed')) AS waiting,
        sum(late) FILTER (WHERE state IN ('open', 'original_needed')) AS overdue,
        sum(n) FILTER (WHERE state = 'refused') AS refused,
        jsonb_object_agg(word, n) FILTER (WHERE state = 'refused') AS refusals,
        jsonb_object_agg(word, n) FILTER (WHERE state = 'answered') AS findings
    FROM counted GROUP BY addressee
)
SELECT totals.addressee AS agency,
    totals.requests::bigint AS requests,
    coalesce(totals.answered, 0)::bigint AS answered,
    coalesce(totals.waiting, 0)::bigint AS waiting,
    coalesce(totals.overdue, 0)::bigint AS overdue,
    coalesce(totals.refused, 0)::bigint AS refused,
    times.median AS median_seconds,
    times.p95 AS p95_seconds,
    coalesce(totals.refusals, '{}') AS refusals,
    coalesce(totals.findings, '{}') AS findings
FROM totals LEFT JOIN times ON times.addressee = totals.addressee
ORDER BY totals.addressee
