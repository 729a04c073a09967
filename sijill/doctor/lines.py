"""What the doctor says: a line for each thing looked at, and the command that mends it."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final


class State(StrEnum):
    """How a thing was found."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


CODES: Final = frozenset(
    {
        # What was found in order is told under the name of what was looked at.
        "versions",
        "key_files",
        "high_water",
        "holidays",
        "disk",
        "database",
        "schema",
        "rights",
        "durability",
        "clock",
        "ledger_keys",
        "checkpoint",
        "projection",
        "freezing",
        "replica",
        "attachments",
        "package_unfit",
        "key_file_missing",
        "key_file_readable_by_others",
        "key_file_malformed",
        "key_file_unreadable",
        "key_file_owner",
        "founder_key_here",
        "mark_missing",
        "mark_malformed",
        "holidays_unusable",
        "holidays_missing",
        "disk_low",
        "disk_full",
        "database_unreachable",
        "database_too_old",
        "database_encoding",
        "not_looked_at",
        "schema_older",
        "schema_newer",
        "right_too_many",
        "right_missing",
        "role_too_mighty",
        "login_may_rewrite",
        "owner_foreign",
        "trigger_missing",
        "procedure_altered",
        "fsync_off",
        "full_page_writes_off",
        "synchronous_commit_low",
        "clock_apart",
        "clock_drifts",
        "head_ahead",
        "log_key_foreign",
        "receipts_key_foreign",
        "vault_key_foreign",
        "rolled_back",
        "log_frozen",
        "checkpoint_late",
        "read_model_missing",
        "read_model_outdated",
        "projection_late",
        "autovacuum_off",
        "transactions_old",
        "partition_unfrozen",
        "replica_unreachable",
        "replica_foreign",
        "replica_behind",
        "replica_clock",
        "attachments_elsewhere",
    }
)
"""Every code of a line; each has a text, `doctor.<code>`, in every language."""


@dataclass(frozen=True, slots=True)
class Line:
    """One finding. `params` fill its text; `mend` is a command, empty where all is well.

    Raises:
        ValueError: nobody has words for this code.
    """

    state: State
    code: str
    params: dict[str, str | int] = field(default_factory=dict)
    mend: str = ""

    def __post_init__(self) -> None:
        """Hold the code to the list."""
        if self.code not in CODES:
            raise ValueError(self.code)


def ok(code: str, **params: str | int) -> Line:
    """What is as it should be."""
    return Line(State.OK, code, params)


def warn(code: str, mend: str, **params: str | int) -> Line:
    """What works, and will not always."""
    return Line(State.WARN, code, params, mend)


def fail(code: str, mend: str, **params: str | int) -> Line:
    """What is broken, or breaks a promise."""
    return Line(State.FAIL, code, params, mend)
