"""Authenticity of issuance over HTTP: attested at once, answered by issuers, proved to holders."""

import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from api.i18n import translate
from infrastructure import keyfiles
from infrastructure.proofs import codes, signing
from sijill.client import Client, Refused
from sijill.client.prepared import commit, statement
from sijill.founding import found
from tests.attesting import (
    asking,
    correct,
    cut_off,
    due,
    enrol_attester,
    issued_in_doubt,
    prove,
    stolen,
)
from tests.serving import ORIGIN, Agency, Served, act, issuance, serving

ROOM = "/v1/authenticity-requests"
DUE = "2026-12-30"
_NUMBERS = itertools.count(1)


@pytest.fixture(scope="module")
def attesting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A ledger whose operator has put an attesting key beside it."""
    folder = tmp_path_factory.mktemp("attesting") / "ledger"
    found(folder, ORIGIN)
    key = keyfiles.create_private_key(folder / "keys" / "attest.pem")
    with serving(folder) as served:
        operator, authority = served.founder("ndc"), served.founder("comsec")
        enrol_attester(operator, authority, key)
        yield served


@pytest.fixture(scope="module")
def attester(attesting: Served) -> Client:
    """The operator under the key that lies beside the service."""
    key = keyfiles.load_private_key(attesting.folder / "keys" / "attest.pem")
    return attesting.client("ndc", key)


@pytest.fixture(scope="module")
def issuer(attesting: Served) -> Agency:
    return attesting.agency()


@pytest.fixture(scope="module")
def asker(attesting: Served) -> Agency:
    return attesting.agency()


@pytest.fixture(scope="module")
def third(attesting: Served) -> Agency:
    return attesting.agency()


def ask(agency: Agency, *, secret: str | None = None, **members: Any) -> str:
    """An agency asks; the request's code."""
    request = codes.generate()
    values = {} if secret is None else {"holder_secret": secret}
    values |= members.pop("values", {})
    claims, texts = commit(values)
    said = {"request": request, "due_date": due(), "claims": claims or None, **members}
    line = signing.envelope(statement("authenticity.request", agency.name, **said), texts)
    agency.client.send(agency.client.prepare(ROOM, [line]))
    return request


def about_paper(issuer: Agency, **changes: Any) -> dict[str, Any]:
    number = f"{next(_NUMBERS)}/98"
    paper = {"issuer": issuer.name, "type": "degree", "number": number, "date": "1998-07-01"}
    return {**paper, **changes}


def say(agency: Agency, request: str, verb: str, part: str, **members: Any) -> dict[str, Any]:
    path = f"{ROOM}/{request}/{part}"
    return act(agency.client, path, f"authenticity.{verb}", request=request, **members)


def show(agency: Agency, request: str) -> dict[str, Any]:
    found: dict[str, Any] = agency.client.get(f"{ROOM}/{request}")
    return found


def test_a_document_of_the_ledger_is_attested_at_once(
    attesting: Served, issuer: Agency, asker: Agency
) -> None:
    code = issuer.issue()["code"]

    request = ask(asker, code=code)

    shown = show(asker, request)
    assert (shown["state"], shown["finding"], shown["attested"]) == ("attested", "genuine", True)
    assert [one["event"] for one in shown["history"]] == ["requested", "attested"]
    verdict = attesting.anybody().get(shown["verify"])
    assert (verdict["outcome"], verdict["record"]["type"]) == ("valid", "authenticity")
    assert verdict["record"]["agency"] == "ndc"


def test_what_is_attested_follows_the_record(issuer: Agency, asker: Agency) -> None:
    code = issuer.issue()["code"]
    path = f"/v1/certificates/{code}/revocation"
    act(issuer.client, path, "certificate.revoke", code=code, reason="decision")

    revoked = show(asker, ask(asker, code=code))
    unknown = show(asker, ask(asker, code=codes.generate()))

    assert (revoked["finding"], revoked["certificate"]) == ("revoked", None)
    assert (unknown["finding"], unknown["certificate"]) == ("not_found", None)


@pytest.mark.parametrize("became", ["changed", "revoked", "genuine"])
def test_what_a_cut_off_attestation_left_says_nothing_else_than_the_answer(
    attesting: Served, attester: Client, asker: Agency, became: str
) -> None:
    """It had found the document genuine, and a moment later it is not any more."""
    issuer = attesting.agency()
    code = issued_in_doubt(issuer)
    # In doubt nothing is attested: the request waits.
    order, request = asking(asker, code)
    asker.client.send(order)
    assert show(asker, request)["state"] == "open"
    left = cut_off(attester, request, show(asker, request)["requested_index"], "صحيحة الصدور")

    about = f"/v1/certificates/{code}"
    if became == "revoked":
        path = f"{about}/revocation"
        act(issuer.client, path, "certificate.revoke", code=code, reason="decision")
    else:
        act(issuer.client, f"{about}/reaffirmation", "certificate.reaffirm", code=code)
    if became == "changed":
        correct(issuer, code)
    asker.client.send(order)

    shown = show(asker, request)
    assert (shown["state"], shown["finding"]) == ("attested", became)
    before = attesting.anybody().get(f"/v1/verify/{left}")
    if became == "genuine":
        assert shown["certificate"] == left
        assert before["outcome"] == "valid"
        return
    assert (before["outcome"], before["reason"]) == ("withdrawn", "superseded")
    newest = attester.get("/v1/certificates", number=str(shown["requested_index"]))["items"][0]
    said = attester.get(f"/v1/certificates/{newest['code']}")["values"]["finding"]
    assert said == translate("ar", f"word.authenticity.finding.{became}")
    assert shown["certificate"] == (newest["code"] if became == "changed" else None)


def test_what_is_attested_is_not_written_again(
    attesting: Served, issuer: Agency, asker: Agency
) -> None:
    """Whoever sends an answered request again changes nothing by it, whatever became since."""
    code = issuer.issue()["code"]
    order, request = asking(asker, code)
    asker.client.send(order)
    proof = show(asker, request)["certificate"]
    correct(issuer, code)

    asker.client.send(order)

    assert show(asker, request)["certificate"] == proof
    assert attesting.anybody().get(f"/v1/verify/{proof}")["outcome"] == "valid"


def test_old_paper_waits_in_the_issuers_queue_and_is_answered(
    issuer: Agency, asker: Agency
) -> None:
    values = {"holder_name": "حامل 0001"}
    request = ask(asker, values=values, **about_paper(issuer))
    [waiting] = issuer.client.get(ROOM, role="addressee", state="open")["items"][-1:]
    assert waiting["request"] == request
    assert show(issuer, request)["values"] == values

    proof = issuer.issue(
        type="authenticity",
        values={
            "document_reference": "1/98",
            "finding": "صحيحة الصدور",
            "holder_name": None,
            "supported_fact": None,
        },
    )["code"]
    anybody = issuer.served.anybody()
    assert anybody.get(f"/v1/verify/{proof}")["reason"] == "answer_missing"
    said = {"finding": "genuine", "grade": "original_sighted", "certificate": proof}
    say(issuer, request, "answer", "answer", unit="archive", series="general", **said)

    shown = show(asker, request)
    assert (shown["state"], shown["attested"], shown["certificate"]) == ("answered", False, proof)
    assert anybody.get(f"/v1/verify/{proof}")["outcome"] == "valid"


def test_not_found_and_outside_coverage_are_two_answers(issuer: Agency, asker: Agency) -> None:
    book = {"unit": "archive", "series": "general", "year": 1998}
    register = {"unit": "archive", "series": "general"}
    first, second = (ask(asker, **about_paper(issuer)) for _ in range(2))
    with pytest.raises(Refused) as early:
        say(issuer, first, "answer", "answer", finding="not_found", **register)
    assert early.value.code == "register_not_covered"
    say(issuer, first, "answer", "answer", finding="outside_coverage", **register)

    path = "/v1/registers/archive/general/1998/coverage"
    act(issuer.client, path, "register.cover", **book, grade="register_only")
    with pytest.raises(Refused) as late:
        say(issuer, second, "answer", "answer", finding="outside_coverage", **register)
    assert late.value.code == "register_covered"
    say(issuer, second, "answer", "answer", finding="not_found", **register)

    findings = [show(asker, one)["finding"] for one in (first, second)]
    assert findings == ["outside_coverage", "not_found"]


def test_a_third_agency_sees_nothing_of_a_request(
    attesting: Served, issuer: Agency, asker: Agency, third: Agency
) -> None:
    request = ask(asker, **about_paper(issuer))
    index = show(asker, request)["requested_index"]

    for unknown in (request, codes.generate(), "x"):
        with pytest.raises(Refused) as refused:
            show(third, unknown)
        assert refused.value.code == "request_unknown"
    assert request not in str(third.client.get(ROOM))
    attesting.anybody().text(f"/log/checkpoint?covers={index}")
    window = {"from": index, "to": index + 1}
    opened = {
        who.name: set(who.client.get("/v1/log/openings", **window)["openings"][0])
        for who in (asker, issuer, third)
    }
    assert opened[third.name] == {"index"}
    assert opened[asker.name] == opened[issuer.name] > {"header", "body"}


def test_a_holder_asks_online_and_is_given_what_proves_the_answer(
    attesting: Served, issuer: Agency
) -> None:
    issued = issuer.issue(values={"holder_secret": "her-own-secret"})
    anybody = attesting.anybody()
    asked = {"code": issued["code"], "secret": "her-own-secret"}

    told = anybody.post(f"{ROOM}/online", asked)

    assert (told["state"], told["finding"], told["channel"]) == ("attested", "genuine", "online")
    again = anybody.post(f"{ROOM}/online", asked)
    assert again["request"] == told["request"]
    fetched = anybody.post(
        f"{ROOM}/fetched", {"request": told["request"], "secret": "her-own-secret"}
    )
    assert fetched["events"] == told["events"]
    for event in told["events"]:
        prove(attesting, event)


def test_a_wrong_secret_and_a_wrong_code_look_alike(attesting: Served, issuer: Agency) -> None:
    issued = issuer.issue(values={"holder_secret": "right"})
    told = set()
    for question in (
        {"code": issued["code"], "secret": "wrong"},
        {"code": codes.generate(), "secret": "right"},
        {"code": "no code", "secret": "right"},
    ):
        with pytest.raises(Refused) as refused:
            attesting.anybody().post(f"{ROOM}/online", question)
        told.add((refused.value.status, refused.value.code))
    assert told == {(404, "code_or_secret_wrong")}


@pytest.mark.parametrize("secret", ["\x00", "guessed"])
def test_where_no_secret_is_recorded_none_is_right(
    attesting: Served, issuer: Agency, asker: Agency, secret: str
) -> None:
    request, code = ask(asker, **about_paper(issuer)), issuer.issue()["code"]
    told = []
    for part, question in (
        ("fetched", {"request": request}),
        ("fetched", {"request": codes.generate()}),
        ("online", {"code": code}),
        ("online", {"code": codes.generate()}),
    ):
        with pytest.raises(Refused) as refused:
            attesting.anybody().post(f"{ROOM}/{part}", {**question, "secret": secret})
        told.append((refused.value.status, refused.value.code))
    [seen] = set(told)
    assert seen[0] in (404, 422)


def test_after_a_change_the_holder_is_told_the_new_state(attesting: Served, issuer: Agency) -> None:
    issued = issuer.issue(values={"holder_secret": "her-secret-2"})
    asked = {"code": issued["code"], "secret": "her-secret-2"}
    before = attesting.anybody().post(f"{ROOM}/online", asked)
    path = f"/v1/certificates/{issued['code']}/suspension"
    members = {"code": issued["code"], "reason": "under_review"}
    act(issuer.client, path, "certificate.suspend", **members)

    after = attesting.anybody().post(f"{ROOM}/online", asked)

    assert (before["finding"], after["finding"]) == ("genuine", "suspended")


def test_a_record_in_doubt_is_asked_about_once_and_its_old_answer_counts_no_more(
    attesting: Served, attester: Client
) -> None:
    agency = attesting.agency()
    officer = agency.officer()
    text = issuance(agency.name, values={"holder_secret": "her-secret-3"})
    issued = officer.send(officer.prepare("/v1/certificates", [text]))
    asked = {"code": issued["code"], "secret": "her-secret-3"}
    sound = attesting.anybody().post(f"{ROOM}/online", asked)
    assert (sound["state"], sound["finding"]) == ("attested", "genuine")

    def waiting() -> list[str]:
        attesting.settle()
        items = attester.get(ROOM, state="open", role="requester")["items"]
        return [one["request"] for one in items if one["code"] == issued["code"]]

    def refused(question: dict[str, str]) -> str:
        with pytest.raises(Refused) as refusal:
            attesting.anybody().post(f"{ROOM}/online", question)
        return refusal.value.code

    stolen(agency, officer, issued["index"])
    with ThreadPoolExecutor(3) as pool:
        refusals = list(pool.map(lambda _: refused(asked), range(3)))
    # Of those who ask at the same moment each may record a question; whoever comes later does not.
    seen = waiting()
    refusals.append(refused(asked))
    assert set(refusals) == {"certificate_in_doubt"}
    assert waiting() == seen

    # As soon as the agency stands by it, the question that waits is answered.
    about = f"/v1/certificates/{issued['code']}/reaffirmation"
    act(agency.client, about, "certificate.reaffirm", code=issued["code"])
    told = attesting.anybody().post(f"{ROOM}/online", asked)
    assert told["request"] in seen
    assert told["finding"] == "genuine"
    assert waiting() == []


def test_a_holder_at_the_counter_fetches_the_answer_herself(
    attesting: Served, issuer: Agency, asker: Agency
) -> None:
    request = ask(asker, secret="from-the-slip", channel="counter", **about_paper(issuer))
    asked = {"request": request, "secret": "from-the-slip"}
    assert attesting.anybody().post(f"{ROOM}/fetched", asked)["state"] == "open"
    say(issuer, request, "refuse", "refusal", reason="document_unclear")

    told = attesting.anybody().post(f"{ROOM}/fetched", asked)

    assert (told["state"], told["reason"]) == ("refused", "document_unclear")
    with pytest.raises(Refused) as wrong:
        attesting.anybody().post(f"{ROOM}/fetched", {**asked, "secret": "guessed"})
    assert wrong.value.code == "code_or_secret_wrong"


def test_without_a_key_that_attests_a_holder_is_told_so(served: Served) -> None:
    agency = served.agency()
    issued = agency.issue(values={"holder_secret": "s"})
    with pytest.raises(Refused) as refused:
        served.anybody().post(f"{ROOM}/online", {"code": issued["code"], "secret": "s"})
    assert refused.value.code == "attestation_unavailable"

    request = ask(agency, code=issued["code"])
    assert show(agency, request)["state"] == "open"


def test_answering_is_reported_at_an_index(attesting: Served, asker: Agency) -> None:
    issuer = attesting.agency()
    requests = [ask(asker, **about_paper(issuer)) for _ in range(3)]
    say(issuer, requests[0], "refuse", "refusal", reason="electronic_form_refused")
    register = {"unit": "archive", "series": "general"}
    last = say(issuer, requests[1], "answer", "answer", finding="outside_coverage", **register)

    def report(**query: Any) -> dict[str, Any]:
        path = "/v1/reports/authenticity"
        [found] = attesting.anybody().get(path, agency=issuer.name, **query)["items"]
        return dict(found)

    now = report()
    assert (now["requests"], now["answered"], now["waiting"], now["refused"]) == (3, 1, 1, 1)
    assert now["refusals"] == {"electronic_form_refused": 1}
    assert now["findings"] == {"outside_coverage": 1}
    assert 0 <= now["median_seconds"] <= now["p95_seconds"]
    before = report(at=last["index"] - 1)
    assert (before["answered"], before["waiting"], before["median_seconds"]) == (0, 2, None)
