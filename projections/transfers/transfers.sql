-- name: schema
-- Days are ISO text: they are compared and shown as such, whatever a session's DateStyle.
CREATE TABLE letters (
    name text COLLATE "C" NOT NULL,
    stream uuid NOT NULL,
    direction text COLLATE "C" NOT NULL,
    agency text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL,
    kind text COLLATE "C" NOT NULL,
    unit text COLLATE "C" NOT NULL,
    series text COLLATE "C" NOT NULL,
    year integer NOT NULL,
    number text COLLATE "C" NOT NULL,
    folded_number text COLLATE "C" NOT NULL,
    date text COLLATE "C" NOT NULL,
    language text COLLATE "C" NOT NULL,
    priority text COLLATE "C" NOT NULL,
    secrecy text COLLATE "C" NOT NULL,
    addressees text[] COLLATE "C" NOT NULL,
    copies text[] COLLATE "C" NOT NULL,
    correspondent text COLLATE "C",
    originator text COLLATE "C",
    answers text COLLATE "C",
    older jsonb,
    legal_basis text COLLATE "C",
    claims jsonb NOT NULL,
    log_index bigint NOT NULL,
    time bigint NOT NULL,
    keys text[] COLLATE "C" NOT NULL,
    rectified_index bigint,
    cancelled_index bigint,
    cancellation text COLLATE "C",
    holder text COLLATE "C",
    held_by text COLLATE "C",
    since_index bigint NOT NULL,
    until_index bigint,
    PRIMARY KEY (name, since_index)
);
CREATE INDEX letters_by_agency ON letters (agency, log_index);
CREATE INDEX letters_by_number ON letters (folded_number, agency);
CREATE INDEX letters_by_register ON letters (agency, year, unit, series)
    WHERE direction = 'outgoing';

CREATE TABLE consignments (
    name text COLLATE "C" NOT NULL,
    stream uuid NOT NULL,
    sender text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL,
    addressee text COLLATE "C",
    role text COLLATE "C" NOT NULL,
    letter text COLLATE "C" NOT NULL,
    origin text COLLATE "C" NOT NULL,
    priority text COLLATE "C" NOT NULL,
    day text COLLATE "C" NOT NULL,
    previous text COLLATE "C",
    log_index bigint NOT NULL,
    time bigint NOT NULL,
    keys text[] COLLATE "C" NOT NULL,
    replies jsonb NOT NULL,
    transport text COLLATE "C" NOT NULL,
    business text COLLATE "C" NOT NULL,
    business_index bigint NOT NULL,
    urgency text COLLATE "C" NOT NULL,
    delivered_index bigint,
    delivered_time bigint,
    opened_index bigint,
    opened_time bigint,
    opened_by text[] COLLATE "C",
    unit text COLLATE "C",
    series text COLLATE "C",
    year integer,
    number text COLLATE "C",
    folded_number text COLLATE "C",
    date text COLLATE "C",
    registered_index bigint,
    registered_time bigint,
    rectified_index bigint,
    due_date text COLLATE "C",
    reminders integer NOT NULL,
    reason text COLLATE "C",
    referred_to text COLLATE "C",
    registrar text COLLATE "C",
    since_index bigint NOT NULL,
    until_index bigint,
    PRIMARY KEY (name, since_index)
);
CREATE INDEX consignments_in ON consignments (addressee, urgency) WHERE until_index IS NULL;
CREATE INDEX consignments_out ON consignments (sender, urgency) WHERE until_index IS NULL;
-- What an inbox is searched by: each search is a walk in its order, or over few rows.
CREATE INDEX consignments_in_state ON consignments (addressee, business, urgency)
    WHERE until_index IS NULL;
CREATE INDEX consignments_in_transport ON consignments (addressee, transport, urgency)
    WHERE until_index IS NULL;
CREATE INDEX consignments_in_unit ON consignments (addressee, unit, urgency)
    WHERE until_index IS NULL AND unit IS NOT NULL;
CREATE INDEX consignments_in_from ON consignments (addressee, sender, urgency)
    WHERE until_index IS NULL;
CREATE INDEX consignments_in_written ON consignments (addressee, origin, urgency)
    WHERE until_index IS NULL AND origin <> sender;
CREATE INDEX consignments_in_urgent ON consignments (addressee, priority, urgency)
    WHERE until_index IS NULL AND priority <> 'normal';
CREATE INDEX consignments_in_due ON consignments (addressee, due_date)
    WHERE until_index IS NULL AND due_date IS NOT NULL;
CREATE INDEX consignments_in_day ON consignments (addressee, day, urgency)
    WHERE until_index IS NULL;
CREATE INDEX consignments_out_state ON consignments (sender, business, urgency)
    WHERE until_index IS NULL;
CREATE INDEX consignments_out_to ON consignments (sender, addressee, urgency)
    WHERE until_index IS NULL;
CREATE INDEX consignments_by_number ON consignments (folded_number, addressee)
    WHERE until_index IS NULL AND folded_number IS NOT NULL;
CREATE INDEX consignments_of_letter ON consignments (letter, log_index);
-- What a sender sent, each once: the row with which a consignment began stays, whatever follows.
CREATE INDEX consignments_served ON consignments (letter, log_index)
    WHERE since_index = log_index AND role IN ('to', 'copy', 'outside');
CREATE INDEX consignments_refused ON consignments (addressee)
    WHERE business IN ('refused', 'returned');
CREATE INDEX consignments_by_register ON consignments (registrar, year, unit, series)
    WHERE registrar IS NOT NULL;

CREATE TABLE transfer_parties (
    name text COLLATE "C" NOT NULL,
    stream uuid NOT NULL,
    agency text COLLATE "C" NOT NULL,
    since_index bigint NOT NULL,
    until_index bigint,
    PRIMARY KEY (name, since_index)
);
CREATE INDEX transfer_parties_of ON transfer_parties (stream);

CREATE TABLE transfer_events (
    log_index bigint PRIMARY KEY,
    time bigint NOT NULL,
    stream uuid NOT NULL,
    letter text COLLATE "C" NOT NULL,
    consignment text COLLATE "C",
    kind text COLLATE "C" NOT NULL,
    agency text COLLATE "C" NOT NULL,
    keys text[] COLLATE "C" NOT NULL,
    internal boolean NOT NULL,
    note bigint,
    said text COLLATE "C" NOT NULL
);
CREATE INDEX transfer_events_of ON transfer_events (letter, log_index);
CREATE INDEX transfer_events_open ON transfer_events (note)
    WHERE note IS NOT NULL AND NOT internal;

-- name: letter
SELECT carried.*
FROM read.model JOIN read.letters AS carried ON carried.name = %(name)s
    AND carried.since_index <= least(%(at)s::bigint, model.index)
    AND (carried.until_index > least(%(at)s::bigint, model.index) OR carried.until_index IS NULL)

-- name: consignment
SELECT one.*, carried.*
FROM read.model JOIN read.consignments AS one ON one.name = %(name)s
    AND one.since_index <= least(%(at)s::bigint, model.index)
    AND (one.until_index > least(%(at)s::bigint, model.index) OR one.until_index IS NULL)
JOIN read.letters AS carried ON carried.name = one.letter
    AND carried.since_index <= least(%(at)s::bigint, model.index)
    AND (carried.until_index > least(%(at)s::bigint, model.index) OR carried.until_index IS NULL)

-- name: succeeded
-- The agencies that others answer for, in whole or in part.
SELECT agency.id FROM read.agencies AS agency
WHERE agency.until_index IS NULL AND agency.successions <> '[]'::jsonb
ORDER BY agency.id

-- name: given_on
-- Of the generation that is being written: whose replies another agency may have to be sent.
SELECT id FROM agencies WHERE until_index IS NULL AND successions <> '[]'::jsonb

-- name: is_party
SELECT EXISTS (
    SELECT FROM read.transfer_parties WHERE stream = %(stream)s
        AND agency = ANY (%(agencies)s::text[])
)

-- name: may_read_values
-- Of the letter that an event is about: who registered it, and whoever it was sent to, unless the
-- sender took it back before it was opened.
SELECT EXISTS (
    SELECT FROM read.transfer_events AS event
    JOIN read.letters AS carried ON carried.name = event.letter AND carried.until_index IS NULL
    WHERE event.log_index = %(index)s AND (
        carried.agency = ANY (%(agencies)s::text[]) OR EXISTS (
            SELECT FROM read.consignments AS one
            WHERE one.letter = carried.name AND one.until_index IS NULL
                AND one.addressee = ANY (%(agencies)s::text[]) AND one.transport <> 'paper_out'
                AND (one.business <> 'withdrawn' OR one.opened_index IS NOT NULL)
        )
    )
)

-- name: taken_back
-- Of letters: what was sent to agencies, when the last of it was taken back, if all of it was before
-- they opened it, and the letter as it then stood: the rest of its life is none of their business.
SELECT lost.names, lost.last, stood.*
FROM (
    SELECT carried.name AS letter, array_agg(one.name) AS names, max(one.business_index) AS last
    FROM read.letters AS carried
    JOIN read.consignments AS one ON one.letter = carried.name AND one.until_index IS NULL
        AND one.addressee = ANY (%(agencies)s::text[]) AND one.transport <> 'paper_out'
    WHERE carried.name = ANY (%(letters)s::text[]) AND carried.until_index IS NULL
        AND carried.agency <> ALL (%(agencies)s::text[])
    GROUP BY carried.name
    HAVING bool_and(one.business = 'withdrawn' AND one.opened_index IS NULL)
) AS lost JOIN read.letters AS stood ON stood.name = lost.letter
    AND stood.since_index <= lost.last
    AND (stood.until_index > lost.last OR stood.until_index IS NULL)

-- name: served
-- How many consignments of each letter its sender had begun after an event, or has by now.
SELECT asked.letter, count(*) AS served
FROM unnest(%(letters)s::text[], %(ats)s::bigint[]) AS asked (letter, at)
JOIN read.consignments AS begun ON begun.letter = asked.letter
    AND begun.since_index = begun.log_index AND begun.role IN ('to', 'copy', 'outside')
    AND begun.log_index <= coalesce(asked.at, begun.log_index)
GROUP BY asked.letter

-- name: consignments_of
SELECT one.*
FROM read.model JOIN read.consignments AS one ON one.letter = %(letter)s
    AND one.since_index <= least(%(at)s::bigint, model.index)
    AND (one.until_index > least(%(at)s::bigint, model.index) OR one.until_index IS NULL)
ORDER BY one.log_index

-- name: incoming
-- Rows are chosen from one table, and only those of the page are joined. To be planned with its
-- parameters known: whatever is not asked for then falls away. An array is looked up by the index
-- of names; of `IN` that would become a filter of the whole inbox. A few days alone are walked one by
-- one, each in its order: days and urgency are orders of their own, so one walk would pass most over.
SELECT one.*, carried.*
FROM (
    SELECT one.* FROM unnest(coalesce(%(days)s::text[], ARRAY[NULL])) AS span (day)
    CROSS JOIN LATERAL (
        SELECT one.* FROM read.consignments AS one
        WHERE one.until_index IS NULL AND one.addressee = %(agency)s AND one.transport <> 'paper_out'
            AND one.urgency > %(after)s
            AND (%(days)s::text[] IS NULL OR one.day = span.day)
            AND (%(business)s::text IS NULL OR one.business = %(business)s)
            AND (%(transport)s::text IS NULL OR one.transport = %(transport)s)
            AND (%(unit)s::text IS NULL OR one.unit = %(unit)s)
            AND (%(parties)s::text[] IS NULL OR one.sender = ANY (%(parties)s)
                OR one.origin <> one.sender AND one.origin = ANY (%(parties)s))
            AND (%(number)s::text IS NULL OR one.name = ANY (ARRAY(
                SELECT own.name FROM read.consignments AS own
                WHERE own.until_index IS NULL AND own.addressee = %(agency)s
                    AND own.folded_number = %(number)s
                UNION ALL
                SELECT theirs.name FROM read.letters AS numbered
                JOIN read.consignments AS theirs ON theirs.letter = numbered.name
                WHERE numbered.folded_number = %(number)s
                    AND theirs.until_index IS NULL AND theirs.addressee = %(agency)s
                    AND CASE WHEN theirs.business = 'withdrawn' AND theirs.opened_index IS NULL
                        THEN numbered.since_index <= theirs.business_index
                            AND coalesce(numbered.until_index > theirs.business_index, true)
                        ELSE numbered.until_index IS NULL END
            )))
            AND (%(from_day)s::text IS NULL OR one.day >= %(from_day)s)
            AND (%(to_day)s::text IS NULL OR one.day <= %(to_day)s)
            AND (%(due_by)s::text IS NULL OR one.due_date <= %(due_by)s)
            AND (%(priority)s::text IS NULL OR one.priority = %(priority)s)
        ORDER BY one.urgency
        LIMIT %(limit)s
    ) AS one
    ORDER BY one.urgency
    LIMIT %(limit)s
) AS one JOIN read.letters AS carried ON carried.name = one.letter
    AND carried.until_index IS NULL
ORDER BY one.urgency

-- name: outgoing
-- To be planned as the one above.
SELECT one.*, carried.*
FROM read.consignments AS one JOIN read.letters AS carried ON carried.name = one.letter
    AND carried.until_index IS NULL
WHERE one.until_index IS NULL AND one.sender = %(agency)s AND one.transport <> 'paper_in'
    AND one.urgency > %(after)s
    AND (%(business)s::text IS NULL OR one.business = %(business)s)
    AND (%(transport)s::text IS NULL OR one.transport = %(transport)s)
    AND (%(unit)s::text IS NULL OR carried.unit = %(unit)s)
    AND (%(parties)s::text[] IS NULL OR one.addressee = ANY (%(parties)s))
    AND (%(number)s::text IS NULL OR one.name = ANY (ARRAY(
        SELECT theirs.name FROM read.consignments AS theirs
        WHERE theirs.until_index IS NULL AND theirs.sender = %(agency)s
            AND theirs.folded_number = %(number)s
        UNION ALL
        SELECT sent.name FROM read.letters AS numbered
        JOIN read.consignments AS sent ON sent.letter = numbered.name
        WHERE numbered.until_index IS NULL AND numbered.folded_number = %(number)s
            AND sent.until_index IS NULL AND sent.sender = %(agency)s
    )))
    AND (%(from_day)s::text IS NULL OR carried.date >= %(from_day)s)
    AND (%(to_day)s::text IS NULL OR carried.date <= %(to_day)s)
    AND (%(due_by)s::text IS NULL OR one.due_date <= %(due_by)s)
    AND (%(priority)s::text IS NULL OR one.priority = %(priority)s)
ORDER BY one.urgency
LIMIT %(limit)s

-- name: letters_of
SELECT carried.*
FROM read.model JOIN read.letters AS carried ON carried.agency = ANY (%(agencies)s::text[])
    AND carried.since_index <= least(%(at)s::bigint, model.index)
    AND (carried.until_index > least(%(at)s::bigint, model.index) OR carried.until_index IS NULL)
WHERE carried.log_index > %(after)s AND carried.direction = 'outgoing'
    AND (%(number)s::text IS NULL OR carried.folded_number = %(number)s)
ORDER BY carried.log_index
LIMIT %(limit)s

-- name: chain
-- What agencies may see of a letter's events; null sees all of them.
SELECT event.log_index, event.time, event.consignment, event.kind, event.agency, event.keys,
    event.internal, event.said
FROM read.transfer_events AS event
WHERE event.letter = %(letter)s AND event.log_index > %(after)s
    AND event.log_index <= coalesce(%(at)s::bigint, event.log_index)
    AND (%(only)s::text[] IS NULL OR event.consignment IS NULL
        OR event.consignment = ANY (%(only)s::text[]))
    AND (%(agencies)s::text[] IS NULL OR event.agency = ANY (%(agencies)s) OR EXISTS (
        SELECT FROM read.transfer_parties AS party
        WHERE party.stream = event.stream AND party.agency = ANY (%(agencies)s)
    ) AND (NOT event.internal OR EXISTS (
        SELECT FROM read.transfer_events AS open
        WHERE open.note = event.note AND NOT open.internal
    )))
ORDER BY event.log_index
LIMIT %(limit)s

-- name: heard
-- Events after an index that concern the inbox (or outbox) of agencies, for whoever listens. What is
-- said of a letter itself concerns whoever it was sent to by then, unless it was taken back unopened.
SELECT event.log_index, event.time, coalesce(event.consignment, had.name) AS consignment,
    event.letter, event.kind, event.agency
FROM read.transfer_events AS event
LEFT JOIN read.consignments AS one ON one.name = event.consignment AND one.until_index IS NULL
LEFT JOIN read.letters AS carried ON carried.name = event.letter AND carried.until_index IS NULL
LEFT JOIN LATERAL (
    SELECT sent.name FROM read.consignments AS sent
    WHERE %(inbox)s AND event.consignment IS NULL AND sent.letter = event.letter
        AND sent.log_index < event.log_index AND sent.until_index IS NULL
        AND sent.addressee = ANY (%(agencies)s::text[]) AND sent.transport <> 'paper_out'
        AND (sent.business <> 'withdrawn' OR sent.opened_index IS NOT NULL
            OR sent.business_index > event.log_index)
    ORDER BY sent.log_index DESC LIMIT 1
) AS had ON true
WHERE event.log_index > %(after)s AND event.log_index <= %(last)s
    AND (NOT event.internal OR event.agency = ANY (%(agencies)s::text[]) OR EXISTS (
        SELECT FROM read.transfer_events AS open
        WHERE open.note = event.note AND NOT open.internal AND open.log_index < event.log_index
    ))
    AND CASE WHEN %(inbox)s
        THEN had.name IS NOT NULL
            OR one.addressee = ANY (%(agencies)s::text[]) AND one.transport <> 'paper_out'
        ELSE coalesce(one.sender, carried.agency) = ANY (%(agencies)s::text[])
            AND coalesce(one.transport, '') <> 'paper_in' END
ORDER BY event.log_index
LIMIT %(limit)s

-- name: parties_of
-- Of some events, who may open them besides the agency that acted; not whoever was sent only what
-- had been taken back unopened by then.
SELECT event.log_index, array_agg(party.agency) AS agencies
FROM read.transfer_events AS event
JOIN read.transfer_parties AS party ON party.stream = event.stream
JOIN read.letters AS carried ON carried.name = event.letter AND carried.until_index IS NULL
WHERE event.log_index = ANY (%(indexes)s::bigint[]) AND (NOT event.internal OR EXISTS (
    SELECT FROM read.transfer_events AS open
    WHERE open.note = event.note AND NOT open.internal
)) AND (party.agency = carried.agency OR NOT EXISTS (
    SELECT FROM read.consignments AS one
    WHERE one.letter = event.letter AND one.until_index IS NULL
        AND one.addressee = party.agency AND one.transport <> 'paper_out'
    HAVING bool_and(one.business = 'withdrawn' AND one.opened_index IS NULL)
        AND max(one.business_index) < event.log_index
))
GROUP BY event.log_index

-- name: counted
SELECT one.addressee AS agency, one.business, one.reason, count(*) AS letters
FROM read.model JOIN read.consignments AS one
    ON one.since_index <= least(%(at)s::bigint, model.index)
    AND (one.until_index > least(%(at)s::bigint, model.index) OR one.until_index IS NULL)
WHERE one.business IN ('refused', 'returned')
    AND (%(agencies)s::text[] IS NULL OR one.addressee = ANY (%(agencies)s))
GROUP BY one.addressee, one.business, one.reason
ORDER BY one.addressee, one.business, one.reason
