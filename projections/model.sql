-- name: schema
-- One row: which rules made this generation, and how far it has come (-1: nothing applied yet).
CREATE TABLE model (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    state text COLLATE "C" NOT NULL CHECK (state IN ('current', 'retired')),
    generation bigint NOT NULL,
    fingerprint text COLLATE "C" NOT NULL,
    index bigint NOT NULL,
    time bigint NOT NULL
);

-- name: begin
INSERT INTO model (state, generation, fingerprint, index, time)
VALUES ('current', %(generation)s, %(fingerprint)s, -1, 0)

-- name: generations
SELECT nspname FROM pg_namespace
WHERE nspname = 'read' OR nspname ~ '^read_[0-9]+$' ORDER BY nspname COLLATE "C"

-- name: lock
SELECT pg_advisory_xact_lock(hashtextextended('sijill.read.create', 0))

-- name: try_rebuild
SELECT pg_try_advisory_lock(hashtextextended('sijill.read.rebuild', 0))

-- name: end_rebuild
SELECT pg_advisory_unlock(hashtextextended('sijill.read.rebuild', 0))

-- name: enter
SELECT set_config('search_path', %(path)s, true)

-- name: position
SELECT index, generation, fingerprint FROM model

-- name: retire
-- A follower that waits for this row finds it retired and asks for its position anew; without the
-- change it would go on, with the rest of its page landing in the generation that took the name.
UPDATE model SET state = 'retired'

-- name: move
UPDATE model SET index = %(last)s, time = %(time)s
WHERE index = %(position)s AND generation = %(generation)s AND fingerprint = %(fingerprint)s
    AND state = 'current'

-- name: notify
SELECT pg_notify('sijill_read', %(size)s::text)

-- name: head
SELECT size FROM ledger.head

-- name: hurry
SELECT set_config('lock_timeout', '2s', true)
