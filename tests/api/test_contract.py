"""The contract: the committed one is the application's, and the service keeps to it under fuzz."""

import json
import re
from collections.abc import Mapping
from typing import Any

import httpx2
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from api import published
from domain.acts import ACTS, Cosigning
from infrastructure.proofs.orders import LINE_LIMIT_BYTES, NDJSON
from sijill.client import statement
from tests.api.talking import Wire, forged, refusal
from tests.clock import now_seconds
from tests.conforming import COMMITTED, CONTRACT, Undocumented, conforms
from tests.serving import Agency, Served, issuance

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
# The same examples on every run: a failure here is found again.
CALMLY = settings(
    max_examples=8, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)


def can_be_wrong(operation: Mapping[str, Any]) -> bool:
    """Whether a request can break the contract: free text in a path is always as described."""
    content = operation.get("requestBody", {}).get("content", {})
    places = {parameter["in"] for parameter in operation.get("parameters", [])}
    return "application/json" in content or "query" in places


@schemathesis.serializer("application/x-ndjson")
def as_lines(_context: object, value: object) -> bytes:
    return str(value).encode("utf-8", "surrogatepass")


@pytest.fixture(scope="module")
def contract(served: Served) -> Any:
    """The committed contract, of the ledger that is served."""
    schema = schemathesis.openapi.from_dict(CONTRACT, config=SchemathesisConfig.from_dict({}))
    schema.config.update(base_url=served.url)
    return schema


OPERATIONS = [
    (method, path, mode)
    for path, operations in CONTRACT["paths"].items()
    for method, operation in operations.items()
    for mode in GenerationMode
    if mode is GenerationMode.POSITIVE or can_be_wrong(operation)
]


def test_the_committed_contract_is_the_applications(served: Served) -> None:
    """`make openapi` writes it anew."""
    assert COMMITTED.read_text(encoding="utf-8") == published.text()
    assert served.anybody().get("/openapi.json") == CONTRACT


def test_every_act_and_every_problem_is_in_the_contract() -> None:
    posted = {path for path, operations in CONTRACT["paths"].items() if "post" in operations}
    for command in ACTS.values():
        if command.ACT.cosigning is not Cosigning.GENESIS:
            assert command.ACT.path in posted
    for path, operations in CONTRACT["paths"].items():
        for method, operation in operations.items():
            assert operation["summary"], (method, path)
            for status, answer in operation["responses"].items():
                if int(status) >= 400 and "application/problem+json" in answer.get("content", {}):
                    schema = answer["content"]["application/problem+json"]["schema"]
                    assert schema == {"$ref": "#/components/schemas/Problem"}, (method, path)


def test_every_success_has_a_form_and_our_own_have_no_other_member() -> None:
    """Ours is what the schema of no statement says: those are the agencies'."""
    for path, operations in CONTRACT["paths"].items():
        for method, operation in operations.items():
            for status, answer in operation["responses"].items():
                for media, form in answer.get("content", {}).items():
                    assert form["schema"], (method, path, status, media)
                    assert media != NDJSON or form["x-itemSchema"]
    for name, form in CONTRACT["components"]["schemas"].items():
        if form.get("type") == "object":
            assert form["additionalProperties"] is False, name


@pytest.mark.parametrize(
    "change",
    [
        {"surplus": 1},
        {"index": "7"},
        {"index": -1},
        {"leaf_hash": "00"},
        {"replayed": None},
    ],
)
def test_an_answer_of_another_form_is_noticed(change: Mapping[str, Any]) -> None:
    """What hangs on the clients of all these tests does see what it is there for."""
    recorded = {
        "index": 7,
        "leaf_hash": "0" * 64,
        "time": 1,
        "statement_digest": "0" * 64,
        "receipt": "",
        "checkpoint": "",
        "replayed": False,
    }
    request = httpx2.Request("POST", "http://ledger/v1/certificates")
    conforms(httpx2.Response(201, json=recorded, request=request))
    for told in (
        httpx2.Response(201, json={**recorded, **change}, request=request),
        httpx2.Response(200, json=recorded, request=request),
        httpx2.Response(201, text="", request=request),
    ):
        with pytest.raises(Undocumented):
            conforms(told)


def test_every_reference_in_the_contract_leads_somewhere() -> None:
    wanted = set(re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(CONTRACT)))

    assert wanted <= set(CONTRACT["components"]["schemas"])


@pytest.mark.parametrize("method,path,mode", OPERATIONS)
def test_whatever_is_asked_is_answered_as_the_contract_says(
    contract: Any, method: str, path: str, mode: GenerationMode
) -> None:
    """Unsigned: every route, its parameters and bodies as the contract describes them and not."""
    operation = contract[path][method]

    @given(case=operation.as_strategy(generation_mode=mode))
    @CALMLY
    def ask(case: Any) -> None:
        case.call_and_validate(checks=CHECKS, timeout=30)

    ask()


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_a_method_that_no_route_has_is_refused(wire: Wire, method: str) -> None:
    for path in ("/v1/agencies", "/v1/verify/x", "/log/checkpoint", "/metrics"):
        answer = requests.request(method, f"{wire.served.url}{path}", timeout=30)
        assert answer.status_code == 405, path
        assert set(answer.headers["allow"].split(", ")) <= {"GET", "POST"}


@pytest.mark.parametrize(
    "path", ["/v2", "/v1", "/v1/", "/v1/agencies/", "/docs/x", "/ar", "/fr/", "/%"]
)
def test_a_path_that_no_route_has_is_not_found(wire: Wire, path: str) -> None:
    assert refusal(wire.get(path)) == (404, "not_found")


STATEMENT = json.loads(issuance("moj"))["statement"]
LEAVES = (
    st.text(max_size=40)
    | st.integers(0, 2**53 - 1)
    | st.booleans()
    | st.sampled_from(["", "0", "moj", "certificate.issue", "2026-11-01", *STATEMENT])
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abcxyz"), inner, max_size=3)
    ),
    max_leaves=6,
)


def members_of(name: str) -> list[str]:
    """The members that an act's statement may have."""
    return [one for one in ACTS[name].model_fields if one not in {"act", "agency", "nonce"}]


@st.composite
def statements(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """An act, and members for it that may be anything that strict JSON can say."""
    name = draw(st.sampled_from(sorted(ACTS)))
    known = st.dictionaries(st.sampled_from(members_of(name) or ["x"]), VALUES, max_size=12)
    changed = draw(known)
    if name == "certificate.issue":
        kept = {one: STATEMENT[one] for one in members_of(name) if one in STATEMENT}
        changed = {**kept, **changed}
    return name, changed


@pytest.fixture(scope="module")
def fuzzing(wire: Wire, served: Served) -> tuple[Wire, Agency]:
    return wire, served.agency()


@given(said=statements(), disclosures=st.lists(st.text(max_size=30), max_size=2))
@settings(CALMLY, max_examples=200)
def test_what_is_signed_rightly_and_means_nothing_is_refused_and_never_a_crash(
    fuzzing: tuple[Wire, Agency], said: tuple[str, Mapping[str, Any]], disclosures: list[str]
) -> None:
    wire, agency = fuzzing
    name, members = said
    envelope = {"statement": _spelt(name, agency, members), "disclosures": disclosures}
    body = _encoded(envelope)
    path = ACTS[name].ACT.path
    for place in re.findall(r"\{(\w+)\}", path):
        value = members.get(place)
        fits = isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9._~-]+", value)
        path = path.replace(f"{{{place}}}", value if fits and isinstance(value, str) else "x")
    order = forged(agency, body, path=path)
    assert len(body) < LINE_LIMIT_BYTES

    answer = wire.post(order.path, order.headers, order.body)

    # The genesis has no route of its own; whatever else is said is refused by a problem.
    assert answer.status_code in {400, 403, 404, 405, 409, 415, 422}, answer.text
    status, code = refusal(answer)
    assert status == answer.status_code
    assert re.fullmatch(r"[a-z0-9_]+", code)


def _spelt(name: str, agency: Agency, members: Mapping[str, Any]) -> dict[str, Any]:
    said: dict[str, Any] = json.loads(statement(name, agency.name))
    return {**said, **members, "valid_until": members.get("valid_until", now_seconds() + 60)}


def _encoded(envelope: Mapping[str, Any]) -> bytes:
    """Canonical where it can be; what JSON cannot say stays for the ledger to refuse."""
    text = json.dumps(envelope, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "surrogatepass")
