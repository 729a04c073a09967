-- name: status
SELECT model.generation, model.fingerprint, model.index, model.time,
    head.size AS head_size, head.time AS head_time,
    (SELECT events.time FROM ledger.events WHERE events.index = model.index + 1) AS waiting_since,
    (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS clock
FROM read.model CROSS JOIN ledger.head

-- name: recorded
SELECT events.time FROM ledger.events WHERE events.index = %(at)s
