-- name: sealed
-- The newest checkpoint of which the read model holds everything, and when the first event was
-- recorded that it does not cover.
SELECT sealed.size, sealed.root, sealed.note,
    (SELECT event.time FROM ledger.events AS event WHERE event.index = sealed.size)
        AS waiting_since,
    (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS clock
FROM read.model
CROSS JOIN LATERAL (
    SELECT checkpoint.size, checkpoint.root, checkpoint.note FROM ledger.checkpoints AS checkpoint
    WHERE checkpoint.note IS NOT NULL AND checkpoint.size <= model.index + 1
    ORDER BY checkpoint.size DESC LIMIT 1
) AS sealed
WHERE model.fingerprint = %(rules)s

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
