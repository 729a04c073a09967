"""Signed requests under fuzz: orders and reads by keys that are enrolled, made from the contract.

Every answer, the successes as well, is held against the contract by what hangs on the client
(tests/conforming.py). Requests are signed as they should be, and then some of them are spoilt.
"""

import json
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import httpx2
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.config import SchemathesisConfig

from domain.acts import ACTS, Cosigning
from infrastructure import keyfiles
from infrastructure.proofs import signing
from infrastructure.proofs.orders import NDJSON
from sijill.client import statement
from tests.api.asking import countersignature, signed_headers
from tests.api.talking import Forged, Wire, degree, forged
from tests.clock import now_seconds
from tests.conforming import CONTRACT
from tests.serving import NAMES, Agency, Served, issuance

# The same examples on every run: a failure here is found again.
CALMLY = settings(
    max_examples=12, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)
ORDERS = {
    name: command.ACT.path
    for name, command in sorted(ACTS.items())
    if command.ACT.cosigning is not Cosigning.GENESIS
}
READS = [
    path
    for path, operations in CONTRACT["paths"].items()
    if "401" in operations.get("get", {}).get("responses", {})
]
ENVELOPE = frozenset({"act", "agency", "nonce"})
CODES = ("code", "new_code", "by")
# Where it is not 0, codes and times are put right: else nearly all would end at the first check.
LUCK = st.integers(0, 3)
# Acts that get in by that; the others wait for signatures, or need a record in another state.
REACHED = frozenset({"agency.add", "certificate.issue", "certificate.revoke", "certificate.void"})


@dataclass
class Ground:
    """A ledger, those who sign, and what there is to act on."""

    wire: Wire
    agency: Agency
    operator: Agency
    codes: list[str] = field(default_factory=list)
    answered: set[int] = field(default_factory=set)

    def signer(self, act: str) -> Agency:
        """Whose keys have the scope of an act."""
        return self.operator if act.startswith(("agency.", "ledger.")) else self.agency

    def send(self, path: str, headers: Mapping[str, str], body: bytes) -> httpx2.Response:
        """Send one request; what comes back is in the contract, and no crash."""
        answer = self.wire.post(path, headers, body)
        assert answer.status_code < 500, answer.text
        self.answered.add(answer.status_code)
        return answer

    def code(self) -> str:
        """A certificate of the agency's, in force at first."""
        if len(self.codes) < 4:
            self.codes.append(str(self.agency.issue()["code"]))
        return self.codes.pop(0)


@pytest.fixture(scope="module")
def ground(wire: Wire, served: Served) -> Ground:
    key = keyfiles.load_private_key(served.folder / "keys" / "ndc.pem")
    return Ground(wire, served.agency(), Agency(served, "ndc", key))


@pytest.fixture(scope="module")
def contract() -> Any:
    return schemathesis.openapi.from_dict(CONTRACT, config=SchemathesisConfig.from_dict({}))


Spoil = Callable[[Forged], tuple[dict[str, str], bytes]]


def _as_it_is(order: Forged) -> tuple[dict[str, str], bytes]:
    return order.headers, order.body


def _another_body(order: Forged) -> tuple[dict[str, str], bytes]:
    return order.headers, order.body[:-1] + b" "


def _cut_short(order: Forged) -> tuple[dict[str, str], bytes]:
    return order.headers, order.body[: len(order.body) // 2]


def _another_key(order: Forged) -> tuple[dict[str, str], bytes]:
    turned = order.headers["Signature"].swapcase()
    return {**order.headers, "Signature": f"sijill{turned[6:]}"}, order.body


def _another_number(order: Forged) -> tuple[dict[str, str], bytes]:
    said = order.headers["Sijill-Statement"].replace("lines=1", "lines=2")
    return {**order.headers, "Sijill-Statement": said}, order.body


def _without(name: str) -> Spoil:
    return lambda order: (
        {one: text for one, text in order.headers.items() if one != name},
        order.body,
    )


SPOILT: list[Spoil] = [
    *[_as_it_is] * 30,
    _another_body,
    _cut_short,
    _another_key,
    _another_number,
    *map(_without, ("Signature", "Signature-Input", "Content-Digest", "Idempotency-Key")),
    *map(_without, ("Sijill-Ledger", "Sijill-Statement", "Content-Type")),
]
CHANGED: list[dict[str, Any]] = [
    *[{}] * 30,
    {"life": -1},
    {"life": 86_400},
    {"created": 1},
    {"ledger": b"\x00" * 32},
    {"tag": "sijill-approval-v1"},
    {"keyid": "A" * 43},
    {"lines": 2},
    {"atomic": True},
    {"content_type": NDJSON},
]


def envelope(ground: Ground, act: str, said: Mapping[str, Any], texts: Any, luck: int) -> bytes:
    """A line of an act as the contract describes it, by whoever may order it."""
    signer = ground.signer(act)
    members = {name: value for name, value in said.items() if name not in ENVELOPE}
    if luck:
        members = _tidy(members)
        members |= {name: ground.code() for name in CODES[::2] if name in members}
        members |= {"names": NAMES} if "names" in members else {}
        members |= {"valid_until": now_seconds() + 600} if "valid_until" in members else {}
    if act == "certificate.issue" and luck:
        base = json.loads(issuance(signer.name))
        kept = {name: value for name, value in members.items() if luck == 1 and name != "code"}
        return signing.envelope(
            _encoded({**base["statement"], **dict(list(kept.items())[:1])}), base["disclosures"]
        )
    try:
        line = statement(act, signer.name, **members)
    except ValueError:  # what canonical JSON cannot say
        line = _encoded({"act": act, "agency": signer.name, **members})
    return b'{"disclosures":%b,"statement":%b}' % (_encoded(texts), line)


def _tidy(value: Any) -> Any:
    """The same without what canonical JSON has no place for: nulls, and most characters."""
    match value:
        case str():
            return re.sub("[^A-Za-z0-9._/:-]", "-", value)
        case list():
            return [_tidy(one) for one in value]
        case dict():
            return {name: _tidy(one) for name, one in value.items() if one is not None}
        case _:
            return value


def _encoded(value: Any) -> bytes:
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "surrogatepass")


def address(template: str, body: bytes) -> str:
    """The path of an act, filled from its statement where that says something."""
    try:
        said = json.loads(body)["statement"]
    except (ValueError, KeyError, TypeError):
        said = {}
    return filled(template, said if isinstance(said, dict) else {})


def filled(template: str, values: Mapping[str, Any]) -> str:
    """A path with these values in its places, in letters that a signed path may have."""
    return re.sub(
        r"\{(\w+)\}",
        lambda place: re.sub("[^A-Za-z0-9_~-]", "x", str(values.get(place[1], ""))[:80]) or "x",
        template,
    )


@pytest.mark.parametrize("act", ORDERS)
def test_an_order_made_from_the_contract_is_answered_as_it_says(
    ground: Ground, contract: Any, act: str
) -> None:
    operation = contract[ORDERS[act]]["POST"]
    ground.answered.clear()

    @given(
        case=operation.as_strategy(generation_mode=GenerationMode.POSITIVE),
        spoil=st.sampled_from(SPOILT),
        changes=st.sampled_from(CHANGED),
        luck=LUCK,
    )
    @CALMLY
    def order(case: Any, spoil: Spoil, changes: dict[str, Any], luck: int) -> None:
        body = envelope(ground, act, case.body["statement"], case.body.get("disclosures", []), luck)
        made = forged(ground.signer(act), body, path=address(ORDERS[act], body), **changes)
        headers, sent = spoil(made)
        ground.send(made.path, headers, sent)

    order()

    assert len(ground.answered) > 1
    assert act not in REACHED or 201 in ground.answered


@given(
    body=st.binary(max_size=200) | st.recursive(st.none() | st.text(), st.lists).map(_encoded),
    act=st.sampled_from(sorted(ORDERS)),
)
@settings(CALMLY, max_examples=60)
def test_whatever_is_signed_is_no_crash(ground: Ground, body: bytes, act: str) -> None:
    made = forged(ground.signer(act), body, path=address(ORDERS[act], body))

    assert ground.send(made.path, made.headers, made.body).status_code in {400, 404, 413, 422}


@given(data=st.data())
@settings(CALMLY, max_examples=25)
def test_a_bulk_made_from_the_contract_is_answered_line_by_line_as_it_says(
    ground: Ground, contract: Any, data: st.DataObject
) -> None:
    acts = [name for name, command in ACTS.items() if command.ACT.bulk]
    lines = []
    for _ in range(data.draw(st.integers(1, 5))):
        act = data.draw(st.sampled_from(acts))
        operation = contract[ORDERS[act]]["POST"]
        case = data.draw(operation.as_strategy(generation_mode=GenerationMode.POSITIVE))
        lines.append(envelope(ground, act, case.body["statement"], [], data.draw(LUCK)))
    path = data.draw(st.sampled_from(["/v1/certificates/bulk", "/v1/certificates/bulk/check"]))
    made = forged(
        ground.agency,
        b"".join(line + b"\n" for line in lines),
        path=path,
        lines=len(lines),
        content_type=NDJSON,
        atomic=data.draw(st.booleans()),
    )
    headers, sent = data.draw(st.sampled_from(SPOILT))(made)

    ground.send(made.path, headers, sent)


def briefly(path: str, query: dict[str, Any]) -> dict[str, Any]:
    """The question, but nobody listens to a stream of events for the minutes that are allowed."""
    if path.endswith("/events"):
        said = query.get("seconds", 1)
        seconds = said[-1] if isinstance(said, list) and said else said
        with suppress(ValueError):
            if float(str(seconds)) > 1:
                query["seconds"] = 1
        query.setdefault("seconds", 1)
    return query


@pytest.mark.parametrize("path", READS)
@pytest.mark.parametrize("mode", list(GenerationMode))
def test_a_signed_read_made_from_the_contract_is_answered_as_it_says(
    ground: Ground, contract: Any, path: str, mode: GenerationMode
) -> None:
    operation = contract[path]["GET"]

    @given(
        case=operation.as_strategy(generation_mode=mode), luck=LUCK, reader=st.sampled_from([0, 1])
    )
    @CALMLY
    def read(case: Any, luck: int, reader: int) -> None:
        real = {"code": ground.code(), "order": str(uuid4())}
        places = {**case.path_parameters, **(real if luck else {})}
        where = filled(path, places)
        asked = briefly(path, dict(case.query or {}))
        query = urlencode(asked, doseq=True, errors="surrogatepass")
        signer = ground.operator if reader else ground.agency
        headers = signed_headers(signer, where, query)
        answer = ground.wire.get(f"{where}?{query}" if query else where, **headers)
        assert answer.status_code < 500, answer.text

    read()


@given(
    case=st.fixed_dictionaries(
        {"field": st.text(max_size=12) | st.just("holder_name"), "value": st.text(max_size=12)},
        optional={"type": st.text(max_size=5), "in_doubt": st.booleans(), "state": st.text()},
    ),
    query=st.dictionaries(st.sampled_from(["after", "limit", "at"]), st.integers(-1, 300)),
)
@settings(CALMLY, max_examples=30)
def test_a_signed_search_is_answered_as_the_contract_says(
    ground: Ground, case: dict[str, Any], query: dict[str, int]
) -> None:
    path, asked = "/v1/certificates/search", urlencode(query)
    headers = signed_headers(ground.agency, path, asked, method="POST")
    headers["Content-Type"] = "application/json"

    ground.send(f"{path}?{asked}" if asked else path, headers, _encoded(case))


@given(
    known=st.booleans(),
    ending=st.sampled_from(["approval", "refusal"]),
    whose=st.sampled_from(["agency", "operator"]),
    spoilt=st.sampled_from(["", "", "body", "cover", "Signature", "Content-Digest"]),
)
@settings(CALMLY, max_examples=30)
def test_a_countersignature_is_answered_as_the_contract_says(
    ground: Ground, *, known: bool, ending: str, whose: str, spoilt: str
) -> None:
    client = ground.agency.client
    order, cover = str(uuid4()), signing.Cover(b"\x00" * 32, 1, atomic=False)
    if known:
        prepared = client.prepare("/v1/certificates", [degree(ground.agency.name)], cosigned=True)
        order = client.send(prepared)["order"]
        if spoilt != "cover":
            shown = client.order(order)
            cover = signing.Cover(bytes.fromhex(shown["root"]), 1, atomic=False)
    path = f"/v1/orders/{order}/{ending}"
    headers = countersignature(getattr(ground, whose), path, cover)
    headers.pop(spoilt, None)

    ground.send(path, headers, b"x" if spoilt == "body" else b"{}")
