"""Bad bytes at every door: each is refused by a code of its own, and nothing of it is recorded."""

import json
import unicodedata
from collections.abc import Callable
from typing import Any

import pytest

from infrastructure.proofs import canonical, signing
from infrastructure.proofs.base64text import encode_url
from infrastructure.proofs.disclosures import digest
from infrastructure.proofs.orders import LINE_LIMIT_BYTES, NDJSON
from sijill.client import statement
from tests.api import asking
from tests.api.talking import Wire, codes_of, forged, lines_of, refusal, told
from tests.serving import NAMES, Agency, Served, issuance

BULK = "/v1/certificates/bulk"
SECRET = "حامل 0001"


@pytest.fixture
def untouched(served: Served, agency: Agency) -> Any:
    """Whatever is sent in the test, the agency's certificates are the same afterwards."""

    def issued() -> Any:
        served.settle()
        return served.anybody().get("/v1/reports/issuance", agency=agency.name)["items"]

    before = issued()
    yield
    assert issued() == before


def line(agency: Agency) -> str:
    return issuance(agency.name).decode()


def _nested(depth: int) -> str:
    return "[" * depth + "]" * depth


BAD: list[tuple[str, Callable[[str], str | bytes], tuple[int, str]]] = [
    ("nothing", lambda _: b"", (400, "json_malformed")),
    ("half", lambda t: t[: len(t) // 2], (400, "json_malformed")),
    ("two values", lambda t: t + t, (400, "json_malformed")),
    ("an array", lambda t: f"[{t}]", (400, "json_malformed")),
    ("single quotes", lambda t: t.replace('"', "'"), (400, "json_malformed")),
    ("a trailing comma", lambda t: t[:-1] + ",}", (400, "json_malformed")),
    ("a comment", lambda t: t[:-1] + "/* */}", (400, "json_malformed")),
    ("a byte-order mark", lambda t: "\ufeff" + t, (400, "json_text")),
    ("no UTF-8", lambda t: t.encode().replace(b"registry", b"reg\xffstry"), (400, "json_text")),
    ("UTF-16", lambda t: t.encode("utf-16"), (400, "json_text")),
    ("a raw NUL", lambda t: t.replace("registry", "reg\x00stry"), (400, "json_malformed")),
    ("an escaped NUL", lambda t: t.replace("registry", "reg\\u0000stry"), (400, "json_text")),
    ("a lone surrogate", lambda t: t.replace("registry", "\\ud800"), (400, "json_text")),
    ("a swapped pair", lambda t: t.replace("registry", "\\udc00\\ud800"), (400, "json_text")),
    ("not NFC", lambda t: t.replace("registry", "cafe\u0301"), (400, "json_text")),
    ("a bidi override", lambda t: t.replace("registry", "a\u202eb"), (400, "json_text")),
    ("an isolate", lambda t: t.replace("registry", "a\u2066b"), (400, "json_text")),
    ("a line separator", lambda t: t.replace("registry", "a\u2028b"), (400, "json_text")),
    ("an unassigned one", lambda t: t.replace("registry", "a\u0378b"), (400, "json_text")),
    (
        "a name twice",
        lambda t: t.replace('"unit":', '"unit":"x","unit":'),
        (400, "json_duplicate_name"),
    ),
    ("statement twice", lambda t: t[:-1] + ',"statement":{}}', (400, "json_duplicate_name")),
    ("a float", lambda t: t.replace(":2026}", ":2026.0}"), (400, "json_number")),
    ("an exponent", lambda t: t.replace(":2026}", ":2026e0}"), (400, "json_number")),
    ("minus zero", lambda t: t.replace(":2026}", ":-0}"), (400, "json_number")),
    ("too large", lambda t: t.replace(":2026}", ":9007199254740992}"), (400, "json_number")),
    ("far too large", lambda t: t.replace(":2026}", f":{'9' * 100_000}}}"), (400, "json_number")),
    ("NaN", lambda t: t.replace(":2026}", ":NaN}"), (400, "json_number")),
    ("null", lambda t: t.replace(":2026}", ":null}"), (400, "json_null")),
    ("a name of another script", lambda t: t.replace('"unit"', '"ünit"'), (400, "json_name")),
    ("a space", lambda t: t.replace('"unit":', '"unit": '), (400, "json_not_canonical")),
    (
        "an escape too many",
        lambda t: t.replace("registry", "regi\\u0073try"),
        (400, "json_not_canonical"),
    ),
    (
        "another order",
        lambda t: t.replace('{"act"', '{"zero":0,"act"'),
        (400, "json_not_canonical"),
    ),
    ("deep", lambda t: t.replace(":2026}", f":{_nested(9)}}}"), (400, "json_too_deep")),
    ("very deep", lambda t: t.replace(":2026}", f":{_nested(50_000)}}}"), (400, "json_too_deep")),
    ("another member", lambda t: t[:-1] + ',"more":1}', (400, "envelope_malformed")),
    ("no statement", lambda _: '{"disclosures":[]}', (400, "envelope_malformed")),
    ("a statement in a string", lambda _: '{"statement":"{}"}', (400, "envelope_malformed")),
    (
        "disclosures in an object",
        lambda _: '{"disclosures":{},"statement":{}}',
        (400, "envelope_malformed"),
    ),
]


@pytest.mark.parametrize("change,expected", [row[1:] for row in BAD], ids=[row[0] for row in BAD])
@pytest.mark.usefixtures("untouched")
def test_an_order_that_is_no_strict_json_is_refused_by_its_code(
    wire: Wire,
    agency: Agency,
    change: Callable[[str], str | bytes],
    expected: tuple[int, str],
) -> None:
    changed = change(line(agency))
    body = changed if isinstance(changed, bytes) else changed.encode()

    assert told(wire, forged(agency, body)) == expected


@pytest.mark.usefixtures("untouched")
def test_a_bad_line_spoils_a_bulk_that_could_not_be_read_otherwise(
    wire: Wire, agency: Agency
) -> None:
    """The root covers every line, so a line without a statement leaves nothing that was signed."""
    good = issuance(agency.name)
    body = good + b"\n" + good[:-1] + b"\n"

    order = forged(agency, body, path=BULK, content_type=NDJSON, lines=2)

    assert told(wire, order) == (400, "json_malformed")


@pytest.mark.parametrize("size", [LINE_LIMIT_BYTES + 1, 10 * 2**20])
@pytest.mark.usefixtures("untouched")
def test_an_order_too_large_is_refused(wire: Wire, agency: Agency, size: int) -> None:
    body = b'{"statement":{"act":"' + b"x" * size + b'"}}'

    assert told(wire, forged(agency, body)) == (413, "body_too_large")


@pytest.mark.usefixtures("untouched")
def test_a_huge_body_that_does_not_say_its_length_is_refused(wire: Wire, agency: Agency) -> None:
    order = forged(agency)

    answer = wire.http.post(
        order.path, headers=order.headers, content=iter([b" " * 65_536] * (10 * 16))
    )

    assert refusal(answer) == (413, "body_too_large")


@pytest.mark.usefixtures("untouched")
def test_a_statement_too_large_in_a_small_order_is_refused(wire: Wire, agency: Agency) -> None:
    text = line(agency).replace("registry", "r" * 65_536)

    assert told(wire, forged(agency, text.encode())) == (413, "json_too_large")


SMUGGLED: list[tuple[dict[str, Any], str]] = [
    ({"remark": "of Ali Hassan"}, "/remark"),
    ({"unit": "علي حسن"}, "/unit"),
    ({"unit": "Ali Hassan"}, "/unit"),
    ({"series": "ali.hassan"}, "/series"),
    ({"number": "علي حسن 1"}, "/number"),
    ({"number": "AliHassanAlJubouri/1"}, "/number"),
    ({"number": "علي"}, "/number"),
    ({"number": "1\u0661\u066c"}, "/number"),
    ({"number": "１２"}, "/number"),
    ({"number": "१२"}, "/number"),
    ({"number": "²"}, "/number"),
    ({"number": ""}, "/number"),
    ({"number": "1//2"}, "/number"),
    ({"number": "9" * 33}, "/number"),
    ({"legal_basis": "because of Ali"}, "/legal_basis"),
    ({"date": "2026-02-30"}, "/date"),
    ({"date": "٢٠٢٦-١١-٠١"}, "/date"),
    ({"language": "Arabic"}, "/language"),
    ({"year": True}, "/year"),
    ({"year": "2026"}, "/year"),
    ({"claims": {}}, "/claims"),
    ({"claims": "Ali Hassan"}, "/claims"),
    ({"code": "ALI-HASSAN"}, "/code"),
    ({"type": "Ali Hassan"}, "/type"),
    ({"agency": "Ali Hassan"}, "/agency"),
    ({"nonce": "Ali Hassan was here ok"}, "/nonce"),
    ({"valid_until": -1}, ""),
]


@pytest.mark.parametrize("members,pointer", SMUGGLED, ids=[str(row[0]) for row in SMUGGLED])
@pytest.mark.usefixtures("untouched")
def test_free_text_finds_no_way_into_a_statement(
    wire: Wire, agency: Agency, members: dict[str, Any], pointer: str
) -> None:
    envelope = json.loads(line(agency))
    said = {**envelope["statement"], **members}
    text = signing.envelope(_dumps(said), envelope["disclosures"])
    order = forged(agency, text)

    answer = wire.post(order.path, order.headers, order.body)

    status, code = refusal(answer)
    if pointer:
        assert (status, code) == (422, "statement_invalid")
        assert pointer in [error["pointer"] for error in answer.json()["errors"]]
    else:
        assert (status, code) == (400, "json_number")
    assert "Hassan" not in answer.text
    assert "علي" not in answer.text


def _dumps(said: dict[str, Any]) -> bytes:
    """Canonical for what is canonical, and near enough for what is refused before."""
    return json.dumps(said, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


def disclosure(parts: Any) -> str:
    return encode_url(json.dumps(parts, ensure_ascii=False).encode("utf-8", "surrogatepass"))


SALT = encode_url(bytes(16))


@pytest.mark.parametrize(
    "text,expected",
    [
        (disclosure([SALT, "addressee", "a\u202eb"]), (400, "json_text")),
        (disclosure([SALT, "addressee", "a\u200fb"]), (400, "json_text")),
        (disclosure([SALT, "addressee", "a\x00b"]), (400, "json_text")),
        (disclosure([SALT, "addressee", "a\nb"]), (400, "json_text")),
        (disclosure([SALT, "addressee", "cafe\u0301"]), (400, "json_text")),
        (disclosure([SALT, "addressee", "\ud800"]), (400, "json_text")),
        (disclosure([SALT, "addressee", 7]), (400, "disclosure_malformed")),
        (disclosure([SALT, "addressee", ["x"]]), (400, "json_too_deep")),
        (disclosure([SALT, "addressee"]), (400, "disclosure_malformed")),
        (disclosure(["short", "addressee", "x"]), (400, "disclosure_malformed")),
        (disclosure([SALT, "Addressee", "x"]), (400, "disclosure_malformed")),
        (disclosure([SALT, "addressee", "x" * 20_000]), (400, "disclosure_too_large")),
        (disclosure([SALT, "addressee", "x"]) + "=", (400, "disclosure_malformed")),
        (disclosure([SALT, "addressee", "x"])[:-1] + "+", (400, "disclosure_malformed")),
        ("é", (400, "disclosure_malformed")),
        (disclosure([SALT, "addressee", ""]), (422, "claim_blank")),
        (disclosure([SALT, "addressee", " \u00a0\u3000"]), (422, "claim_blank")),
        (disclosure([SALT, "addressee", "\u200b\u200d"]), (422, "claim_blank")),
        (disclosure([SALT, "addressee", "\u3164 \u00ad\ufe0f"]), (422, "claim_blank")),
    ],
)
@pytest.mark.usefixtures("untouched")
def test_a_value_that_could_deceive_is_refused(
    wire: Wire, agency: Agency, text: str, expected: tuple[int, str]
) -> None:
    envelope = json.loads(line(agency))
    said = envelope["statement"]
    said["claims"]["addressee"] = digest(text) if text.isascii() else "A" * 43
    body = signing.envelope(canonical.dumps(said), [*envelope["disclosures"], text])

    assert told(wire, forged(agency, body)) == expected


def test_what_sorani_is_written_with_is_a_value_like_any_other(wire: Wire, agency: Agency) -> None:
    name = unicodedata.normalize("NFC", "ئازاد\u200cی کوڕی ڕێبوار")

    code = agency.issue(values={"holder_name": name})["code"]

    verdict = asking.present(wire, code, fields={"holder_name": name}).json()
    assert verdict["reason"] == "in_force_fields_match"


@pytest.mark.parametrize("number", ["٤٥٦/م", "۴۵۶/م", "456/م"])
def test_a_number_that_differs_only_in_its_digits_is_taken(served: Served, number: str) -> None:
    agency = served.agency()
    agency.issue(number="456/م")
    client = agency.client
    lines = [issuance(agency.name, number=number), issuance(agency.name, number="457/م")]

    answers = client.send(client.prepare(BULK, lines, bulk=True))

    assert codes_of(answers) == ["number_taken", None]


@pytest.mark.parametrize("name", ["A\u202eB", "A\u200bB", " A", "A  B", "123", "", "e\u0301"])
def test_a_name_of_a_body_that_could_deceive_is_refused(
    wire: Wire, served: Served, name: str
) -> None:
    founder = served.founder()
    said = statement(
        "agency.add",
        "ndc",
        subject=f"b-{asking.new_name()}",
        kind="ministry",
        names={**NAMES, "en": "Placeholder"},
    )
    text = _dumps({**json.loads(said), "names": {**NAMES, "en": name}})
    assert founder.key is not None
    body = signing.envelope(text)
    order = forged(Agency(served, "ndc", founder.key), body, path="/v1/agencies")

    assert told(wire, order) in {(422, "statement_invalid"), (400, "json_text")}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff",
        b"\x00",
        b"[" * 60_000,
        b'{"code":' + b"9" * 10_000 + b"}",
        b'{"code":1e400}',
        b'{"code":NaN}',
        b'{"field":"holder_name","value":"\\ud800"}',
        b'{"code":"x","fields":{"\\ud800":"x"}}',
        b'{"code":"x","fields":{"name":"\\udfff"}}',
        b'{"code":"x","code":7}',
        b'{"code":"x"} {"code":"y"}',
    ],
)
@pytest.mark.parametrize("path", ["/v1/verify", "/v1/verify/batch", "/v1/certificates/search"])
def test_a_question_that_cannot_be_read_is_a_refusal_and_no_crash(
    wire: Wire, path: str, body: bytes
) -> None:
    answer = wire.http.post(path, content=body, headers={"Content-Type": "application/json"})

    assert refusal(answer) == (422, "validation")


def test_a_question_of_another_kind_or_size_is_refused(wire: Wire) -> None:
    good = b'{"code":"x"}'

    answer = wire.http.post("/v1/verify", content=good, headers={"Content-Type": "text/plain"})
    assert refusal(answer) == (422, "validation")
    answer = wire.http.post("/v1/verify", json={"code": "x" * 10 * 2**20})
    assert refusal(answer) == (413, "body_too_large")


@pytest.mark.parametrize("name", ["a\x00b", "a\u202eb", "\u0301", "𐀀" * 100, "ﷺ" * 100])
def test_a_presented_value_of_any_characters_is_compared_and_no_crash(
    wire: Wire, agency: Agency, name: str
) -> None:
    code = agency.issue()["code"]

    verdict = asking.present(wire, code, fields={"holder_name": name, "number": name}).json()

    assert verdict["reason"] == "content_mismatch"
    assert verdict["compared"]["mismatched"] == ["holder_name", "number"]


def test_what_stands_in_a_bulk_beside_bad_values_is_recorded(wire: Wire, agency: Agency) -> None:
    good = issuance(agency.name)
    envelope = json.loads(line(agency))
    envelope["statement"]["unit"] = "Ali Hassan"
    bad = signing.envelope(_dumps(envelope["statement"]), envelope["disclosures"])
    order = forged(agency, good + b"\n" + bad + b"\n", path=BULK, content_type=NDJSON, lines=2)

    answer = lines_of(wire.post(order.path, order.headers, order.body))

    assert codes_of(answer) == [None, "statement_invalid"]
    assert "Hassan" not in json.dumps(answer)
