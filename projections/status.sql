-- name: schema
-- What a status list says of an original, where it was ever something else than *valid*.
CREATE TABLE statuses (
    code text COLLATE "C" NOT NULL,
    status_list integer NOT NULL,
    status_index integer NOT NULL,
    status integer NOT NULL,
    since_index bigint NOT NULL,
    until_index bigint,
    PRIMARY KEY (code, since_index)
);
CREATE INDEX statuses_by_list ON statuses (status_list);

-- name: listed
SELECT statuses.status_index, statuses.status
FROM read.model JOIN read.statuses ON statuses.status_list = %(list)s AND statuses.status > 0
    AND statuses.since_index <= coalesce(%(at)s::bigint, model.index)
    AND (statuses.until_index > coalesce(%(at)s::bigint, model.index)
        OR statuses.until_index IS NULL)
