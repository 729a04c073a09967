"""Who answers for what an agency did: the lawful successor of a series of it.

Bodies are merged and split, and what was open moves with them: certificates, letters, custody,
requests, registers. None of those records is touched for it. Whoever asks whose a record is follows
what the registry holds, from the body that made it, as far as it has been given on. So a merger of
any size is one event, an act before it and one after it are told apart by their indexes alone, and
whatever a desk reads on the way guards its decision.
"""

from collections.abc import Callable

from domain.agencies.commands import MergeAgency, SplitAgency
from domain.agencies.desk import found
from domain.agencies.record import AgencyState, Merged, Split
from domain.errors import (
    AgencyNotLinked,
    AgencyUnknown,
    FounderProtected,
    SharesRepeated,
    SuccessionEmpty,
    SuccessorAgencyUnknown,
)
from domain.ledger import Registry, Sitting, desk
from domain.values import Standing


def responsible(
    agency: str,
    unit: str | None,
    series: str | None,
    state_of: Callable[[str], AgencyState],
) -> str:
    """The body that answers for a series of an agency; the agency itself where nobody follows it.

    A body may be given back what it once gave away, so each step looks only at what was recorded
    after the step before it; that is also why this ends.

    Args:
        agency: the body that made the record.
        unit: the register unit of the record; None asks for the agency as a whole.
        series: its number series.
        state_of: an agency's state, by its id.
    """
    index = -1
    while (step := state_of(agency).succession(unit, series, after=index)) is not None:
        agency, index = step.successor, step.index
    return agency


@desk(MergeAgency)
def merge(order: MergeAgency, sitting: Sitting) -> None:
    """End an agency that is not a founder in one that is linked."""
    registry, agency = _to_be_followed(order.subject, sitting, whole=True)
    if agency.founder:
        raise FounderProtected(agency=agency.id)
    sitting.check_not_future(order.effective_date)
    _check_successor(order.successor, agency.id, sitting)
    sitting.record(Merged, on=registry)


@desk(SplitAgency)
def split(order: SplitAgency, sitting: Sitting) -> None:
    """Give parts of an agency that is not a founder to bodies that are linked."""
    registry, agency = _to_be_followed(order.subject, sitting, whole=order.rest is not None)
    if agency.founder:
        raise FounderProtected(agency=agency.id)
    sitting.check_not_future(order.effective_date)
    parts = [(share.unit, share.series) for share in order.shares]
    if len(parts) > len(set(parts)):
        raise SharesRepeated(agency=agency.id)
    for successor in {share.successor for share in order.shares} | {order.rest or ""} - {""}:
        _check_successor(successor, agency.id, sitting)
    sitting.record(Split, on=registry)


def _to_be_followed(agency: str, sitting: Sitting, *, whole: bool) -> tuple[Registry, AgencyState]:
    """An agency that goes on, or one that was closed and that nobody follows, if all of it goes.

    Closing takes one founder. Did it stay so, whatever the body holds would be beyond everybody.

    Raises:
        AgencyUnknown: there is none. AgencyClosed: it has a successor, or would have none for a
            part of it.
    """
    registry = sitting.registry("agency", agency)
    if whole and registry is not None:
        state = registry.agencies[agency]
        if state.succession(None, None, after=-1) is None:
            return registry, state
    return found(agency, sitting)


def _check_successor(successor: str, subject: str, sitting: Sitting) -> None:
    if successor == subject:
        raise SuccessionEmpty(agency=subject)
    try:
        state = sitting.agency(successor)
    except AgencyUnknown:
        raise SuccessorAgencyUnknown(agency=successor) from None
    if state.standing is not Standing.LINKED:
        raise AgencyNotLinked(agency=successor)
