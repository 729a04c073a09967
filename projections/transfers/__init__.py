"""Letters as readers see them: by name, in inboxes and outboxes, and as a chain of events."""

from typing import Final

from projections.projector import Projector
from projections.transfers import events, needing
from projections.transfers.queries import (
    STATEMENTS,
    Counted,
    Filter,
    Heard,
    Listed,
    Step,
    as_taken_back,
    box,
    chain,
    consignment,
    consignments_of,
    counted,
    heard,
    is_party,
    letter,
    letters_of,
    may_read_values,
    parties_of,
    served,
    stood_for,
    succeeded,
    taken_back,
)
from projections.transfers.record import (
    CONSIGNMENTS,
    HAPPENED,
    LETTERS,
    PARTIES,
    Consignment,
    Happened,
    Letter,
    name_of,
)

__all__ = [
    "CONSIGNMENTS",
    "HAPPENED",
    "LETTERS",
    "PARTIES",
    "PROJECTOR",
    "Consignment",
    "Counted",
    "Filter",
    "Happened",
    "Heard",
    "Letter",
    "Listed",
    "Step",
    "as_taken_back",
    "box",
    "chain",
    "consignment",
    "consignments_of",
    "counted",
    "heard",
    "is_party",
    "letter",
    "letters_of",
    "may_read_values",
    "name_of",
    "parties_of",
    "served",
    "stood_for",
    "succeeded",
    "taken_back",
]

PROJECTOR: Final = Projector(
    name="transfers",
    version=3,
    statements=STATEMENTS,
    handlers=events.HANDLERS,
    tables=(LETTERS, CONSIGNMENTS, PARTIES),
    journals=(HAPPENED,),
    needs=needing.needs,
    prepare=needing.prepare,
)
