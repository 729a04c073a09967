"""Ledgers in which everything happens, by chance: orders that the domain accepts or refuses."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any

from domain.errors import Refusal
from tests.asking_authenticity import ask, by_code, on_request, proof, receive
from tests.given_when_then import (
    Order,
    Scenario,
    add,
    claims,
    code,
    digest,
    enrol,
    first_key,
    issue,
    key_of,
    linked,
    names,
    on_agency,
    on_certificate,
    order,
    verifier,
)

AGENCIES = ("moj", "moe", "moh")
_DAYS = ("2019-02-28", "2026-10-01", "2026-11-22", "2027-01-01")


@dataclass
class Wanderer:
    """Draws one order after another. Later orders name what earlier ones made, or try to."""

    random: Random
    scenario: Scenario = field(default_factory=Scenario)
    codes: list[tuple[str, str]] = field(default_factory=lambda: [("nothing", "moj")])
    keys: dict[str, list[str]] = field(default_factory=dict)
    drawn: int = 0
    proposed: str | None = None

    def begin(self) -> None:
        """Link the agencies; the others come by chance."""
        self.scenario.given(*_COURT)
        for agency in AGENCIES:
            self.scenario.given(linked(agency))
            self.keys[agency] = [agency, f"{agency}-2"]

    def wander(self, steps: int) -> Scenario:
        """Try that many orders; the scenario in which those happened that were accepted."""
        self.begin()
        while steps > 0:
            steps -= 1
            self.proposed = None
            self._try(self.random.choice(_TURNS)(self))
            if self.random.random() < 0.1:
                self.scenario.later(hours=self.random.choice((3, 7, 30)))
        return self.scenario

    def _try(self, one: Order) -> None:
        """Sign an order with keys of its agency until they are ones that will do."""
        agency = one.statement["agency"]
        officers = 2 if one.statement["act"] == "certificate.annul_revocation" else 1
        for _ in range(3):
            if agency in self.keys and not one.possession:
                one = one.signed_by(*self.random.sample(self.keys[agency][-6:], officers))
            try:
                self.scenario.world.record(one)
            except Refusal:
                continue
            self._remember(one)
            return

    def _remember(self, one: Order) -> None:
        """Let later orders name what this one made."""
        if self.proposed is not None:
            self.codes.append((self.proposed, one.statement["agency"]))
        if one.possession is not None:
            self.keys[one.statement["subject"]].append(one.possession)

    def fresh(self, kind: str) -> str:
        """A name that was not used yet."""
        self.drawn += 1
        return f"{kind}-{self.drawn}"

    def agency(self) -> str:
        return self.random.choice(AGENCIES)

    def key(self, agency: str) -> str:
        return self.random.choice(self.keys[agency])

    def code(self) -> tuple[str, str]:
        """A code's name and whose it should be, rather a recent one."""
        return self.random.choice(self.codes[-12:])

    def made(self) -> str:
        """The name of a new code; later orders name it if this one is accepted."""
        self.proposed = self.fresh("code")
        return self.proposed


def _issue(one: Wanderer) -> Order:
    number = one.random.choice(("{}/1", "م.و/{}")).format(one.random.randrange(40))
    more = {"expiry_date": "2030-01-01"} if one.random.random() < 0.3 else {}
    return issue(one.made(), one.agency(), number=number, **more)


def _on(act: str, *reasons: str | None) -> Callable[[Wanderer], Order]:
    return lambda one: _on_code(one, act, one.random.choice(reasons))


def _on_code(one: Wanderer, act: str, reason: str | None) -> Order:
    alone = True if act in _OF_ORIGINALS and one.random.random() < 0.4 else None
    return on_certificate(act, *one.code()).saying(reason=reason, original_only=alone)


_OF_ORIGINALS = ("revoke", "annul_revocation")


def _correct(one: Wanderer) -> Order:
    fields = one.random.sample(("supported_fact", "document", "addressee"), 2)
    asked = _on_code(one, "correct", "clerical_error")
    return asked.saying(
        new_code=code(one.made()),
        language=one.random.choice(("ar", "ckb")),
        claims=claims("holder_name", "supported_fact", *fields),
    )


def _original(one: Wanderer) -> Order:
    asked = _on_code(one, "original", None)
    return asked.saying(new_code=code(one.made()), claims=claims())


def _replace(one: Wanderer) -> Order:
    asked = _on_code(one, "replace", "lost")
    new = code(one.made())
    return asked.saying(new_code=new, claims=claims("document"))


def _credential(one: Wanderer) -> Order:
    asked = _on_code(one, "credential", None)
    key = key_of(one.key(asked.statement["agency"]))
    return asked.saying(key=key, claims={"credential": digest(one.fresh("credential"))})


def _supersede(one: Wanderer) -> Order:
    return _on_code(one, "supersede", "renewed").saying(by=code(one.code()[0]))


def _of_court(one: Wanderer) -> Order:
    act = one.random.choice(("suspend_by_court", "lift_court_suspension", "lay_hold"))
    name, ends = one.code()[0], f"judgment:{one.random.randrange(2)}/2026"
    if act == "lift_court_suspension":
        return _by_court(act, name, "judgment:9/2026", ends=ends)
    return _by_court(act, name, ends)


def _enrol(one: Wanderer) -> Order:
    agency, name = one.agency(), one.fresh("key")
    scopes = one.random.choice((("issue", "revoke"), ("administer", "issue", "revoke")))
    return enrol(name, agency, scopes).signed_by(one.key(agency))


def _ceremony(one: Wanderer) -> Order:
    return first_key(one.agency(), one.fresh("key"))


def _retire(one: Wanderer) -> Order:
    agency = one.agency()
    asked = order("key.retire", agency, key=key_of(one.key(agency)), reason="rotated")
    return asked.signed_by(one.key(agency))


def _compromise(one: Wanderer) -> Order:
    size = one.scenario.world.size
    as_of = one.random.randrange(size - 15, size + 1)
    key = key_of(one.key(one.agency()))
    asked = order("key.compromise", "ndc", key=key, as_of=as_of, reason="stolen")
    return asked.also_by("comsec")


def _rename(one: Wanderer) -> Order:
    return on_agency(
        "rename",
        one.agency(),
        names=names(one.fresh("name")),
        effective_date=one.random.choice(_DAYS),
    )


def _reparent(one: Wanderer) -> Order:
    parent = one.random.choice((None, "ndc", *AGENCIES))
    asked = on_agency("reparent", one.agency(), effective_date=one.random.choice(_DAYS))
    return asked.saying(parent=parent).also_by("comsec")


def _add(one: Wanderer) -> Order:
    return add(one.fresh("body"), parent=one.agency())


def _suspend_agency(one: Wanderer) -> Order:
    return on_agency("suspend", one.agency(), reason="legal_order")


def _reinstate_agency(one: Wanderer) -> Order:
    return on_agency("reinstate", one.agency())


def _in_register(verb: str, **members: Any) -> Callable[[Wanderer], Order]:
    def turn(one: Wanderer) -> Order:
        book = {"unit": "main", "series": "general", "year": one.random.choice((1998, 2026))}
        asked = order(f"register.{verb}", one.agency(), **book, **members)
        if verb in _OF_NUMBERS:
            asked = asked.saying(number=f"{one.random.randrange(20)}/1")
        if verb == "capture":
            asked = asked.saying(type="degree", date=f"{book['year']}-03-01")
        if verb in {"cover", "capture", "confirm"}:
            asked = asked.saying(grade=one.random.choice(("register_only", "paper_reply")))
        return asked

    return turn


_OF_NUMBERS = frozenset({"reserve", "void", "capture", "confirm", "strike"})
_REGISTER_TURNS = (
    _in_register("cover"),
    _in_register("uncover", reason="volume_lost"),
    _in_register("capture"),
    _in_register("capture", claims={"holder_name": digest("claim", "holder_name")}),
    _in_register("confirm", entry_state="revoked"),
    _in_register("strike", reason="misread"),
    _in_register("reserve"),
    _in_register("void", reason="not_issued"),
)
_CERTIFICATE_TURNS: tuple[Callable[[Wanderer], Order], ...] = (
    _issue,
    _issue,
    _issue,
    _on("suspend", "under_review", "holder_request"),
    _on("reinstate", "review_passed"),
    _on("revoke", "decision", "holder_deceased"),
    _on("annul_revocation", "appeal_granted"),
    _on("void", "duplicate_entry"),
    *(_on("reaffirm", None),) * 5,
    _correct,
    _original,
    _original,
    _replace,
    _supersede,
    _of_court,
    _of_court,
    _of_court,
    _credential,
    _credential,
)
_TURNS: tuple[Callable[[Wanderer], Order], ...] = (
    *_CERTIFICATE_TURNS,
    *_CERTIFICATE_TURNS,
    *_CERTIFICATE_TURNS,
    *_REGISTER_TURNS,
    *_REGISTER_TURNS,
    _enrol,
    _enrol,
    _enrol,
    _ceremony,
    _ceremony,
    _retire,
    _compromise,
    _rename,
    _reparent,
    _add,
    _suspend_agency,
    _reinstate_agency,
    _reinstate_agency,
    _reinstate_agency,
)


_COURT = (
    linked("hjc"),
    enrol("hjc-court", "hjc", ("court",)).also_by("ndc", "comsec"),
)


def _by_court(act: str, name: str, basis: str, **members: str) -> Order:
    asked = on_certificate(act, name, "hjc", legal_basis=basis, **members)
    return asked.signed_by("hjc-court")


def _given_on(act: str, agency: str, **members: Any) -> Order:
    asked = {"effective_date": "2059-12-31", "legal_basis": "law:1/2059", **members}
    return on_agency(act, agency, **asked).also_by("comsec")


def _on_moi(act: str, name: str, **members: str) -> Order:
    return on_certificate(act, name, "moi", **members)


def _questions() -> Iterator[Order]:
    """Every act on a request, once."""
    about = {"issuer": "moi", "due_date": "2027-06-01"}
    asked = [ask(name, "mof", **about) for name in ("a", "b", "c", "d")]
    yield from asked
    yield by_code("e", "a", due_date="2027-06-01").saying(agency="mof").signed_by("mof")
    yield receive("f", "a").saying(due_date="2027-06-01").signed_by("ndc-attests")
    yield proof("q", "moi")
    found = {"finding": "genuine", "grade": "register_only", "certificate": code("q")}
    found |= {"unit": "main", "series": "general"}
    yield on_request("answer", "a", "moi", finding="original_needed")
    yield on_request("answer", "a", "moi", **found)
    yield on_request("refuse", "b", "moi", reason="fee_unpaid")
    referred = {"to": "mop", "due_date": "2027-06-02", "reason": "register_moved"}
    yield on_request("refer", "c", "moi", **referred)
    yield on_request("withdraw", "d", "mof", reason="not_needed")
    for name in ("e", "f"):
        yield proof(f"p{name}", "ndc").signed_by("ndc-attests")
        said = {"finding": "genuine", "certificate": code(f"p{name}")}
        yield on_request("attest", name, "ndc", **said).signed_by("ndc-attests")


def end(scenario: Scenario) -> Scenario:
    """Let everything happen at least once, whatever chance did before."""
    scenario.given(
        linked("moi", parent="comsec"),
        enrol("moi-3", "moi"),
        *(issue(name, "moi") for name in ("a", "b", "c", "d", "e", "f")),
        _on_moi("suspend", "a", reason="under_review"),
        _on_moi("reinstate", "a", reason="review_passed"),
        _on_moi("revoke", "b", reason="decision"),
        _on_moi("annul_revocation", "b", reason="appeal_granted").also_by("moi-2"),
        _on_moi("void", "c", reason="duplicate_entry"),
        _on_moi("supersede", "d", by=code("a"), reason="renewed"),
        _on_moi("original", "a").saying(new_code=code("a2"), claims=claims()),
        _on_moi("replace", "a2", reason="lost").saying(new_code=code("a3"), claims=claims()),
        _on_moi("credential", "a", key=key_of("moi")).saying(claims={"credential": digest("x")}),
        _by_court("suspend_by_court", "a", "judgment:1/2026"),
        _by_court("suspend_by_court", "a", "judgment:2/2026"),
        _by_court("lift_court_suspension", "a", "judgment:3/2026", ends="judgment:1/2026"),
        _by_court("lift_court_suspension", "a", "judgment:3/2026", ends="judgment:2/2026"),
        _by_court("lay_hold", "a", "order:1/2026"),
        _by_court("lay_hold", "a", "order:2/2026"),
        _by_court("release_hold", "a", "order:3/2026", ends="order:1/2026"),
        _on_moi("correct", "e", reason="translation").saying(
            new_code=code("e2"), language="ckb", claims=claims("holder_name", "supported_fact")
        ),
    )
    book = {"unit": "main", "series": "general", "year": 1998}
    entry = {**book, "number": "1/98", "type": "degree", "date": "1998-03-01"}
    scenario.given(
        order("register.cover", "moi", **book, grade="register_only"),
        order("register.uncover", "moi", **book, reason="volume_lost"),
        order("register.capture", "moi", **entry, grade="register_only"),
        order("register.confirm", "moi", **book, number="1/98", grade="paper_reply"),
        order("register.reserve", "moi", **book, number="2/98"),
        order("register.void", "moi", **book, number="2/98", reason="not_issued"),
        order("register.strike", "moi", **book, number="1/98", reason="misread"),
        order("register.close", "moi", **book),
        order("register.count", "moi", **book, given=0, voided=1),
    )
    scenario.given(enrol("ndc-attests", "ndc", ("issue", "attest", "register")).also_by("comsec"))
    scenario.given(linked("mof"), linked("mop"), _questions())
    scenario.given(
        order("report.publish", "ndc", report="issuance", at=3, digest=digest("figures")),
    )
    begins = scenario.world.size
    scenario.given(
        issue("g", "moi").signed_by("moi-2"),
        order("key.compromise", "moi", key=key_of("moi-2"), as_of=begins, reason="lost"),
        _on_moi("reaffirm", "g"),
        on_agency("suspend", "moi", reason="legal_order"),
        on_agency("reinstate", "moi"),
        on_agency("rename", "moi", names=names("new"), effective_date="2026-10-01"),
        on_agency("reparent", "moi", effective_date="2026-10-01").also_by("comsec"),
        order("ledger.rotate_key", "ndc", log_key=verifier("sijill.test/log", "second")).also_by(
            "comsec"
        ),
        order("ledger.accept_clock", "ndc", clock_seconds=scenario.world.now // 1_000_000),
    )
    scenario.on("2060-01-01").given(
        _on_moi("erase", "f").also_by("moi-3"),
        order("key.retire", "moi", key=key_of("moi-3"), reason="rotated"),
        on_agency("close", "moi", reason="merged"),
        linked("one"),
        linked("two"),
        _given_on("split", "one", shares=[{"unit": "main", "series": "x", "successor": "two"}]),
        _given_on("merge", "one", successor="two"),
    )
    return scenario


def wander(seed: int, steps: int) -> Scenario:
    """A scenario of chance, the same for the same seed but for the ids that the domain draws."""
    return end(Wanderer(Random(seed)).wander(steps))
