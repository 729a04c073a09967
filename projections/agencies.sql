-- name: schema
-- Days are ISO text: they are compared and shown as such, whatever a session's DateStyle.
-- `names` and `parents` are lists by day of effect, oldest first, because what was recorded later
-- may take effect earlier.
CREATE TABLE agencies (
    id text COLLATE "C" NOT NULL,
    stream uuid NOT NULL,
    kind text COLLATE "C" NOT NULL,
    standing text COLLATE "C" NOT NULL,
    founder boolean NOT NULL,
    names jsonb NOT NULL,
    parents jsonb NOT NULL,
    added_index bigint NOT NULL,
    successions jsonb NOT NULL,
    since_index bigint NOT NULL,
    until_index bigint,
    PRIMARY KEY (id, since_index)
);
CREATE INDEX agencies_by_age ON agencies (added_index);

-- name: show
SELECT id, stream, kind, standing, founder, names, parents, added_index, successions
FROM read.agencies CROSS JOIN read.model
WHERE id = %(id)s
    AND since_index <= coalesce(%(at)s::bigint, model.index)
    AND (until_index > coalesce(%(at)s::bigint, model.index) OR until_index IS NULL)

-- name: page
-- Ties share an index (both founders have 0) and must not be torn apart by the end of a page.
SELECT * FROM (
SELECT id, stream, kind, standing, founder, names, parents, added_index, successions
FROM read.agencies CROSS JOIN read.model
WHERE added_index > %(after)s
    AND since_index <= coalesce(%(at)s::bigint, model.index)
    AND (until_index > coalesce(%(at)s::bigint, model.index) OR until_index IS NULL)
ORDER BY added_index
FETCH FIRST (%(limit)s) ROWS WITH TIES
) AS page
ORDER BY added_index, id

-- name: heirs
-- An agency, and whoever anything of it was given on to since, step by step.
WITH RECURSIVE given AS (
    SELECT agency.id, step ->> 'successor' AS successor
    FROM read.agencies AS agency CROSS JOIN jsonb_array_elements(agency.successions) AS step
    WHERE agency.until_index IS NULL AND agency.successions <> '[]'::jsonb
), reached (id) AS (
    SELECT %(agency)s::text
    UNION SELECT given.successor FROM reached JOIN given ON given.id = reached.id
)
SELECT id FROM reached

-- name: forebears
-- The agencies that anything was given on from to this one, step by step.
WITH RECURSIVE given AS (
    SELECT agency.id, step ->> 'successor' AS successor
    FROM read.agencies AS agency CROSS JOIN jsonb_array_elements(agency.successions) AS step
    WHERE agency.until_index IS NULL AND agency.successions <> '[]'::jsonb
), reached (id) AS (
    SELECT given.id::text COLLATE "default" FROM given WHERE given.successor = %(agency)s
    UNION SELECT given.id::text COLLATE "default"
    FROM reached JOIN given ON given.successor = reached.id
)
SELECT id FROM reached WHERE id <> %(agency)s
