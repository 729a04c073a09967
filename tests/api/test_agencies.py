"""Agencies as anybody may read them: in the order of their entry, by day, in three languages."""

from typing import Any

import pytest

from tests.api import asking
from tests.api.asking import issued
from tests.api.talking import Wire, refusal, refused
from tests.clock import now_seconds
from tests.serving import NAMES, Agency, Served, act, enrol

PATH = "/v1/agencies"
RENAMED = {"ar": "جهة أخرى", "ckb": "لایەنی تر", "en": "Another body"}


def added(served: Served, **members: Any) -> str:
    """A planned agency; its id."""
    name = f"b-{asking.new_name()}"
    members = {"kind": "directorate", "names": NAMES, **members}
    act(served.founder(), PATH, "agency.add", subject=name, **members)
    return name


def order(served: Served, name: str, subject: str, place: str, **members: Any) -> dict[str, Any]:
    path = f"{PATH}/{subject}/{place}"
    return act(served.founder(), path, f"agency.{name}", subject=subject, **members)


def shown(wire: Wire, name: str, **query: int) -> dict[str, Any]:
    wire.served.settle()
    text = "&".join(f"{key}={value}" for key, value in query.items())
    answer = wire.get(f"{PATH}/{name}?{text}")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_an_agency_is_shown_from_its_entry_to_its_end(wire: Wire, served: Served) -> None:
    name = added(served)
    planned = shown(wire, name)
    linked = order(served, "link", name, "linking")["index"]
    suspended = order(served, "suspend", name, "suspension", reason="legal_order")["index"]
    reinstated = order(served, "reinstate", name, "reinstatement")["index"]
    closed = order(served, "close", name, "closure", reason="abolished")["index"]

    assert planned["standing"] == "planned"
    assert (planned["kind"], planned["names"], planned["founder"]) == ("directorate", NAMES, False)
    assert planned["parent"] is None
    standings = {at: shown(wire, name, at=at)["standing"] for at in (linked, suspended, reinstated)}
    assert list(standings.values()) == ["linked", "suspended", "linked"]
    assert shown(wire, name)["standing"] == "closed"
    assert shown(wire, name, at=closed)["at"] == closed
    before = wire.get(f"{PATH}/{name}?at={planned['added_index'] - 1}")
    assert refusal(before) == (404, "agency_unknown")


def test_the_list_is_in_the_order_of_entry_and_holds_everybody(wire: Wire, served: Served) -> None:
    names = [added(served) for _ in range(3)]
    served.settle()

    seen: list[dict[str, Any]] = []
    following: int | None = -1
    query = "limit=4"
    while following is not None:
        page = wire.get(f"{PATH}?{query}").json()
        seen += page["items"]
        following = page["next"]
        query = f"limit=4&after={following}"

    indexes = [item["added_index"] for item in seen]
    assert indexes == sorted(indexes)
    assert {item["agency"] for item in seen[:2]} == {"ndc", "comsec"}
    assert [item["agency"] for item in seen][-3:] == names
    assert len({item["agency"] for item in seen}) == len(seen)
    assert all(set(item["names"]) == {"ar", "ckb", "en"} for item in seen)


def test_the_list_as_of_an_index_leaves_out_who_came_later(wire: Wire, served: Served) -> None:
    early = added(served)
    at = shown(wire, early)["added_index"]
    late = added(served)
    served.settle()

    page = wire.get(f"{PATH}?at={at}&after={at - 1}").json()

    assert (page["at"], [item["agency"] for item in page["items"]]) == (at, [early])
    assert late in [item["agency"] for item in wire.get(f"{PATH}?after={at}").json()["items"]]


def test_a_page_of_one_does_not_tear_the_founders_apart(wire: Wire) -> None:
    page = wire.get(f"{PATH}?limit=1").json()

    assert {item["agency"] for item in page["items"]} == {"ndc", "comsec"}
    assert all(item["founder"] and item["standing"] == "linked" for item in page["items"])


def test_a_new_name_holds_from_its_day_and_the_old_one_before(wire: Wire, served: Served) -> None:
    name = added(served, effective_date="2020-01-01")
    order(served, "rename", name, "name", names=RENAMED, effective_date="2024-01-01")
    order(served, "rename", name, "name", names=NAMES, effective_date="2199-01-01")

    agency = shown(wire, name)

    assert agency["names"] == RENAMED
    assert [(one["since"], one["value"]) for one in agency["names_by_day"]] == [
        ("2020-01-01", NAMES),
        ("2024-01-01", RENAMED),
        ("2199-01-01", NAMES),
    ]


def test_a_certificate_shows_the_name_that_its_issuer_had_on_its_day(
    wire: Wire, served: Served
) -> None:
    agency = served.agency()
    old = issued(agency, date="2021-05-05", year=2021)
    new = issued(agency, date="2026-10-10")

    order(served, "rename", agency.name, "name", names=RENAMED, effective_date="2025-01-01")

    assert wire.verdict(old)["record"]["agency_names"] == NAMES
    assert wire.verdict(new)["record"]["agency_names"] == RENAMED


def test_a_parent_is_changed_by_both_founders_from_a_day_on(wire: Wire, served: Served) -> None:
    name, parent = added(served, parent="comsec"), added(served)
    members = {"parent": parent, "valid_until": now_seconds() + asking.DAY}
    waits = order(served, "reparent", name, "parent", effective_date="2025-01-01", **members)
    assert shown(wire, name)["parent"] == "comsec"

    served.founder("comsec").approve(waits["order"])

    agency = shown(wire, name)
    assert agency["parent"] == parent
    assert [one["value"] for one in agency["parents_by_day"]] == ["comsec", parent]


def test_what_is_wrong_with_an_order_about_an_agency_has_its_code(served: Served) -> None:
    name = added(served)
    unknown = f"b-{asking.new_name()}"
    for code, asked in (
        ((409, "agency_exists"), lambda: _add(served, name)),
        ((403, "agency_not_linked"), lambda: _suspend(served, name)),
        ((404, "agency_unknown"), lambda: order(served, "link", unknown, "linking")),
        ((404, "parent_unknown"), lambda: _add(served, unknown, parent="nobody")),
        ((409, "founder_protected"), lambda: _suspend(served, "comsec")),
    ):
        assert refused(asked) == code
    order(served, "link", name, "linking")
    assert refused(lambda: order(served, "link", name, "linking")) == (409, "agency_already_linked")
    _suspend(served, name)
    assert refused(lambda: _suspend(served, name)) == (409, "agency_already_suspended")
    order(served, "close", name, "closure", reason="abolished")
    assert refused(lambda: order(served, "reinstate", name, "reinstatement")) == (
        403,
        "agency_closed",
    )


def _add(served: Served, name: str, **members: Any) -> object:
    members = {"kind": "ministry", "names": NAMES, **members}
    return act(served.founder(), PATH, "agency.add", subject=name, **members)


def _suspend(served: Served, name: str) -> object:
    return order(served, "suspend", name, "suspension", reason="inactivity")


def test_nobody_but_a_founder_registers_agencies(agency: Agency) -> None:
    members = {"subject": "mine", "kind": "ministry", "names": NAMES}

    asked = refused(lambda: act(agency.client, PATH, "agency.add", **members))

    assert asked == (403, "not_entitled")


def test_a_suspended_agency_withdraws_and_does_not_issue_until_it_is_reinstated(
    wire: Wire, served: Served
) -> None:
    agency = served.agency()
    code = issued(agency)
    order(served, "suspend", agency.name, "suspension", reason="security_incident")

    assert refused(agency.issue) == (403, "agency_suspended")
    path = f"/v1/certificates/{code}/revocation"
    act(agency.client, path, "certificate.revoke", code=code, reason="decision")
    assert wire.verdict(code)["reason"] == "revoked"
    order(served, "reinstate", agency.name, "reinstatement")
    assert wire.verdict(issued(agency))["outcome"] == "valid"


def test_what_a_closed_agency_issued_stays_as_it_is(wire: Wire, served: Served) -> None:
    agency = served.agency()
    code = issued(agency)
    order(served, "close", agency.name, "closure", reason="merged")

    assert refused(agency.issue) == (403, "agency_closed")
    assert wire.verdict(code)["outcome"] == "valid"


def test_a_planned_agency_issues_nothing(served: Served) -> None:
    planned = served.agency(link=False)

    assert refused(planned.issue) == (403, "agency_not_linked")


def test_a_linked_parent_stands_in_for_a_founder_at_a_first_enrolment(served: Served) -> None:
    parent = served.agency()
    child = Agency(served, added(served, parent=parent.name), asking.new_key())

    enrol(served.founder("ndc"), parent.client, child.name, child.key, ["administer", "issue"])
    order(served, "link", child.name, "linking")

    assert issued(child)


@pytest.mark.parametrize(
    "path,expected",
    [
        (f"{PATH}/nobody", (404, "agency_unknown")),
        (f"{PATH}/nobody/keys", (404, "agency_unknown")),
        (f"{PATH}/%00", (422, "validation")),
        (f"{PATH}/{'x' * 49}", (422, "validation")),
        (f"{PATH}/ndc?at={2**53 - 1}", (404, "index_unknown")),
        (f"{PATH}/ndc/keys?at={2**53 - 1}", (404, "index_unknown")),
        (f"{PATH}?at={2**53}", (422, "validation")),
        (f"{PATH}?at=-1", (422, "validation")),
        (f"{PATH}?at=1.5", (422, "validation")),
        (f"{PATH}?limit=0", (422, "validation")),
        (f"{PATH}?limit={'9' * 5000}", (422, "validation")),
        ("/v1/keys/nobody", (404, "key_not_found")),
        ("/v1/keys/%00", (422, "validation")),
        (f"/v1/keys/{'x' * 65}", (422, "validation")),
        (f"/v1/keys/x?at={2**53 - 1}", (404, "index_unknown")),
    ],
)
def test_a_question_about_nobody_is_answered_by_its_code(
    wire: Wire, path: str, expected: tuple[int, str]
) -> None:
    assert refusal(wire.get(path)) == expected


@pytest.mark.parametrize("language", ["ar", "ckb", "en"])
def test_a_refusal_is_in_the_readers_language_and_repeats_nothing(
    wire: Wire, language: str
) -> None:
    asked = "b-نێو"
    answer = wire.get(f"{PATH}/{asked}", **{"Accept-Language": language})

    assert answer.headers["content-language"] == language
    assert asked not in answer.text
    plain = wire.get(f"{PATH}/nobody", **{"Accept-Language": language}).json()
    assert {**answer.json(), "instance": ""} == {**plain, "instance": ""}
