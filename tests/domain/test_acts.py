"""The act table, and the schemas by which statements are read."""

import json
import re
from typing import Any

import pytest
from hypothesis import given as over
from hypothesis import strategies as st

from domain.acts import ACTS, Act, Command, Cosigning, Scope, parse_command
from domain.errors import ActUnknown, StatementInvalid
from tests.given_when_then import add, claims, code, issue, key_of, order

MEMBER = re.compile(r"\{([a-z_]+)\}")
BULKY = {"authenticity", "certificate", "register"}
# A figure that the ledger counts again before it takes the order, and what the operator attests.
ALONE = {"register.count", "authenticity.receive", "authenticity.attest"}


def faults(statement: dict[str, Any]) -> set[tuple[str, str]]:
    with pytest.raises(StatementInvalid) as caught:
        parse_command(statement)
    assert caught.value.params == {"count": len(caught.value.faults)}
    return {(fault.pointer, fault.code) for fault in caught.value.faults}


def said(**members: Any) -> dict[str, Any]:
    return issue("a").saying(**members).statement


@pytest.mark.parametrize("command", ACTS.values(), ids=ACTS.keys())
def test_every_row_of_the_table_is_complete(command: type[Command]) -> None:
    act = command.ACT
    noun, verb = act.name.split(".")
    assert act.event.startswith(f"sijill.{noun}.")
    assert act.path.startswith("/v1/")
    assert set(MEMBER.findall(act.path)) <= command.model_fields.keys()
    assert verb.replace("_", "").isalpha()
    assert noun == "transfer" or act.bulk == (noun in BULKY and act.name not in ALONE)
    assert act.standings


@pytest.mark.parametrize("command", ACTS.values(), ids=ACTS.keys())
def test_only_its_own_officers_are_asked_to_sign_what_may_be_large(command: type[Command]) -> None:
    """So whom a large order concerns is known before it is read."""
    large = command.ACT.bulk or "claims" in command.model_fields
    own = {Cosigning.NONE, Cosigning.OFFICERS, Cosigning.BY_TYPE}
    assert not large or command.ACT.cosigning in own


@pytest.mark.parametrize("command", ACTS.values(), ids=ACTS.keys())
def test_every_member_of_a_statement_is_described(command: type[Command]) -> None:
    schema = command.model_json_schema()
    assert schema["description"]
    assert schema["additionalProperties"] is False
    assert schema["properties"]["act"] == {
        "const": command.ACT.name,
        "title": "Act",
        "type": "string",
    }
    for name, member in schema["properties"].items():
        assert "null" not in json.dumps(member), name
        assert re.fullmatch("[a-z0-9_]+", name)


@pytest.mark.parametrize("command", ACTS.values(), ids=ACTS.keys())
def test_no_member_of_a_statement_takes_free_text(command: type[Command]) -> None:
    """Every string has a pattern, a list of words or, for public names, a length and a check."""
    names = {"ar", "ckb", "en"}
    for path, schema in _strings(command.model_json_schema(), "#"):
        bounded = "pattern" in schema or "enum" in schema or "const" in schema
        assert bounded or (path.split("/")[-1] in names and schema["maxLength"] == 200), path


def _strings(schema: Any, path: str) -> list[tuple[str, dict[str, Any]]]:
    if isinstance(schema, list):
        return [found for part in schema for found in _strings(part, path)]
    if not isinstance(schema, dict):
        return []
    found = [(path, schema)] if schema.get("type") == "string" else []
    for name, part in schema.items():
        if name not in {"examples", "default"}:
            found += _strings(part, f"{path}/{name}")
    return found


def test_paths_have_one_act_each() -> None:
    paths = [command.ACT.path for command in ACTS.values()]
    assert len(paths) == len(set(paths))


def test_a_statement_says_where_it_is_posted() -> None:
    revoke = order("certificate.revoke", "moj", code=code("a"), reason="decision")
    assert parse_command(revoke.statement).path == f"/v1/certificates/{code('a')}/revocation"
    retire = order("key.retire", "moj", key=key_of("a"), reason="rotated")
    assert parse_command(retire.statement).path == f"/v1/keys/{key_of('a')}/retirement"
    assert parse_command(add("moj").statement).path == "/v1/agencies"


@pytest.mark.parametrize("act", [None, 7, [], {}, "", "certificate.forge", "Certificate.Issue"])
def test_an_act_that_is_not_in_the_table_is_unknown(act: Any) -> None:
    with pytest.raises(ActUnknown):
        parse_command({**said(), "act": act})


@pytest.mark.parametrize(
    "members,fault",
    [
        ({"agency": "Moj"}, ("/agency", "string_pattern_mismatch")),
        ({"note": "his cousin asked for it"}, ("/note", "extra_forbidden")),
        ({"nonce": "short"}, ("/nonce", "string_pattern_mismatch")),
        ({"year": "2026"}, ("/year", "int_type")),
        ({"year": 2026.0}, ("/year", "int_type")),
        ({"year": True}, ("/year", "int_type")),
        ({"language": "de"}, ("/language", "enum")),
        ({"number": "e\u0301cole-1"}, ("/number", "string_pattern_mismatch")),
        ({"number": "abc"}, ("/number", "number_without_digit")),
        ({"number": "AhmedHassanAli-1"}, ("/number", "number_too_wordy")),
        ({"date": "2026-02-30"}, ("/date", "day_unknown")),
        ({"code": code("a")[:-1] + "!"}, ("/code", "string_pattern_mismatch")),
        ({"code": code("a")[::-1]}, ("/code", "code_malformed")),
        ({"claims": {"holder_name": "أحمد"}}, ("/claims/holder_name", "string_pattern_mismatch")),
        (
            {"claims": {"اسم": claims()["holder_secret"]}},
            ("/claims/اسم", "string_pattern_mismatch"),
        ),
        ({"expiry_date": "tomorrow"}, ("/expiry_date", "string_pattern_mismatch")),
        ({"valid_until": -1}, ("/valid_until", "greater_than_equal")),
        ({"valid_until": 2**53}, ("/valid_until", "less_than_equal")),
    ],
)
def test_a_fault_is_pointed_at(members: dict[str, Any], fault: tuple[str, str]) -> None:
    assert faults(said(**members)) == {fault}


def test_a_missing_member_is_pointed_at() -> None:
    statement = said()
    del statement["number"]
    assert faults(statement) == {("/number", "missing")}
    nested = add("moj", names={"ar": "جهة", "en": "Body"}).statement
    assert faults(nested) == {("/names/ckb", "missing")}


def test_names_of_public_bodies_are_checked_language_by_language() -> None:
    names = {"ar": "جهة\u202e", "ckb": " لایەن", "en": "123"}
    assert faults(add("moj", names=names).statement) == {
        ("/names/ar", "text_invisible"),
        ("/names/ckb", "text_spaces"),
        ("/names/en", "text_without_letters"),
    }


def test_absence_has_one_spelling() -> None:
    assert faults({**said(), "expiry_date": None}) == {("", "null")}


def test_every_fault_is_told_at_once() -> None:
    assert faults(said(agency="", year=1, number=" ")) == {
        ("/agency", "string_pattern_mismatch"),
        ("/year", "greater_than_equal"),
        ("/number", "string_pattern_mismatch"),
    }


def test_a_refusal_never_repeats_what_was_sent() -> None:
    secret = "أحمد حسن علي"
    with pytest.raises(StatementInvalid) as caught:
        parse_command(said(claims={"holder_name": secret}, number=secret, unit=secret))
    assert secret not in str(caught.value) + repr(caught.value.errors) + repr(caught.value.params)


def test_a_scope_is_named_once() -> None:
    enrol = order("key.enrol", "moj", subject="moj", scopes=["issue", "issue"])
    assert ("/scopes", "scope_repeated") in faults(enrol.statement)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)


@over(st.sampled_from(sorted(ACTS)), st.dictionaries(st.text(max_size=12), JSON, max_size=6))
def test_whatever_json_holds_it_is_a_command_or_a_refusal(act: str, members: Any) -> None:
    outcome: Command | StatementInvalid
    try:
        outcome = parse_command({**members, "act": act})
    except StatementInvalid as refusal:
        outcome = refusal
    assert isinstance(outcome, Command) or all(fault.code for fault in outcome.faults)


@over(st.data())
def test_a_statement_with_one_strange_member_is_refused(data: Any) -> None:
    statement = said()
    name = data.draw(st.sampled_from(sorted(statement.keys() - {"act"})))
    strange = data.draw(JSON.filter(lambda value: not isinstance(value, str | int | dict)))
    with pytest.raises(StatementInvalid):
        parse_command({**statement, name: strange})


def test_an_act_has_one_command() -> None:
    taken = ACTS["agency.link"].ACT
    with pytest.raises(TypeError, match="already"):
        type("Again", (Command,), {"ACT": taken, "__annotations__": {}})
    fresh = Act(name="x.y", event="", path="", scope=Scope.AUDIT, cosigning=Cosigning.NONE)
    try:
        with pytest.raises(TypeError, match="literal"):
            type("Vague", (Command,), {"ACT": fresh, "__annotations__": {}})
    finally:
        ACTS.pop("x.y")


def test_a_bulk_road_belongs_to_the_collection_of_its_acts() -> None:
    roads = {command.ACT.name: command.ACT.bulk_path for command in ACTS.values()}
    assert roads["certificate.revoke"] == "/v1/certificates/bulk"
    assert roads["agency.link"] == ""
