-- name: schema
-- One row an act. Days are ISO text of Asia/Baghdad, the day on which the act was recorded.
CREATE TABLE acts (
    log_index bigint PRIMARY KEY,
    day text COLLATE "C" NOT NULL,
    agency text COLLATE "C" NOT NULL,
    type text COLLATE "C" NOT NULL,
    kind text COLLATE "C" NOT NULL
);
CREATE INDEX acts_by_day ON acts (day);

-- A day's totals, written when the first act of a later day shows that the day is over. Recorded
-- time never runs backwards, so they are final, and a report need not count what they cover.
CREATE TABLE days (
    day text COLLATE "C" NOT NULL,
    agency text COLLATE "C" NOT NULL,
    type text COLLATE "C" NOT NULL,
    kind text COLLATE "C" NOT NULL,
    acts bigint NOT NULL,
    since_index bigint NOT NULL,
    PRIMARY KEY (day, agency, type, kind)
);

-- Reports that were published, with the digest that their figures must have for ever.
CREATE TABLE published (
    log_index bigint PRIMARY KEY,
    agency text COLLATE "C" NOT NULL,
    report text COLLATE "C" NOT NULL,
    of_index bigint NOT NULL,
    digest text COLLATE "C" NOT NULL,
    subject text COLLATE "C",
    type text COLLATE "C",
    from_day text COLLATE "C",
    to_day text COLLATE "C"
);

-- name: day_before
SELECT day FROM acts WHERE log_index < %(index)s ORDER BY log_index DESC LIMIT 1

-- name: close_days
INSERT INTO days (day, agency, type, kind, acts, since_index)
SELECT acts.day, acts.agency, acts.type, acts.kind, count(*), closed.index
FROM unnest(%(days)s::text[], %(indexes)s::bigint[]) AS closed (day, index)
JOIN acts ON acts.day = closed.day COLLATE "C"
GROUP BY acts.day, acts.agency, acts.type, acts.kind, closed.index

-- name: issuance
-- Finished days by their totals, and by its acts the one day that is open after event `at`: that of
-- the last act, because the first act of a later day ends every day before it. What the moment is
-- is told once before, so that a plan can go by the day.
WITH moment AS (
    SELECT coalesce(%(at)s::bigint, model.index) AS at,
        (SELECT acts.day FROM read.acts
            WHERE acts.log_index <= coalesce(%(at)s::bigint, model.index)
            ORDER BY acts.log_index DESC LIMIT 1) AS open
    FROM read.model
), counted AS (
    SELECT days.agency, days.type, days.day, days.kind, days.acts
    FROM read.days WHERE days.since_index <= (SELECT at FROM moment)
    UNION ALL
    SELECT acts.agency, acts.type, acts.day, acts.kind, count(*)
    FROM read.acts
    WHERE acts.day = (SELECT open FROM moment) AND acts.log_index <= (SELECT at FROM moment)
    GROUP BY acts.agency, acts.type, acts.day, acts.kind
)
SELECT agency, type, day, jsonb_object_agg(kind, acts) AS acts
FROM counted
WHERE (%(agency)s::text IS NULL OR agency = %(agency)s)
    AND (%(type)s::text IS NULL OR type = %(type)s)
    AND (%(from_day)s::text IS NULL OR day >= %(from_day)s)
    AND (%(to_day)s::text IS NULL OR day <= %(to_day)s)
GROUP BY agency, type, day
ORDER BY agency, type, day
LIMIT %(most)s::bigint

-- name: published
SELECT log_index, agency, report, of_index, digest, subject, type, from_day, to_day
FROM read.published
WHERE log_index > %(after)s AND log_index <= coalesce(%(at)s::bigint, log_index)
ORDER BY log_index LIMIT %(limit)s
