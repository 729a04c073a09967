"""Who may order what, and whose signatures must stand beside theirs.

An order is judged by the agency and its standing, then by the signing key, its condition and its
scope, then by the signatures that the act table asks for. Only the head of the ledger counts here:
what a compromise does to acts of the past is a matter of verdicts and of re-affirmation.
It must not know what an act does to its record.
"""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from domain.acts import Command, Cosigning, Scope
from domain.authority.condition import administered, administers, live_key
from domain.errors import (
    AgencyClosed,
    AgencyNotLinked,
    AgencySuspended,
    AgencyUnknown,
    KeyForeign,
    KeyNotFound,
    KeyUnknown,
    NotEntitled,
    OrderExpired,
    PossessionMismatch,
    Refusal,
    ScopeMissing,
    ValidUntilMissing,
    ValidUntilTooFar,
)
from domain.ledger.decisions import Requirement, Wanted
from domain.values import MICROSECONDS, Standing

if TYPE_CHECKING:
    from domain.agencies import AgencyState
    from domain.keys import KeyState
    from domain.ledger.sitting import Sitting

PRIVILEGED = frozenset({Scope.AUDIT, Scope.COURT, Scope.OPERATE, Scope.ATTEST, Scope.RECOVERY})
"""Scopes that no agency grants itself: both founders sign their enrolment."""

LONGEST_WAIT_SECONDS = 30 * 86_400
_DAY_SECONDS = 86_400
_Group = frozenset[Wanted]

_STANDING_REFUSALS: dict[Standing, type[Refusal]] = {
    Standing.PLANNED: AgencyNotLinked,
    Standing.SUSPENDED: AgencySuspended,
    Standing.CLOSED: AgencyClosed,
}


class Bench(NamedTuple):
    """Who signed an order, each key judged: the one that ordered it, and the others."""

    order: Any
    sitting: "Sitting"
    agency: "AgencyState"
    signer: "KeyState"
    cosigners: "tuple[KeyState, ...]"


def require(order: Command, sitting: "Sitting") -> Requirement:
    """Judge the signatures under an order.

    Returns:
        The signatures that are still missing; every signature that is there was found good.

    Raises:
        Refusal: the order's time, agency, keys or scope do not entitle it.
    """
    _check_validity(order, sitting)
    if order.ACT.cosigning is Cosigning.GENESIS:
        return _missing(_genesis(order, sitting), lambda wanted: wanted.key in sitting.signed.keys)
    bench = _seat(order, sitting)
    groups = _RULES[order.ACT.cosigning](bench)
    if groups and order.valid_until is None:
        raise ValidUntilMissing
    return _missing(groups, lambda wanted: _answered(wanted, bench))


def founders(sitting: "Sitting") -> tuple[str, ...]:
    """The ids of the two founding authorities, the operator's first."""
    registry = sitting.registry("ledger", "foundation")
    return tuple(registry.agencies) if registry else ()


def _check_validity(order: Command, sitting: "Sitting") -> None:
    if order.valid_until is None:
        return
    now, until = sitting.signed.now, order.valid_until * MICROSECONDS
    if now > until:
        raise OrderExpired(valid_until=order.valid_until)
    if until > now + (LONGEST_WAIT_SECONDS + _DAY_SECONDS) * MICROSECONDS:
        # The day is for clocks and for the signing itself; the signatures' own end is exact.
        raise ValidUntilTooFar(days=LONGEST_WAIT_SECONDS // _DAY_SECONDS)


def _seat(order: Command, sitting: "Sitting") -> Bench:
    signed = sitting.signed
    agency = sitting.agency(order.agency)
    signer = live_key(signed.keys[0], sitting)
    if order.agency != signed.agency or order.agency != signer.agency:
        raise KeyForeign(key=signer.thumbprint, agency=order.agency)
    check_standing(agency, order.ACT.standings)
    if order.ACT.founders_only and not agency.founder:
        raise NotEntitled(agency=agency.id)
    if signed.possession is not None and order.ACT.cosigning is not Cosigning.ENROLMENT:
        raise PossessionMismatch
    cosigners = []
    for thumbprint in signed.keys[1:]:
        if thumbprint == signed.possession:
            continue
        cosigner = live_key(thumbprint, sitting)
        check_standing(sitting.agency(cosigner.agency), order.ACT.standings)
        cosigners.append(cosigner)
    bench = Bench(order, sitting, agency, signer, tuple(cosigners))
    _check_scope(bench)
    return bench


def check_standing(agency: "AgencyState", allowed: frozenset[Standing]) -> None:
    """Return when an agency stands where it may act.

    Raises:
        Refusal: it does not, and where it stands instead.
    """
    if agency.standing not in allowed:
        raise _STANDING_REFUSALS[agency.standing](agency=agency.id)


def _check_scope(bench: Bench) -> None:
    scope = bench.order.ACT.scope
    if scope in bench.signer.scopes:
        return
    about_own_keys = bench.order.ACT.cosigning in {Cosigning.ENROLMENT, Cosigning.COMPROMISE}
    if about_own_keys and administers(bench.signer, _subject(bench)):
        return
    raise ScopeMissing(scope=scope.value, key=bench.signer.thumbprint)


def _subject(bench: Bench) -> str:
    """The agency whose key the order is about."""
    if bench.order.ACT.cosigning is Cosigning.ENROLMENT:
        return str(bench.order.subject)
    return _key_in_question(bench).agency


def _key_in_question(bench: Bench) -> "KeyState":
    key = bench.sitting.key(bench.order.key)
    if key is None:
        raise KeyNotFound(key=bench.order.key)
    return key


def _nobody(bench: Bench) -> list[_Group]:
    del bench
    return []


def _officers(bench: Bench) -> list[_Group]:
    if bench.order.officers(bench.sitting) == 1:
        return []
    scope = bench.order.ACT.scope.value
    return [frozenset({Wanted("officer", bench.agency.id, scope)})]


def _authorities(bench: Bench) -> list[_Group]:
    others = [founder for founder in founders(bench.sitting) if founder != bench.agency.id]
    return [frozenset({_authority(founder)}) for founder in others]


def _compromise(bench: Bench) -> list[_Group]:
    """A recovery key outlives the key it is kept for: a thief of the one must not end the other."""
    key = _key_in_question(bench)
    if key.agency != bench.agency.id:
        if not bench.agency.founder:
            raise NotEntitled(agency=bench.agency.id)
        return _authorities(bench)
    another = key.thumbprint != bench.signer.thumbprint
    return _authorities(bench) if another and Scope.RECOVERY in key.scopes else []


def _enrolment(bench: Bench) -> list[_Group]:
    """Possession always; then the agency's own administrator, or the ceremony of the founders."""
    order, sitting, agency = bench.order, bench.sitting, bench.agency
    subject = sitting.agency(order.subject)
    if subject.standing is Standing.CLOSED:
        raise AgencyClosed(agency=subject.id)
    if sitting.signed.possession not in (None, order.thumbprint):
        raise PossessionMismatch
    groups = [frozenset({Wanted("possession", subject.id, key=order.thumbprint)})]
    if administered(subject.id, sitting):
        groups += _by_administrator(bench, subject)
    else:
        groups.append(_ceremony(bench, subject))
    if PRIVILEGED & order.granted:
        groups += _authorities(bench) if agency.founder else _each(founders(sitting))
    elif Scope.CUSTODIAL in order.granted and not (agency.founder or subject.founder):
        groups.append(frozenset(_authority(founder) for founder in founders(sitting)))
    return groups


def _by_administrator(bench: Bench, subject: "AgencyState") -> list[_Group]:
    if bench.agency.id == subject.id:
        return []
    if not bench.agency.founder:
        raise NotEntitled(agency=bench.agency.id)
    return [frozenset({Wanted("administrator", subject.id, Scope.ADMINISTER.value)})]


def _ceremony(bench: Bench, subject: "AgencyState") -> _Group:
    """For a first key, or after total loss: both founders, or one and the linked parent."""
    sitting, agency = bench.sitting, bench.agency
    parent = _standing_parent(subject, sitting)
    if agency.id == parent:
        return frozenset(_authority(founder) for founder in founders(sitting))
    if not agency.founder:
        raise NotEntitled(agency=agency.id)
    wanted = [_authority(founder) for founder in founders(sitting) if founder != agency.id]
    if parent is not None:
        wanted.append(Wanted("parent", parent, Scope.ADMINISTER.value))
    return frozenset(wanted)


def _standing_parent(subject: "AgencyState", sitting: "Sitting") -> str | None:
    """The linked parent that may stand in for a founder; a founder stands in for nobody."""
    parent = subject.parent_on(sitting.today)
    if parent is None:
        return None
    try:
        state = sitting.agency(parent)
    except AgencyUnknown:
        return None
    return parent if state.standing is Standing.LINKED and not state.founder else None


def _each(agencies: Iterable[str]) -> list[_Group]:
    return [frozenset({_authority(agency)}) for agency in agencies]


def _authority(founder: str) -> Wanted:
    return Wanted("authority", founder, Scope.ADMINISTER.value)


def _genesis(order: Any, sitting: "Sitting") -> list[_Group]:
    (operator, operator_key), (second, second_key) = order.founding_keys
    if order.agency != operator or sitting.signed.agency != operator:
        raise KeyForeign(agency=order.agency)
    if sitting.signed.keys[0] != operator_key:
        raise KeyUnknown(key=sitting.signed.keys[0])
    return [frozenset({Wanted("authority", second, Scope.ADMINISTER.value, second_key)})]


def _missing(groups: Iterable[_Group], answered: Callable[[Wanted], bool]) -> Requirement:
    return Requirement(frozenset(group for group in groups if not any(map(answered, group))))


def _answered(wanted: Wanted, bench: Bench) -> bool:
    if wanted.role == "possession":
        return bench.sitting.signed.possession == wanted.key
    if wanted.role == "officer":
        return any(_second_officer(key, wanted, bench.signer) for key in bench.cosigners)
    if wanted.role == "administrator":
        return any(administers(key, wanted.agency) for key in bench.cosigners)
    return any(
        key.agency == wanted.agency and Scope.ADMINISTER in key.scopes for key in bench.cosigners
    )


def _second_officer(key: "KeyState", wanted: Wanted, first: "KeyState") -> bool:
    """Four eyes are two people: another key of another officer, and not one the operator holds."""
    return (
        key.agency == wanted.agency
        and wanted.scope in key.scopes
        and key.thumbprint != first.thumbprint
        and key.officer != first.officer
        and Scope.CUSTODIAL not in key.scopes
    )


_RULES: dict[Cosigning, Callable[[Bench], list[_Group]]] = {
    Cosigning.NONE: _nobody,
    Cosigning.OFFICERS: _officers,
    Cosigning.BY_TYPE: _officers,
    Cosigning.AUTHORITIES: _authorities,
    Cosigning.ENROLMENT: _enrolment,
    Cosigning.COMPROMISE: _compromise,
}
