"""Which ledger a database holds: what its event 0 says."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from infrastructure.log.reader import LoggedEvent
from infrastructure.proofs import canonical, leaf


class NotFounded(Exception):
    """The database holds no ledger: `sijill init` makes one."""

    code = "not_founded"


class NoLedger(Exception):
    """Nothing was founded in this folder: it is another one that is meant, or `sijill init` waits.

    Told apart from an empty database, because whoever mistypes `--data` has to see the path.
    """

    code = "no_ledger_in_folder"

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path


@dataclass(frozen=True, slots=True)
class Identity:
    """What event 0 says about the ledger, and its id."""

    ledger: bytes
    origin: str
    founders: tuple[str, ...]
    log_vkey: str
    receipts_vkey: str


def identity_of(events: Sequence[LoggedEvent]) -> Identity:
    """The identity of a ledger from its first event.

    Raises:
        NotFounded: there is none.
    """
    if not events:
        raise NotFounded
    body = leaf.split_body(events[0].body)
    said = canonical.parse(body.statement, limit_bytes=len(body.statement))
    return Identity(
        ledger=events[0].leaf_hash,
        origin=said["origin"],
        founders=tuple(founder["id"] for founder in said["founders"]),
        log_vkey=said["log_key"],
        receipts_vkey=said["receipt_key"],
    )
