-- name: add
SELECT ledger.report(
    %(day)s, %(code)s, %(kind)s, %(claimed)s, %(of_certificate)s::boolean, %(now)s::bigint,
    %(most)s::integer
)

-- name: places
-- Where in the books of some agencies what was reported stands; a paper of no certificate is the
-- whole agency's, whose it says it is.
SELECT DISTINCT coalesce(certificate.agency, reports.claimed) AS agency, certificate.unit,
    certificate.series
FROM ledger.reports
LEFT JOIN read.codes AS named ON named.code = reports.code AND named.until_index IS NULL
LEFT JOIN read.certificates AS certificate ON certificate.stream = named.stream
    AND certificate.until_index IS NULL
WHERE coalesce(certificate.agency, reports.claimed) = ANY (%(agencies)s::text[])

-- name: page
-- Of an agency's own certificates, and of papers that say they are its own, and of those places of
-- others; of all for auditors.
SELECT reports.day, reports.code, reports.kind, reports.reports, reports.first, reports.last,
    certificate.agency AS issuer, nullif(reports.claimed, '') AS claimed
FROM ledger.reports
LEFT JOIN read.codes AS named ON named.code = reports.code AND named.until_index IS NULL
LEFT JOIN read.certificates AS certificate ON certificate.stream = named.stream
    AND certificate.until_index IS NULL
WHERE (%(from_day)s::text IS NULL OR reports.day >= %(from_day)s)
    AND (%(to_day)s::text IS NULL OR reports.day <= %(to_day)s)
    AND (%(code)s::text IS NULL OR reports.code = %(code)s)
    AND (%(agency)s::text IS NULL OR coalesce(certificate.agency, reports.claimed) = %(agency)s
        OR EXISTS (
            SELECT FROM unnest(%(agencies)s::text[], %(units)s::text[], %(series)s::text[])
                AS place (agency, unit, series)
            WHERE place.agency = coalesce(certificate.agency, reports.claimed)
                AND place.unit IS NOT DISTINCT FROM certificate.unit
                AND place.series IS NOT DISTINCT FROM certificate.series
        ))
ORDER BY reports.day DESC, reports.code, reports.kind, reports.claimed
LIMIT %(limit)s
