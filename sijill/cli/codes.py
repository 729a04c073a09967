"""Exit codes: what a script learns without reading a word. `docs/reference/exit-codes.md` has them.

`sijill verify` has codes of its own above these (`infrastructure.proofs.verdict.EXIT_CODES`).
"""

DONE = 0
FAILED = 1
USAGE = 2
NOT_READY = 3
NOT_ALLOWED = 4
REFUSED = 5
FINDINGS = 6
INTERRUPTED = 130

_NOT_ALLOWED_STATUS = frozenset({401, 403})
_SERVER_ERROR = 500
_UNAVAILABLE = 503

# What an operator has to start, upgrade or free first, by the stable code of the error.
_NOT_READY_CODES = frozenset(
    {
        "not_founded",
        "no_ledger_in_folder",
        "schema_outdated",
        "database_unreachable",
        "database_busy",
        # As the ledger says it (503): this machine did not come to it in time.
        "busy",
        "database_too_old",
        "folder_in_use",
        "copy_in_use",
        "already_serving",
        "address_taken",
        "not_ready",
        "start_failed",
        "ledger_unreachable",
        # A proxy or a portal answered: whatever its status, the ledger was not reached.
        "not_a_ledger",
    }
)
# A word or a file that the command line names, or a variable, that cannot be used.
_USAGE_PREFIXES = ("key_file_", "input_", "setting_")
_USAGE_CODES = frozenset(
    {
        "address_missing",
        "column_missing",
        "holidays_unusable",
        "seal_name_unusable",
        "trust_missing",
    }
)
# The ledger refuses with these, too: one code, one exit, wherever it is found.
_REFUSED_CODES = frozenset(
    {
        "attachment_not_recorded",
        "document_not_in_force",
        "document_of_pages",
        "evidence_too_large",
        "paper_unusable",
        "template_unusable",
        "text_unprintable",
    }
)


def of_problem(status: int) -> int:
    """The exit code for a problem that the ledger answered with this HTTP status."""
    if status in _NOT_ALLOWED_STATUS:
        return NOT_ALLOWED
    if status == _UNAVAILABLE:
        return NOT_READY
    return FAILED if status >= _SERVER_ERROR else REFUSED


def of_code(code: str) -> int:
    """The exit code for what went wrong on this machine, by its stable code."""
    if code in _NOT_READY_CODES:
        return NOT_READY
    if code in _REFUSED_CODES:
        return REFUSED
    return USAGE if code in _USAGE_CODES or code.startswith(_USAGE_PREFIXES) else FAILED
