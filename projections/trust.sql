-- name: agencies
SELECT agency.id, agency.kind, agency.names, agency.added_index, agency.successions
FROM read.agencies AS agency
WHERE agency.since_index <= %(at)s
    AND (agency.until_index > %(at)s OR agency.until_index IS NULL)

-- name: standings
-- A row for each time that anything about an agency changed; its standing may not have.
SELECT agency.id, agency.standing, agency.since_index
FROM read.agencies AS agency
WHERE agency.since_index <= %(at)s
ORDER BY agency.id, agency.since_index

-- name: keys
SELECT key.thumbprint, key.agency, key.jwk, key.scopes, key.not_before, key.not_after,
    key.enrolled_index, key.retired_index, key.compromised_as_of, key.void_from
FROM read.keys AS key
WHERE key.since_index <= %(at)s AND (key.until_index > %(at)s OR key.until_index IS NULL)
