"""The rules of acts about agencies."""

from datetime import date

from domain.agencies import record
from domain.agencies.commands import (
    AddAgency,
    CloseAgency,
    LinkAgency,
    ReinstateAgency,
    RenameAgency,
    ReparentAgency,
    SuspendAgency,
)
from domain.errors import (
    AgencyAlreadyLinked,
    AgencyAlreadySuspended,
    AgencyClosed,
    AgencyExists,
    AgencyHierarchyLoop,
    AgencyHierarchyTooDeep,
    AgencyNotLinked,
    AgencyNotPlanned,
    AgencyNotSuspended,
    AgencyUnknown,
    FounderProtected,
    ParentClosed,
    ParentUnchanged,
    ParentUnknown,
)
from domain.ledger import Registry, Sitting, desk
from domain.values import Standing

DEEPEST = 16
"""How many agencies may stand above each other; the real tree has four levels."""


@desk(AddAgency)
def add(order: AddAgency, sitting: Sitting) -> None:
    """Enter an agency under a parent that exists."""
    if sitting.find("agency", order.subject) is not None:
        raise AgencyExists(agency=order.subject)
    if order.parent is not None:
        _check_parent(order.parent, order.subject, sitting.today, sitting)
    stream = sitting.new_stream()
    sitting.record(record.Added, on=stream)
    sitting.claim("agency", order.subject, stream)


@desk(LinkAgency)
def link(order: LinkAgency, sitting: Sitting) -> None:
    """Link a planned agency."""
    registry, agency = found(order.subject, sitting)
    if agency.standing is Standing.LINKED:
        raise AgencyAlreadyLinked(agency=agency.id)
    if agency.standing is not Standing.PLANNED:
        raise AgencyNotPlanned(agency=agency.id)
    sitting.record(record.Linked, on=registry)


@desk(SuspendAgency)
def suspend(order: SuspendAgency, sitting: Sitting) -> None:
    """Suspend a linked agency that is not a founder."""
    registry, agency = found(order.subject, sitting)
    if agency.founder:
        raise FounderProtected(agency=agency.id)
    if agency.standing is Standing.SUSPENDED:
        raise AgencyAlreadySuspended(agency=agency.id)
    if agency.standing is not Standing.LINKED:
        raise AgencyNotLinked(agency=agency.id)
    sitting.record(record.Suspended, on=registry)


@desk(ReinstateAgency)
def reinstate(order: ReinstateAgency, sitting: Sitting) -> None:
    """Reinstate a suspended agency."""
    registry, agency = found(order.subject, sitting)
    if agency.standing is not Standing.SUSPENDED:
        raise AgencyNotSuspended(agency=agency.id)
    sitting.record(record.Reinstated, on=registry)


@desk(CloseAgency)
def close(order: CloseAgency, sitting: Sitting) -> None:
    """Close an agency that is not a founder."""
    registry, agency = found(order.subject, sitting)
    if agency.founder:
        raise FounderProtected(agency=agency.id)
    sitting.record(record.Closed, on=registry)


@desk(RenameAgency)
def rename(order: RenameAgency, sitting: Sitting) -> None:
    """Rename an agency."""
    registry, _ = found(order.subject, sitting)
    sitting.record(record.Renamed, on=registry)


@desk(ReparentAgency)
def reparent(order: ReparentAgency, sitting: Sitting) -> None:
    """Put an agency under another parent without closing a loop."""
    registry, agency = found(order.subject, sitting)
    since = date.fromisoformat(order.effective_date)
    if agency.parent_on(since) == order.parent:
        raise ParentUnchanged(agency=agency.id)
    if order.parent is not None:
        _check_parent(order.parent, agency.id, since, sitting)
    sitting.record(record.Reparented, on=registry)


def found(agency: str, sitting: Sitting) -> tuple[Registry, record.AgencyState]:
    """An agency that something may still be done to, and the record that holds it.

    Raises:
        AgencyUnknown: there is none. AgencyClosed: it has ended.
    """
    registry = sitting.registry("agency", agency)
    if registry is None:
        raise AgencyUnknown(agency=agency)
    state = registry.agencies[agency]
    if state.standing is Standing.CLOSED:
        raise AgencyClosed(agency=agency)
    return registry, state


def _check_parent(parent: str, subject: str, since: date, sitting: Sitting) -> None:
    """Every agency above the new parent is read, and so guarded: two re-parentings cannot race."""
    if _parent(parent, sitting).standing is Standing.CLOSED:
        raise ParentClosed(agency=parent)
    above, levels = {parent}, 0
    while above:
        levels += 1
        if subject in above:
            raise AgencyHierarchyLoop(agency=subject)
        if levels > DEEPEST:
            raise AgencyHierarchyTooDeep(levels=DEEPEST)
        above = {up for one in above for up in _parent(one, sitting).parents_from(since)}


def _parent(agency: str, sitting: Sitting) -> record.AgencyState:
    try:
        return sitting.agency(agency)
    except AgencyUnknown:
        raise ParentUnknown(agency=agency) from None
