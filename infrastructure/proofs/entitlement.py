"""Who had to sign an act: section 11 of the format, over the registry's events that are shown.

For whoever judges one record by a bundle and has not the domain beside it. The streams that are
shown are whole, so an agency whose beginning was seen is known with every key that administers it.
What rests on an agency that is not shown accuses nobody and is counted.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final
from uuid import UUID

from infrastructure.proofs.acts import ActRule
from infrastructure.proofs.agencies import FAR, Agencies, Agency, Held, Unseen
from infrastructure.proofs.errors import ProofError
from infrastructure.proofs.findings import Summary
from infrastructure.proofs.keyring import KeyRing
from infrastructure.proofs.leaf import Body, Header, Leaf
from infrastructure.proofs.ordering import keys_named
from infrastructure.proofs.orders import POSSESSION_TAG, SignedRequest

Objection = tuple[str, str]
_Signs = Callable[[Held], bool]
_Group = tuple[str, _Signs]
"""A signature that must be there: its role, and whose would do."""

_PRIVILEGED: Final = frozenset({"audit", "court", "operate", "attest", "recovery"})
_IN_CUSTODY: Final = frozenset({"issue", "revoke", "register"})
_REFUSALS: Final = {
    "planned": "agency_not_linked",
    "suspended": "agency_suspended",
    "closed": "agency_closed",
}
_MICROSECONDS: Final = 1_000_000
_UNREADABLE: Final = (ProofError, KeyError, TypeError, ValueError, AttributeError)


class Entitlement:
    """Judges who signed, event by event, and learns from each that is good.

    ``two_officers`` are the certificate types of which two officers sign. ``keys`` are those that
    the walk knows, with their condition.
    """

    def __init__(
        self,
        acts: Mapping[str, ActRule],
        two_officers: frozenset[str],
        keys: KeyRing,
        summary: Summary,
    ) -> None:
        self._rules = {rule.event: rule for rule in acts.values()}
        self._two_officers = two_officers
        self._summary = summary
        self._known = Agencies(keys)
        self._types: dict[UUID, str] = {}

    def pass_over(self, header: Header | None, *, registry: bool = True) -> None:
        """An event could not be judged: of the agency or the keys on its stream less is known."""
        if header is not None or registry:
            self._known.lose(None if header is None else header.stream)

    def judge(
        self, leaf: Leaf, header: Header, body: Body | None, signed: tuple[SignedRequest, ...]
    ) -> Iterator[Objection]:
        """What stands against an event whose bytes and signatures are right."""
        said = None if body is None else body.parsed
        try:
            objection = _expired(leaf, said)
            if objection is None and leaf.index:
                objection = self._object(_Seen(leaf, header, body, signed))
        except Unseen:
            self._summary.skip("rules_not_judged", leaf.index)
            objection = None
        except _UNREADABLE as error:
            objection = "statement_unreadable", type(error).__name__
        if objection is not None or said is None:
            self._known.lose(header.stream)
        else:
            objection = self._learn(leaf.index, header, said)
        if objection is not None:
            yield objection

    def _learn(self, index: int, header: Header, said: Mapping[str, Any]) -> Objection | None:
        try:
            self._known.learn(header, said)
        except _UNREADABLE as error:
            self._known.lose(header.stream)
            return "statement_unreadable", type(error).__name__
        if index and header.version == 1 and "type" in said:
            self._types[header.stream] = str(said["type"])
        return None

    def _object(self, seen: "_Seen") -> Objection | None:
        rule = self._rules.get(seen.header.type)
        if rule is None or not rule.scope:
            return None
        agency, signer = seen.header.agency, self._known.key(seen.header.keys[0])
        if rule.founders_only and agency not in self._known.founders:
            return "signer_not_entitled", "not_entitled"
        if not self._has_scope(rule, signer, seen):
            return "signer_not_entitled", "scope_missing"
        cosigners = [self._known.key(name) for name in seen.cosigners]
        for role, signs in self._groups(rule, signer, seen):
            if not any(map(signs, cosigners)):
                return "signature_missing", role
        objection = self._conflict(seen) if rule.cosigning == "enrolment" else None
        return objection or self._misplaced([signer, *cosigners], rule)

    def _misplaced(self, held: list[Held], rule: ActRule) -> Objection | None:
        """An agency of the signers that stands where it may not sign this."""
        for one in held:
            standing = self._known.agency(one.agency).standing
            if standing not in rule.standings:
                return "signer_not_entitled", _REFUSALS.get(standing, standing)
        return None

    def _has_scope(self, rule: ActRule, signer: Held, seen: "_Seen") -> bool:
        if rule.scope in signer.scopes:
            return True
        if rule.cosigning not in {"enrolment", "compromise"}:
            return False
        said = seen.said()
        enrols = rule.cosigning == "enrolment"
        subject = said["subject"] if enrols else self._known.key(said["key"]).agency
        return signer.administers(str(subject))

    def _groups(self, rule: ActRule, signer: Held, seen: "_Seen") -> Iterator[_Group]:
        match rule.cosigning:
            case "officers":
                yield _second(rule, signer)
            case "by_type" if self._by_two(rule, signer, seen):
                yield _second(rule, signer)
            case "authorities":
                yield from self._authorities(signer.agency)
            case "compromise":
                yield from self._compromise(signer, seen)
            case "enrolment":
                yield from self._enrolment(signer, seen)

    def _by_two(self, rule: ActRule, signer: Held, seen: "_Seen") -> bool:
        """Whether two officers sign certificates of this type; it need not be known if two did."""
        _, signs = _second(rule, signer)
        if any(signs(self._known.key(name)) for name in seen.cosigners):
            return False
        kind = self._types.get(seen.header.stream)
        if seen.header.version == 1:
            kind = str(seen.said()["type"])
        if kind is None:
            raise Unseen
        return kind in self._two_officers

    def _authorities(self, *but: str) -> Iterator[_Group]:
        for founder in self._known.founders:
            if founder not in but:
                yield _authority(founder)

    def _compromise(self, signer: Held, seen: "_Seen") -> Iterator[_Group]:
        """A recovery key outlives the key it is kept for: a thief of one must not end the other."""
        name = str(seen.said()["key"])
        key = self._known.key(name)
        own = key.agency == signer.agency
        if not own and signer.agency not in self._known.founders:
            yield "authority", _nobody
        if not own or ("recovery" in key.scopes and name != seen.header.keys[0]):
            yield from self._authorities(signer.agency)

    def _enrolment(self, signer: Held, seen: "_Seen") -> Iterator[_Group]:
        """Possession always; then the agency's own administrator, or the founders' ceremony."""
        said = seen.said()
        subject, granted = str(said["subject"]), frozenset(said["scopes"])
        if not seen.possession & keys_named(seen.body).keys():
            yield "possession", _nobody
        founders = self._known.founders
        founding = signer.agency in founders
        if _PRIVILEGED & granted:
            yield from self._authorities(signer.agency) if founding else self._authorities()
        elif "custodial" in granted and not {signer.agency, subject} & set(founders):
            yield "authority", lambda key: _is_founder(key, founders)
        if signer.administers(subject):
            return
        agency = self._known.agency(subject)
        administrator: _Signs = (lambda key: key.administers(subject)) if founding else _nobody
        if self._known.administered(subject, time_us=seen.leaf.time):
            yield "administrator", administrator
            return
        # While a last key begins or ends, whoever decided may have asked for either.
        role, signs = self._ceremony(agency, signer, seen)
        yield role, lambda key: signs(key) or administrator(key)

    def _ceremony(self, agency: Agency, signer: Held, seen: "_Seen") -> _Group:
        """For a first key, or after total loss: both founders, or one and the linked parent."""
        founders = self._known.founders
        # The clock of the decision may be on the other side of midnight.
        times = (seen.leaf.time - FAR, seen.leaf.time, seen.leaf.time + FAR)
        parents = {self._known.parent(agency, time_us=time) for time in times} - {None}
        if signer.agency in parents:
            return "authority", lambda key: _is_founder(key, founders)
        if signer.agency not in founders:
            return "authority", _nobody
        others = {*founders, *parents} - {signer.agency}
        return "authority", lambda key: key.agency in others and "administer" in key.scopes

    def _conflict(self, seen: "_Seen") -> Objection | None:
        """Scopes that do not go together, or that this agency's keys never have."""
        said = seen.said()
        granted, founder = frozenset(said["scopes"]), said["subject"] in self._known.founders
        wrong = bool(granted & {"recovery", "operate"}) and not founder
        wrong = wrong or ("recovery" in granted and len(granted) > 1)
        if "custodial" in granted:
            used = granted - {"custodial"}
            wrong = wrong or not used or not used <= _IN_CUSTODY
        if wrong:
            return "not_permitted", "scopes_conflict"
        if not founder and self._known.agency(said["subject"]).standing == "closed":
            return "signer_not_entitled", "agency_closed"
        return None


class _Seen:
    """One event as it is judged: who co-signed it, and what it says where that is open."""

    def __init__(
        self, leaf: Leaf, header: Header, body: Body | None, signed: tuple[SignedRequest, ...]
    ) -> None:
        self.leaf, self.header, self.body = leaf, header, body
        self.possession = {one.keyid for one in signed if one.tag == POSSESSION_TAG}
        self.cosigners = [one for one in header.keys[1:] if one not in self.possession]

    def said(self) -> Mapping[str, Any]:
        """The statement.

        Raises:
            Unseen: it is not open.
        """
        if self.body is None:
            raise Unseen
        return self.body.parsed


def _expired(leaf: Leaf, said: Mapping[str, Any] | None) -> Objection | None:
    until = None if said is None else said.get("valid_until")
    if type(until) is int and leaf.time > until * _MICROSECONDS:
        return "order_expired", str(until)
    return None


def _second(rule: ActRule, first: Held) -> _Group:
    """Four eyes are two people: another officer's key, and not one that the operator holds."""
    return (
        "officer",
        lambda key: (
            key.agency == first.agency
            and rule.scope in key.scopes
            and key.officer != first.officer
            and "custodial" not in key.scopes
        ),
    )


def _authority(founder: str) -> _Group:
    return "authority", lambda key: key.agency == founder and "administer" in key.scopes


def _is_founder(key: Held, founders: tuple[str, ...]) -> bool:
    return key.agency in founders and "administer" in key.scopes


def _nobody(_: Held) -> bool:
    return False
