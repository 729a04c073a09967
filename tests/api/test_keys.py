"""Keys over HTTP: who may read what of them, how they are proved, and how they end."""

from functools import partial
from typing import Any

import pytest

from infrastructure.proofs import signing
from infrastructure.proofs.jwk import PrivateKey, public_of
from sijill.client import Client, statement
from tests.api import asking
from tests.api.asking import DAY, issued
from tests.api.talking import Wire, colleague, refusal, refused, thumbprint
from tests.clock import now_seconds
from tests.serving import Agency, Served, act, enrolment


def enrolling(agency: str, key: PrivateKey, orderer: str = "", **members: Any) -> bytes:
    """The line of an enrolment whose members are chosen."""
    members = {
        "subject": agency,
        "jwk": public_of(key).jwk,
        "scopes": ["issue"],
        "office": "registry",
        "officer": f"o-{asking.new_name()}",
        "valid_until": now_seconds() + DAY,
        **members,
    }
    return signing.envelope(statement("key.enrol", orderer or agency, **members))


def ordered(client: Client, subject: str, line: bytes) -> dict[str, Any]:
    path = f"/v1/agencies/{subject}/keys"
    return dict(client.send(client.prepare(path, [line], cosigned=True)))


def proved(client: Client, subject: str, line: bytes, key: PrivateKey) -> dict[str, Any]:
    return dict(client.send(client.possess(f"/v1/agencies/{subject}/keys", line, key)))


def shown(wire: Wire, key: str, at: int | None = None) -> dict[str, Any]:
    wire.served.settle()
    answer = wire.get(f"/v1/keys/{key}{'' if at is None else f'?at={at}'}")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def retire(agency: Agency, key: str, **members: Any) -> dict[str, Any]:
    members = {"key": key, "reason": "rotated", **members}
    return act(agency.client, f"/v1/keys/{key}/retirement", "key.retire", **members)


def compromise(agency: Agency, key: str, as_of: int, **members: Any) -> dict[str, Any]:
    members = {"key": key, "as_of": as_of, "reason": "stolen", **members}
    return act(agency.client, f"/v1/keys/{key}/compromise", "key.compromise", **members)


def test_a_key_is_shown_with_all_that_was_said_of_it(wire: Wire, served: Served) -> None:
    agency = served.agency()
    key = asking.new_key()
    said: dict[str, Any] = {
        "scopes": ["issue", "revoke"],
        "office": "hall-3",
        "officer": "o-17",
        "acting_for": "o-4",
        "not_before": 1_700_000_000,
        "not_after": now_seconds() + DAY,
    }
    line = enrolling(agency.name, key, **said)
    waits = ordered(agency.client, agency.name, line)
    recorded = proved(agency.client, agency.name, line, key)

    found = shown(wire, public_of(key).thumbprint)

    assert waits["state"] == "open"
    assert [one["role"] for group in waits["waiting_for"] for one in group] == ["possession"]
    assert {name: found[name] for name in said} == said
    assert (found["agency"], found["jwk"]) == (agency.name, public_of(key).jwk)
    assert (found["enrolled_index"], found["enrolled_by"]) == (
        recorded["index"],
        [thumbprint(agency)],
    )
    ends = ("retired_index", "compromised_as_of", "compromised_index", "void_from")
    assert (found["custodial"], [found[end] for end in ends]) == (False, [None] * 4)


def test_an_agencys_keys_are_listed_oldest_first_and_as_of_an_index(
    wire: Wire, served: Served
) -> None:
    agency = served.agency()
    before = shown(wire, thumbprint(agency))["at"]
    second = colleague(agency, "officer-second")
    served.settle()

    def listed(query: str = "") -> list[str]:
        answer = wire.get(f"/v1/agencies/{agency.name}/keys{query}")
        return [item["key"] for item in answer.json()["items"]]

    assert listed() == [thumbprint(agency), thumbprint(second)]
    assert listed(f"?at={before}") == [thumbprint(agency)]
    # What is listed is what is shown one by one.
    [_, item] = wire.get(f"/v1/agencies/{agency.name}/keys").json()["items"]
    assert {**item, "at": 0} == {**shown(wire, thumbprint(second)), "at": 0}


def test_the_founders_have_a_key_and_a_recovery_key_from_index_0(wire: Wire) -> None:
    for founder in ("ndc", "comsec"):
        keys = wire.get(f"/v1/agencies/{founder}/keys?at=0").json()["items"]
        assert len(keys) == 2
        assert ["recovery"] in [key["scopes"] for key in keys]
        assert {key["enrolled_index"] for key in keys} == {0}


def test_a_retired_key_is_shown_as_such_and_what_it_signed_stays_good(
    wire: Wire, served: Served
) -> None:
    agency = served.agency()
    leaving = colleague(agency, "officer-leaving")
    code = issued(leaving)

    index = retire(agency, thumbprint(leaving), reason="officer_left")["index"]

    assert shown(wire, thumbprint(leaving))["retired_index"] == index
    assert shown(wire, thumbprint(leaving), at=index - 1)["retired_index"] is None
    assert wire.verdict(code)["outcome"] == "valid"
    assert refused(leaving.issue) == (403, "key_retired")
    assert refused(lambda: retire(agency, thumbprint(leaving))) == (409, "key_already_retired")


def test_the_last_key_that_administers_is_retired_only_by_saying_so(served: Served) -> None:
    agency = served.agency()

    assert refused(lambda: retire(agency, thumbprint(agency))) == (409, "last_administer_key")
    assert retire(agency, thumbprint(agency), final=True)["index"] > 0
    assert refused(agency.issue) == (403, "key_retired")


def test_a_compromise_reaches_back_and_brings_down_what_the_key_enrolled(
    wire: Wire, served: Served
) -> None:
    agency = served.agency()
    thief = colleague(agency, "officer-thief")
    before = issued(thief)
    at = thief.issue()
    accomplice = colleague(thief, "officer-accomplice")
    after, by_accomplice = issued(thief), issued(accomplice)
    withdrawn = issued(agency)
    path = f"/v1/certificates/{withdrawn}/revocation"
    act(thief.client, path, "certificate.revoke", code=withdrawn, reason="decision")

    index = compromise(agency, thumbprint(thief), at["index"])["index"]

    key = shown(wire, thumbprint(thief))
    assert (key["compromised_as_of"], key["compromised_index"]) == (at["index"], index)
    assert key["void_from"] == at["index"]
    fallen = shown(wire, thumbprint(accomplice))
    assert (fallen["void_from"], fallen["compromised_as_of"]) == (fallen["enrolled_index"], None)
    assert wire.verdict(before)["outcome"] == "valid"
    for code in (at["code"], after, by_accomplice):
        assert wire.verdict(code)["reason"] == "issuer_key_compromised"
    # Withdrawals stand: they protect the public.
    assert wire.verdict(withdrawn)["reason"] == "revoked"


def test_the_start_of_a_compromise_is_only_ever_moved_earlier(served: Served) -> None:
    agency = served.agency()
    thief = colleague(agency, "officer-thief")
    index, name = thief.issue()["index"], thumbprint(thief)
    future = refused(lambda: compromise(agency, name, 2**53 - 1))
    compromise(agency, name, index)

    assert future == (409, "compromise_in_future")
    for later in (index, index + 1):
        assert refused(partial(compromise, agency, name, later)) == (409, "compromise_not_lower")
    assert compromise(agency, name, index - 1)["index"] > index


def test_another_agencys_key_is_not_ones_to_end(agency: Agency, stranger: Agency) -> None:
    name = thumbprint(agency)

    assert refused(lambda: retire(stranger, name)) == (403, "not_entitled")
    assert refused(lambda: compromise(stranger, name, 0)) == (403, "not_entitled")
    unknown = public_of(asking.new_key()).thumbprint
    assert refused(lambda: retire(agency, unknown)) == (404, "key_not_found")
    assert refused(lambda: compromise(agency, unknown, 0)) == (404, "key_not_found")


def test_both_founders_together_declare_an_agencys_key_compromised(
    wire: Wire, served: Served
) -> None:
    agency = served.agency()
    answer, name = agency.issue(), thumbprint(agency)
    members = {"key": name, "as_of": answer["index"], "reason": "exposed"}
    members["valid_until"] = now_seconds() + DAY
    path = f"/v1/keys/{name}/compromise"

    waits = act(served.founder(), path, "key.compromise", **members)
    assert wire.verdict(answer["code"])["outcome"] == "valid"
    served.founder("comsec").approve(waits["order"])

    assert wire.verdict(answer["code"])["reason"] == "issuer_key_compromised"


def test_a_possession_sent_again_answers_the_same(served: Served) -> None:
    agency, key = served.agency(), asking.new_key()
    line = enrolling(agency.name, key)
    ordered(agency.client, agency.name, line)
    path = f"/v1/agencies/{agency.name}/keys"
    proof = agency.client.possess(path, line, key)

    first = agency.client.send(proof)
    again = agency.client.send(proof)
    anew = proved(agency.client, agency.name, line, key)

    assert first["replayed"] is False
    assert again == anew == {**first, "replayed": True}


def test_possession_alone_enrols_nothing_where_others_are_asked_too(
    wire: Wire, served: Served
) -> None:
    """A first key: proof of possession and both founders, in whatever order they come."""
    name, key = f"b-{asking.new_name()}", asking.new_key()
    operator = served.founder()
    names = {"ar": "جهة", "ckb": "لایەن", "en": "Body"}
    act(operator, "/v1/agencies", "agency.add", subject=name, kind="ministry", names=names)
    line = enrolling(name, key, "ndc", scopes=["administer"])
    waits = ordered(operator, name, line)
    roles = {one["role"] for group in waits["waiting_for"] for one in group}

    half = proved(operator, name, line, key)

    assert roles == {"possession", "authority"}
    assert [one["role"] for group in half["waiting_for"] for one in group] == ["authority"]
    unknown = public_of(key).thumbprint
    assert refusal(wire.get(f"/v1/keys/{unknown}")) == (404, "key_not_found")
    assert served.founder("comsec").approve(waits["order"])["index"] > 0
    assert shown(wire, unknown)["scopes"] == ["administer"]


def test_a_key_is_enrolled_once_for_one_agency(agency: Agency, stranger: Agency) -> None:
    line = enrolling(agency.name, stranger.key)

    asked = refused(lambda: ordered(agency.client, agency.name, line))

    assert asked == (409, "key_already_enrolled")


@pytest.mark.parametrize(
    "members,expected",
    [
        ({"scopes": ["audit"]}, None),
        ({"scopes": ["operate"]}, (409, "scopes_conflict")),
        ({"scopes": ["recovery"]}, (409, "scopes_conflict")),
        ({"scopes": ["custodial"]}, (409, "scopes_conflict")),
        ({"scopes": ["custodial", "administer"]}, (409, "scopes_conflict")),
        ({"scopes": ["issue", "issue"]}, (422, "statement_invalid")),
        ({"scopes": []}, (422, "statement_invalid")),
        ({"scopes": ["king"]}, (422, "statement_invalid")),
        ({"not_before": 5, "not_after": 5}, (409, "key_validity_empty")),
        ({"not_after": 1}, (409, "key_validity_empty")),
        ({"officer": "Ali Hassan"}, (422, "statement_invalid")),
    ],
)
def test_what_an_agency_may_not_grant_is_refused_at_once(
    agency: Agency, members: dict[str, Any], expected: tuple[int, str] | None
) -> None:
    line = enrolling(agency.name, asking.new_key(), **members)

    if expected is None:
        waits = ordered(agency.client, agency.name, line)["waiting_for"]
        assert {one["agency"] for group in waits for one in group} == {agency.name, "ndc", "comsec"}
    else:
        assert refused(lambda: ordered(agency.client, agency.name, line)) == expected


def test_a_custodial_key_is_shown_as_such_in_every_verdict(wire: Wire, served: Served) -> None:
    agency, key = served.agency(), asking.new_key()
    line = enrolling(agency.name, key, scopes=["custodial", "issue"])
    waits = ordered(agency.client, agency.name, line)
    proved(agency.client, agency.name, line, key)
    served.founder("comsec").approve(waits["order"])

    code = issued(Agency(served, agency.name, key))

    assert wire.verdict(code)["record"]["custodial"] is True
    assert wire.verdict(issued(agency))["record"]["custodial"] is False
    assert shown(wire, public_of(key).thumbprint)["custodial"] is True


def test_the_key_to_be_enrolled_reads_its_own_enrolment_and_nothing_else(
    wire: Wire, agency: Agency
) -> None:
    key = asking.new_key()
    line = enrolment(agency.name, agency.name, key, ["issue"])
    waits = ordered(agency.client, agency.name, line)
    other = ordered(agency.client, agency.name, enrolling(agency.name, asking.new_key()))
    newcomer = Agency(agency.served, agency.name, key)

    assert asking.read(wire, newcomer, f"/v1/orders/{waits['order']}").status_code == 200
    assert refusal(asking.read(wire, newcomer, f"/v1/orders/{other['order']}")) == (
        401,
        "key_unknown",
    )
    assert refusal(asking.read(wire, newcomer, "/v1/orders")) == (401, "key_unknown")
