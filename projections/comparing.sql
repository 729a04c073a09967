-- name: left_behind
-- Scratches named after a connection that is no more: whoever made them was killed.
SELECT nspname FROM pg_namespace
WHERE nspname ~ '^scratch_[0-9]+$' AND NOT EXISTS (
    SELECT FROM pg_stat_activity WHERE pid::text = substr(nspname, length('scratch_') + 1)
)
ORDER BY nspname COLLATE "C"

-- name: lock
-- Two checks that begin at once would drop the same.
SELECT pg_advisory_xact_lock(hashtextextended('sijill.read.scratch', 0))
