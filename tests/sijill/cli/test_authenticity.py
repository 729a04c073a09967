"""Authenticity from the command line: asked, queued, answered, fetched by the holder, reported."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import pytest

from domain.catalogue.calendar import CALENDAR
from infrastructure.proofs.codes import for_people
from sijill.cli import proving
from sijill.client import Draft, Unreachable
from tests.attesting import due
from tests.processes import until
from tests.serving import Agency, Served, act
from tests.sijill.cli.conftest import Ran, Shell

HERE = ("--unit", "archive", "--series", "general")
BOOK = ("archive", "general", "1998")


@dataclass
class Counter:
    """A shell at which two bodies sit: `asker` asks and `issuer` answers."""

    shell: Shell
    issuer: Agency
    asking: Agency

    def asker(self, *arguments: str, stdin: str = "") -> Ran:
        return self.shell("authenticity", *arguments, *self._as(self.asking), stdin=stdin)

    def answers(self, *arguments: str) -> Ran:
        return self.shell("authenticity", *arguments, *self._as(self.issuer))

    def anybody(self, *arguments: str, stdin: str = "") -> Ran:
        return self.shell("authenticity", *arguments, "--output", "json", stdin=stdin)

    def registers(self, *arguments: str) -> Ran:
        return self.shell("register", *arguments, *self._as(self.issuer))

    def ask(self, number: str, *more: str) -> dict[str, Any]:
        paper = ("--type", "degree", "--number", number, "--date", "1998-07-01")
        ran = self.asker("request", "--issuer", self.issuer.name, *paper, *more)
        assert ran.code == 0, ran.err
        return dict(ran.json)

    def _as(self, agency: Agency) -> tuple[str, ...]:
        key = self.shell.folder / f"{agency.name}.pem"
        return ("--key", str(key), "--agency", agency.name, "--output", "json")


@pytest.fixture
def counter(shell: Shell, served: Served) -> Counter:
    asker, issuer = served.agency(), served.agency()
    for agency in (asker, issuer):
        shell.key(agency.name, agency.key)
    shell.settle = served.settle
    shell.set(SIJILL_URL=served.url)
    return Counter(shell, issuer, asker)


def test_a_holder_at_the_counter_fetches_what_the_issuer_answered(counter: Counter) -> None:
    asked = counter.ask("12", "--counter", "--field", "holder_name=حامل 0001")
    assert (asked["state"], asked["channel"]) == ("open", "counter")
    fetched = counter.anybody("fetch", asked["request"], stdin=asked["holder_secret"] + "\n")
    assert fetched.json["state"] == "open"

    [waiting] = counter.answers("list", "--role", "addressee", "--in-state", "open").json["items"]
    assert waiting["request"] == asked["request"]
    shown = counter.answers("show", for_people(waiting["request"])).json
    assert shown["values"] == {"holder_name": "حامل 0001"}
    said = ("--finding", "genuine", "--grade", "register_only", *HERE)
    answered = counter.answers("answer", waiting["request"], *said)
    assert answered.code == 0, answered.err

    fetched = counter.anybody("fetch", asked["request"], stdin=asked["holder_secret"] + "\n")
    assert (fetched.json["state"], fetched.json["finding"]) == ("answered", "genuine")
    assert fetched.json["certificate"] == answered.json["certificate"]
    verified = counter.shell("verify", fetched.json["certificate"], "--output", "json")
    assert verified.json["record"]["agency"] == counter.issuer.name
    wrong = counter.anybody("fetch", asked["request"], stdin="guessed\n")
    assert (wrong.code, "code_or_secret_wrong" in wrong.err) == (5, True)


def test_a_question_is_due_in_three_working_days(counter: Counter) -> None:
    asked = counter.ask("1")
    today = date.fromisoformat(counter.issuer.served.anybody().get("/v1/calendar")["today"])
    assert asked["due_date"] in {
        CALENDAR.after(today - timedelta(days=ago), 3).isoformat() for ago in (0, 1)
    }
    later = (today + timedelta(days=30)).isoformat()
    assert counter.ask("2", "--due", later)["due_date"] == later


def test_an_answer_that_was_cut_off_is_given_with_a_certificate_that_says_the_same(
    counter: Counter,
) -> None:
    """The first try issued a certificate that says genuine, and ended before its answer."""
    asked = counter.ask("77")
    issued = counter.issuer.issue(
        type="authenticity",
        unit="authenticity",
        number=str(asked["requested_index"]),
        values={
            "document_reference": "77",
            "finding": "genuine",
            "holder_name": None,
            "supported_fact": None,
        },
    )["code"]

    said = ("--finding", "changed", "--grade", "original_sighted", *HERE)
    answered = counter.answers("answer", asked["request"], *said)

    assert answered.code == 0, answered.err
    proof = answered.json["certificate"]
    assert proof != issued
    values = counter.issuer.client.get(f"/v1/certificates/{proof}")["values"]
    assert values["finding"] != "genuine"
    old = counter.shell("verify", issued, "--output", "json").json
    assert (old["outcome"], old["reason"]) == ("withdrawn", "superseded")


def certificates(counter: Counter) -> list[tuple[str, str]]:
    """Code and state of the issuer's authenticity certificates."""
    query: dict[str, Any] = {"unit": "authenticity"}
    found = counter.issuer.client.pages("/v1/certificates", limit=100, **query)
    return [(one["code"], one["state"]) for one in found]


def test_an_answer_that_is_refused_leaves_no_certificate(counter: Counter) -> None:
    asked, sure = counter.ask("55"), ("--grade", "register_only", *HERE)
    genuine = ("answer", asked["request"], "--finding", "genuine", *sure)
    assert counter.registers("cover", *BOOK, "--grade", "register_only").code == 0

    for said, code in (
        (genuine, "register_covered"),
        (genuine[:4], "finding_mismatch"),
        (("answer", asked["request"], "--finding", "suspended"), "finding_mismatch"),
    ):
        ran = counter.answers(*said)
        assert (ran.code, ran.json["problem"]["code"]) == (5, code)
    assert counter.asker("withdraw", asked["request"], "--reason", "asked_in_error").code == 0
    late = counter.answers(*genuine)
    assert (late.code, late.json["problem"]["code"]) == (5, "request_not_waiting")

    counter.shell.settle()
    assert certificates(counter) == []


@pytest.fixture
def meanwhile(counter: Counter, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """The request of this code is withdrawn once a certificate was issued for its answer."""

    def when_issued(request: str) -> None:
        certify = proving.certify

        def overtaken(*arguments: Any) -> str:
            code = certify(*arguments)
            said = {"request": request, "reason": "not_needed"}
            path = f"/v1/authenticity-requests/{request}/withdrawal"
            act(counter.asking.client, path, "authenticity.withdraw", **said)
            counter.shell.settle()
            return code

        monkeypatch.setattr(proving, "certify", overtaken)

    return when_issued


def test_a_request_that_ends_before_its_answer_leaves_its_certificate_void(
    counter: Counter, meanwhile: Callable[[str], None]
) -> None:
    asked = counter.ask("57")
    meanwhile(asked["request"])

    said = ("--finding", "genuine", "--grade", "register_only", *HERE)
    late = counter.answers("answer", asked["request"], *said)

    assert (late.code, late.json["problem"]["code"]) == (5, "request_not_waiting")
    counter.shell.settle()
    [(code, state)] = certificates(counter)
    assert state == "voided"
    assert code in late.err
    # Again it is refused before anything is issued, and nothing is left to void.
    again = counter.answers("answer", asked["request"], *said)
    assert (again.code, again.json["problem"]["code"]) == (5, "request_not_waiting")
    assert code not in again.err
    assert certificates(counter) == [(code, "voided")]


def test_a_certificate_that_a_cut_off_run_left_is_voided_by_the_next(
    counter: Counter, meanwhile: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = counter.ask("58")
    meanwhile(asked["request"])
    strike = proving.strike

    def cut_off(*_: object) -> None:
        raise Unreachable("cut off", order=True)

    monkeypatch.setattr(proving, "strike", cut_off)
    said = ("--finding", "genuine", "--grade", "register_only", *HERE)
    assert counter.answers("answer", asked["request"], *said).code == 3
    monkeypatch.setattr(proving, "strike", strike)
    [(code, state)] = certificates(counter)
    assert state == "in_force"

    late = counter.answers("answer", asked["request"], *said)

    assert (late.code, late.json["problem"]["code"]) == (5, "request_not_waiting")
    counter.shell.settle()
    assert certificates(counter) == [(code, "voided")]


def cut_off_after_issuing(counter: Counter, request: str) -> str:
    """A run that ends before its answer, genuine; the code of the certificate that it leaves."""
    with pytest.MonkeyPatch.context() as patch:
        certify = proving.certify

        def cut_off(*arguments: Any) -> str:
            certify(*arguments)
            raise Unreachable("cut off", order=True)

        patch.setattr(proving, "certify", cut_off)
        said = ("--finding", "genuine", "--grade", "register_only", *HERE)
        assert counter.answers("answer", request, *said).code == 3
    counter.shell.settle()
    [(code, state)] = certificates(counter)
    assert state == "in_force"
    return code


def test_a_certificate_that_a_negative_answer_set_right_is_not_voided_by_the_next(
    counter: Counter,
) -> None:
    asked = counter.ask("60")["request"]
    cut_off_after_issuing(counter, asked)
    assert counter.registers("cover", *BOOK, "--grade", "register_only").code == 0
    said = ("answer", asked, "--finding", "not_found", *HERE)
    given = counter.answers(*said)
    assert (given.code, given.json["certificate"]) == (0, None), given.err
    counter.shell.settle()
    [(code, state)] = certificates(counter)
    assert state == "in_force"

    for language in ("ar", "en"):
        late = counter.answers(*said, "--language", language)
        assert (late.code, late.json["problem"]["code"]) == (5, "request_not_waiting")
        assert code not in late.err

    counter.shell.settle()
    assert certificates(counter) == [(code, "in_force")]


def test_a_certificate_for_a_request_that_was_referred_since_is_voided_by_the_next(
    counter: Counter, served: Served
) -> None:
    asked = counter.ask("61")["request"]
    code = cut_off_after_issuing(counter, asked)
    to = ("--to", served.agency().name, "--due-date", due(), "--reason", "register_moved")
    assert counter.answers("refer", asked, *to).code == 0
    counter.shell.settle()

    said = ("--finding", "genuine", "--grade", "register_only", *HERE)
    late = counter.answers("answer", asked, *said)

    assert (late.code, late.json["problem"]["code"]) == (5, "request_unknown")
    assert code in late.err
    counter.shell.settle()
    assert certificates(counter) == [(code, "voided")]


def test_a_key_that_may_not_void_is_told_what_stands(
    counter: Counter, meanwhile: Callable[[str], None], served: Served
) -> None:
    counter.issuer = served.agency(scopes=["administer", "issue", "register"])
    counter.shell.key(counter.issuer.name, counter.issuer.key)
    asked = counter.ask("59")
    meanwhile(asked["request"])

    said = ("--finding", "genuine", "--grade", "register_only", *HERE)
    late = counter.answers("answer", asked["request"], *said)

    assert (late.code, late.json["problem"]["code"]) == (5, "request_not_waiting")
    counter.shell.settle()
    [(code, state)] = certificates(counter)
    assert state == "in_force"
    assert f"sijill certificate void {code}" in " ".join(late.err.split())


def test_the_certificate_of_an_answer_that_was_given_stays_as_it_is(counter: Counter) -> None:
    """Somebody answers otherwise what a colleague has answered already."""
    asked, sure = counter.ask("56"), ("--grade", "register_only", *HERE)
    given = counter.answers("answer", asked["request"], "--finding", "genuine", *sure)
    assert given.code == 0, given.err

    for finding in ("changed", "revoked"):
        late = counter.answers("answer", asked["request"], "--finding", finding, *sure)
        assert (late.code, late.json["problem"]["code"]) == (5, "request_not_waiting")

    counter.shell.settle()
    assert certificates(counter) == [(given.json["certificate"], "in_force")]
    # Nor is its next edition, under another code, taken for one that was left behind.
    path = f"/v1/certificates/{given.json['certificate']}/correction"
    draft = Draft.renew(
        "certificate.correct",
        counter.issuer.name,
        path,
        {"document_reference": "56", "finding": "genuine"},
        code=given.json["certificate"],
        reason="clerical_error",
        language="ar",
    )
    counter.issuer.client.send(counter.issuer.client.prepare(path, [draft.envelope]))
    late = counter.answers("answer", asked["request"], "--finding", "genuine", *sure)
    assert (late.code, late.json["problem"]["code"]) == (5, "request_not_waiting")
    counter.shell.settle()
    assert certificates(counter) == [(draft.code, "in_force")]


def test_not_found_is_said_of_covered_registers_only(counter: Counter) -> None:
    first, second = counter.ask("98"), counter.ask("99")
    early = counter.answers("answer", first["request"], "--finding", "not_found", *HERE)
    assert (early.code, "register_not_covered" in early.err) == (5, True)
    outside = counter.answers("answer", first["request"], "--finding", "outside_coverage", *HERE)
    assert outside.json["finding"] == "outside_coverage"

    assert counter.registers("cover", *BOOK, "--grade", "register_only").code == 0
    found = counter.answers("answer", second["request"], "--finding", "not_found", *HERE)
    assert (found.json["finding"], found.json["certificate"]) == ("not_found", None)


def test_a_question_is_refused_referred_and_withdrawn(counter: Counter, served: Served) -> None:
    other = served.agency()
    refused, referred, withdrawn = (counter.ask(number)["request"] for number in "123")
    reason = ("--reason", "document_unclear")
    assert counter.answers("refuse", refused, *reason).code == 0
    to = ("--to", other.name, "--due-date", due(), "--reason", "register_moved")
    assert counter.answers("refer", referred, *to).code == 0
    assert counter.asker("withdraw", withdrawn, "--reason", "asked_in_error").code == 0

    states = {one: counter.asker("show", one).json for one in (refused, referred, withdrawn)}
    assert states[refused]["reason"] == "document_unclear"
    assert states[referred]["addressee"] == other.name
    assert states[withdrawn]["state"] == "withdrawn"


def test_how_agencies_answer_is_reported(counter: Counter) -> None:
    asked = [counter.ask(number)["request"] for number in "12"]
    counter.answers("refuse", asked[0], "--reason", "electronic_form_refused")

    def told() -> bool:
        found = counter.anybody("report", "--of", counter.issuer.name).json
        return [(one["requests"], one["refused"]) for one in found["items"]] == [(2, 1)]

    until(told, "the report does not come")
    [row] = counter.anybody("report", "--of", counter.issuer.name).json["items"]
    assert row["refusals"] == {"electronic_form_refused": 1}
    assert row["waiting"] == 1
    text = counter.shell("authenticity", "report", "--of", counter.issuer.name)
    assert counter.issuer.name in text.out


def test_what_a_field_says_has_one_form(counter: Counter) -> None:
    ran = counter.asker("request", "--code", "x", "--field", "holder_name")
    assert (ran.code, "input_malformed" in ran.err) == (2, True)
    for value, code in (("", "blank"), (" ", "blank"), ("عل\u200bي", "invisible")):
        ran = counter.asker("request", "--code", "x", "--field", f"holder_name={value}")
        assert (ran.code, ran.json["problem"]["code"]) == (2, f"input_value_{code}")


def test_a_holder_without_an_attesting_operator_is_told_so(counter: Counter) -> None:
    issued = counter.issuer.issue(values={"holder_secret": "hers"})
    ran = counter.anybody("ask", issued["code"], stdin="hers\n")
    assert (ran.code, "attestation_unavailable" in ran.err) == (5, True)


def test_a_code_names_one_document_and_nothing_beside_it(counter: Counter) -> None:
    """Else the answer about the one is taken for an answer about the other."""
    code = counter.issuer.issue()["code"]

    ran = counter.asker("request", "--code", code, "--number", "1", "--date", "1998-07-01")

    assert (ran.code, ran.json["problem"]["code"]) == (2, "input_two_documents")
    assert "--number" in ran.json["problem"]["detail"]
