"""Which letters are answered: a reply counts once it is sent to whom it is for, and while it is.

A copy of it answers nobody, and what comes back or is taken back has answered nothing.
"""

from collections.abc import Iterator
from typing import Final

from infrastructure.log.follower import Recorded
from infrastructure.proofs.heirs import step
from projections.agencies import AGENCIES
from projections.rows import WorkingSet
from projections.transfers.record import CONSIGNMENTS, PAPER_IN, Consignment, Letter, ranked

CAME_BACK: Final = frozenset({"withdrawn", "returned", "refused"})


def answer(event: Recorded, rows: WorkingSet, letter: Letter, row: Consignment) -> None:
    """Let what the letter answers, if anything, be answered by this consignment of it."""
    answered = _answered_by(rows, letter)
    if answered is not None and _reaches(rows, answered, row):
        _put(event, rows, answered, [*answered.replies, row.log_index])


def unanswer(event: Recorded, rows: WorkingSet, letter: Letter, row: Consignment) -> None:
    """Let what the letter answers be unanswered by a consignment that has come to nothing."""
    answered = _answered_by(rows, letter) if row.business in CAME_BACK else None
    if answered is not None:
        left = [index for index in answered.replies if index != row.log_index]
        _put(event, rows, answered, left)


def _answered_by(rows: WorkingSet, letter: Letter) -> Consignment | None:
    return None if letter.answers is None else rows.need(CONSIGNMENTS, letter.answers)


def _put(event: Recorded, rows: WorkingSet, answered: Consignment, replies: list[int]) -> None:
    rows.put(CONSIGNMENTS, ranked(answered._replace(replies=replies)), event.index)


def _reaches(rows: WorkingSet, answered: Consignment, row: Consignment) -> bool:
    """Whether a reply goes to whoever waits for it."""
    if row.role == PAPER_IN:
        return True
    if answered.transport == PAPER_IN:
        # Whose letter came on paper is named by the reply alone.
        return row.role in ("to", "outside")
    return row.role == "to" and row.addressee in set(_answering_for(rows, answered.sender))


def _answering_for(rows: WorkingSet, agency: str) -> Iterator[str]:
    """The agency, and those that came to answer for all of it, one after the other."""
    index = -1
    yield agency
    # `prepare` has loaded every agency that was succeeded to.
    while (row := rows.peek(AGENCIES, agency)) is not None:
        taken = step(row.successions, None, None, after=index)
        if taken is None:
            return
        agency, index = taken["successor"], taken["index"]
        yield agency
