-- name: status
SELECT model.generation, model.fingerprint, model.index, model.time,
    head.size AS head_size, head.time AS head_time,
    (SELECT events.time FROM ledger.events WHERE events.index = model.index + 1) AS waiting_since,
    (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS clock
FROM read.model CROSS JOIN ledger.head

-- name: recorded
SELECT events.time FROM ledger.events WHERE events.index = %(at)s

-- name: confirmed
-- Of the ends that the log is known to have had, the newest one that this server holds and has
-- applied: by the leaf's hash, which only the same history comes to.
SELECT model.index + 1 AS events,
    (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS clock,
    (SELECT max(known.moment)
        FROM unnest(%(moments)s::float8[], %(sizes)s::bigint[], %(hashes)s::bytea[])
            AS known (moment, size, hash)
        JOIN ledger.events ON events.index = known.size - 1 AND events.leaf_hash = known.hash
        WHERE known.size <= model.index + 1
    ) AS moment
FROM read.model WHERE model.fingerprint = %(rules)s
