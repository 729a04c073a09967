"""One book of `--since` and several sources: a check goes on from it only where both fit.

A log may be read from a database, an address or an export, and of the same log one of these may
reach less far than another. Whoever went on from a book there would call missing what was only not
taken yet. So a book knows how far each source was checked: one that falls behind itself has lost
something, which the check says; one that was never so far is left alone.

Attachments and values lie beside one source and are checked behind the log. How far that came is a
mark of its own, so that a check that was cut off in between leaves none of them behind.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from infrastructure.proofs import merkle
from infrastructure.proofs.earlier import Earlier
from infrastructure.proofs.errors import ProofError
from infrastructure.proofs.findings import Summary
from infrastructure.proofs.material import Source
from sijill.notebook import FORMAT

_SOURCES: Final = "sources"
_ATTACHED: Final = "attached"


class BookOfAnother(Exception):
    """The book, or the checkpoint in its place, is of another ledger than the one to be checked."""

    code = "input_notebook_other"

    def __init__(self, path: Path) -> None:
        super().__init__(self.code)
        self.params = {"path": str(path)}


class BookAhead(Exception):
    """The book was kept at another source of this log, and this one does not reach so far."""

    code = "input_notebook_ahead"

    def __init__(self, path: Path, events: int) -> None:
        super().__init__(self.code)
        self.params: dict[str, str | int] = {"path": str(path), "events": events}


def sources(state: Mapping[str, Any]) -> dict[str, int]:
    """How far each source was checked; nothing where the book is older than that."""
    return dict(state.get(_SOURCES, {}))


def attached(state: Mapping[str, Any], name: str) -> int:
    """From where on attachments and values beside a source are still to be checked."""
    return int(state.get(_ATTACHED, {}).get(name, 0))


def page(state: Mapping[str, Any], before: Mapping[str, Any], name: str) -> dict[str, Any]:
    """What is kept of a check: where it stands, and that it stands there by this source.

    `before` is what was kept when it began.
    """
    known = sources(before)
    reached = max(known.get(name, 0), state["size"])
    marks = {_SOURCES: {**known, name: reached}, _ATTACHED: before.get(_ATTACHED, {})}
    return {"format": FORMAT, **state, **marks}


def page_attached(
    state: Mapping[str, Any], name: str, earlier: Earlier, summary: Summary
) -> dict[str, Any]:
    """The same once the attachments and values beside this source are checked as well."""
    reached = max(attached(state, name), summary.size)
    marks = {**state.get(_ATTACHED, {}), name: reached}
    return {**state, "earlier": earlier.state(summary), _ATTACHED: marks}


def require_fit(source: Source, name: str, state: Mapping[str, Any] | None, path: Path) -> None:
    """Return where a check of this source may go on from the book.

    Raises:
        BookOfAnother, BookAhead: it would accuse a log that is as it should be.
    """
    known = {} if state is None else sources(state)
    # A check that began on an empty log holds nothing to fit: no event said yet which log it is.
    if state is None or not known or not state["size"]:
        return
    try:
        first = next(iter(source.entries()), None)
        if name not in known and first is not None:
            ledger = merkle.leaf_hash(first).hex()
            if ledger != state["judge"]["ledger"]:
                raise BookOfAnother(path)
        lost = not _reaches(source, known.get(name, 0))
        if not lost and not _reaches(source, state["size"]):
            raise BookAhead(path, state["size"])
    except ProofError:
        # What cannot be read is for the check to name.
        return


def _reaches(source: Source, size: int) -> bool:
    return size == 0 or next(iter(source.entries(size - 1)), None) is not None
