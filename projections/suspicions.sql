-- name: add
SELECT ledger.report(
    %(day)s, %(code)s, %(kind)s, %(claimed)s, %(now)s::bigint, %(most)s::integer
)

-- name: page
-- Of an agency's own certificates, and of papers that say they are its own; of all for auditors.
SELECT reports.day, reports.code, reports.kind, reports.reports, reports.first, reports.last,
    certificate.agency AS issuer, nullif(reports.claimed, '') AS claimed
FROM ledger.reports
LEFT JOIN read.codes AS named ON named.code = reports.code AND named.until_index IS NULL
LEFT JOIN read.certificates AS certificate ON certificate.stream = named.stream
    AND certificate.until_index IS NULL
WHERE (%(from_day)s::text IS NULL OR reports.day >= %(from_day)s)
    AND (%(to_day)s::text IS NULL OR reports.day <= %(to_day)s)
    AND (%(code)s::text IS NULL OR reports.code = %(code)s)
    AND (%(agency)s::text IS NULL OR coalesce(certificate.agency, reports.claimed) = %(agency)s)
ORDER BY reports.day DESC, reports.code, reports.kind, reports.claimed
LIMIT %(limit)s
