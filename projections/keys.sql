-- name: schema
CREATE TABLE keys (
    thumbprint text COLLATE "C" NOT NULL,
    agency text COLLATE "C" NOT NULL,
    stream uuid NOT NULL,
    jwk jsonb NOT NULL,
    scopes text[] COLLATE "C" NOT NULL,
    office text COLLATE "C" NOT NULL,
    officer text COLLATE "C" NOT NULL,
    acting_for text COLLATE "C",
    not_before bigint,
    not_after bigint,
    enrolled_index bigint NOT NULL,
    enrolled_by text[] COLLATE "C" NOT NULL,
    retired_index bigint,
    compromised_as_of bigint,
    compromised_index bigint,
    void_from bigint,
    since_index bigint NOT NULL,
    until_index bigint,
    PRIMARY KEY (thumbprint, since_index)
);
CREATE INDEX keys_by_agency ON keys (agency, enrolled_index);
CREATE INDEX keys_by_enrolling_key ON keys USING gin (enrolled_by);

-- name: enrolled_below
-- Every key that one of these helped to enrol, that such a key helped to enrol, and so on: more
-- than will fall, because which were enrolled inside a window is for the handler to say.
WITH RECURSIVE below (thumbprint) AS (
    SELECT unnest(%(keys)s::text[]) COLLATE "C"
    UNION
    SELECT keys.thumbprint
    FROM below JOIN keys ON keys.enrolled_by @> ARRAY[below.thumbprint]
    WHERE keys.until_index IS NULL
)
SELECT thumbprint FROM below

-- name: show
SELECT thumbprint, agency, stream, jwk, scopes, office, officer, acting_for, not_before, not_after,
    enrolled_index, enrolled_by, retired_index, compromised_as_of, compromised_index, void_from
FROM read.keys CROSS JOIN read.model
WHERE thumbprint = %(thumbprint)s
    AND since_index <= coalesce(%(at)s::bigint, model.index)
    AND (until_index > coalesce(%(at)s::bigint, model.index) OR until_index IS NULL)

-- name: of
SELECT thumbprint, agency, stream, jwk, scopes, office, officer, acting_for, not_before, not_after,
    enrolled_index, enrolled_by, retired_index, compromised_as_of, compromised_index, void_from
FROM read.keys CROSS JOIN read.model
WHERE agency = %(agency)s
    AND since_index <= coalesce(%(at)s::bigint, model.index)
    AND (until_index > coalesce(%(at)s::bigint, model.index) OR until_index IS NULL)
ORDER BY enrolled_index, thumbprint
