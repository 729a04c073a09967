"""The fixed examples of signed requests, judged twice: by a stranger's few lines, and by ours.

The stranger here knows only RFC 9421, SHA-256 and the record format; it shares no code with the
package under test. The vectors never change: what they fix has been signed by somebody.
"""

import json
from base64 import b64decode, urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha256
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from infrastructure.proofs import canonical, disclosures, evidence, jwk, orders, reads
from infrastructure.proofs.errors import ProofError
from infrastructure.proofs.statements import statement_path
from tests.infrastructure.proofs.vectors import load, why

SINGLE = load("order-single")
BULK = load("order-bulk")
APPROVAL = load("approval")
POSSESSION = load("possession")
READ = load("read")
REFUSED = load("order-refused")
THUMBPRINT = load("thumbprint")
DISCLOSURE = load("disclosure")
STATEMENT = load("statement")

FIELDS = ["content-type", "content-digest", "idempotency-key", "sijill-ledger", "sijill-statement"]
REQUESTS = [
    (SINGLE["request"], [SINGLE["key"]]),
    (BULK["request"], [BULK["key"]]),
    (APPROVAL["order"], APPROVAL["keys"]),
    (APPROVAL["approval"], APPROVAL["keys"]),
    (POSSESSION["order"], POSSESSION["keys"]),
    (POSSESSION["possession"], POSSESSION["keys"]),
    (POSSESSION["approval"], POSSESSION["keys"]),
    *((request, [READ["key"]]) for request in READ["requests"]),
]
EVIDENCE = [
    (SINGLE, [SINGLE["request"]], [SINGLE["key"]], SINGLE["statement_digest"], 0, []),
    (APPROVAL, [], APPROVAL["keys"], APPROVAL["statement_digest"], 0, []),
    (POSSESSION, [], POSSESSION["keys"], POSSESSION["statement_digest"], 0, []),
    *(
        (BULK, [BULK["request"]], [BULK["key"]], line["statement_digest"], number, line["path"])
        for number, line in enumerate(BULK["lines"])
    ),
]


def unpadded(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def strangers_thumbprint(key: dict[str, str]) -> str:
    data = json.dumps(key, sort_keys=True, separators=(",", ":")).encode()
    return urlsafe_b64encode(sha256(data).digest()).decode().rstrip("=")


def strangers_check(key: dict[str, str], signature: bytes, message: bytes) -> None:
    if key["kty"] == "OKP":
        Ed25519PublicKey.from_public_bytes(unpadded(key["x"])).verify(signature, message)
        return
    x, y = (int.from_bytes(unpadded(key[name]), "big") for name in "xy")
    r, s = (int.from_bytes(half, "big") for half in (signature[:32], signature[32:]))
    public = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
    public.verify(encode_dss_signature(r, s), message, ec.ECDSA(SHA256()))


def strangers_base(request: dict[str, Any]) -> str:
    headers = {name.lower(): value for name, value in request["headers"]}
    names, parameters = headers["signature-input"].partition("=(")[2].split(")", 1)
    derived = {"@method": request["method"], "@path": request["path"]}
    derived["@query"] = "?" + request.get("query", "")
    lines = [
        f"{name}: {derived.get(name.strip(chr(34)), headers.get(name.strip(chr(34))))}"
        for name in names.split(" ")
    ]
    return "\n".join([*lines, f'"@signature-params": ({names}){parameters}'])


def strangers_root(digest: bytes, number: int, count: int, path: list[bytes]) -> bytes:
    """RFC 9162 section 2.1.3.2."""
    position, last = number, count - 1
    for sibling in path:
        if position & 1 or position == last:
            digest = sha256(b"\x01" + sibling + digest).digest()
            while not position & 1:
                position, last = position >> 1, last >> 1
        else:
            digest = sha256(b"\x01" + digest + sibling).digest()
        position, last = position >> 1, last >> 1
    assert last == 0
    return digest


@pytest.mark.parametrize("request_, keys", REQUESTS)
def test_a_stranger_verifies_each_request(
    request_: dict[str, Any], keys: list[dict[str, Any]]
) -> None:
    base = strangers_base(request_)
    assert base == request_["base"]
    signature = bytes.fromhex(request_["signature"])
    headers = dict(request_["headers"])
    assert b64decode(headers["Signature"].split(":")[1]) == signature
    (key,) = (key for key in keys if f'keyid="{key["thumbprint"]}"' in base)
    assert strangers_thumbprint(key["jwk"]) == key["thumbprint"]
    strangers_check(key["jwk"], signature, base.encode())
    if "body" in request_:
        digest = headers["Content-Digest"].removeprefix("sha-256=:").removesuffix(":")
        assert b64decode(digest) == sha256(request_["body"].encode()).digest()


@pytest.mark.parametrize("request_, keys", REQUESTS)
def test_we_verify_each_request(request_: dict[str, Any], keys: list[dict[str, Any]]) -> None:
    parsed: orders.SignedRequest | reads.SignedRead
    if "query" in request_:
        parsed = reads.parse_read(
            request_["method"], request_["path"], request_["query"], request_["headers"]
        )
    else:
        parsed = orders.parse_request(request_["method"], request_["path"], request_["headers"])
        orders.check_body(parsed, request_["body"].encode())
        if parsed.tag != orders.APPROVAL_TAG:
            orders.parse_lines(parsed, request_["body"].encode())
    assert parsed.base.decode() == request_["base"]
    assert parsed.signature.hex() == request_["signature"]
    (key,) = (key for key in keys if key["thumbprint"] == parsed.keyid)
    parsed.check_signature(jwk.parse_jwk(key["jwk"]))


@pytest.mark.parametrize("request_, keys", REQUESTS)
def test_ed25519_signatures_are_the_only_ones_of_their_key(
    request_: dict[str, Any], keys: list[dict[str, Any]]
) -> None:
    (key,) = (key for key in keys if f'keyid="{key["thumbprint"]}"' in request_["base"])
    if key["jwk"]["kty"] == "OKP":
        private_key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(key["private"]))
        signature = private_key.sign(request_["base"].encode())
        assert signature.hex() == request_["signature"]
    else:
        scalar = int(key["private"], 16)
        p256 = ec.derive_private_key(scalar, ec.SECP256R1())
        assert jwk.public_of(p256).jwk == key["jwk"]


@pytest.mark.parametrize("vector, requests, keys, digest, line, path", EVIDENCE)
def test_evidence_is_borne_out_by_a_stranger_and_by_us(
    vector: dict[str, Any],
    requests: list[dict[str, Any]],
    keys: list[dict[str, Any]],
    digest: str,
    line: int,
    path: list[str],
) -> None:
    data = vector["evidence"].encode()
    assert sha256(data).hexdigest() == vector["evidence_digest"]
    requests = requests or [vector[n] for n in ("order", "possession", "approval") if n in vector]
    entries = json.loads(data)
    assert [entry["base"] for entry in entries] == [one["base"] for one in requests]
    for entry, key in zip(entries, keys, strict=True):
        strangers_check(key["jwk"], unpadded(entry["sig"]), entry["base"].encode())
    siblings = [bytes.fromhex(one) for one in path]
    count = len(vector.get("lines", [None]))
    root = strangers_root(bytes.fromhex(digest), line, count, siblings)
    covers = dict(requests[0]["headers"])["Sijill-Statement"]
    assert b64decode(covers.split(":")[1]) == root
    assert f";lines={count}" in covers

    known = {key["thumbprint"]: jwk.parse_jwk(key["jwk"]) for key in keys}
    for time_us in (vector.get("not_before_us", 1795305600000000), 1795306200000000):
        facts = evidence.Recorded(
            evidence=bytes.fromhex(vector["evidence_digest"]),
            keys=tuple(known),
            line=line,
            time_us=max(time_us, vector.get("not_before_us", 0)),
            statement=bytes.fromhex(digest),
            path=tuple(siblings),
        )
        signed = evidence.verify_evidence(
            data, facts, ledger=bytes.fromhex(vector["ledger"]), find_key=known.__getitem__
        )
        assert evidence.encode_evidence(signed) == data


def test_the_bulks_lines_and_paths_are_ours() -> None:
    request = orders.parse_request("POST", BULK["request"]["path"], BULK["request"]["headers"])
    lines = orders.parse_lines(request, BULK["request"]["body"].encode())
    digests = [line.digest for line in lines]
    assert request.root.hex() == BULK["root"]
    assert request.atomic
    for number, (line, vector) in enumerate(zip(lines, BULK["lines"], strict=True)):
        assert line.statement.decode() == vector["statement"]
        assert sha256(b"\0" + line.statement).hexdigest() == vector["statement_digest"]
        assert [one.hex() for one in statement_path(digests, number)] == vector["path"]


def test_the_single_orders_facts_are_ours() -> None:
    request = orders.parse_request("POST", SINGLE["request"]["path"], SINGLE["request"]["headers"])
    (line,) = orders.parse_lines(request, SINGLE["request"]["body"].encode())
    assert line.statement.decode() == SINGLE["statement"]
    assert line.digest.hex() == request.root.hex() == SINGLE["statement_digest"]
    bound = f"POST\n{SINGLE['request']['path']}\n".encode() + request.root
    assert sha256(bound).hexdigest() == request.request_digest.hex() == SINGLE["request_digest"]
    assert (request.not_before_us, request.not_after_us) == (
        SINGLE["not_before_us"],
        SINGLE["not_after_us"],
    )
    claims = {one["name"]: one["digest"] for one in SINGLE["disclosures"]}
    assert line.parsed["claims"] == claims
    values = {one["name"]: one["value"] for one in SINGLE["disclosures"]}
    assert disclosures.check_claims(claims, line.disclosures) == values


@pytest.mark.parametrize("change", REFUSED["changes"], ids=why)
def test_each_changed_header_is_refused_by_its_code(change: dict[str, Any]) -> None:
    headers = {**dict(SINGLE["request"]["headers"]), change["header"]: change["value"]}
    sent = [(name, value) for name, value in headers.items() if value is not None]
    with pytest.raises(ProofError) as caught:
        orders.parse_request("POST", SINGLE["request"]["path"], sent).check_signature(
            jwk.parse_jwk(SINGLE["key"]["jwk"])
        )
    assert caught.value.code == change["code"]


@pytest.mark.parametrize("key", THUMBPRINT["accepted"])
def test_a_thumbprint_names_its_key(key: dict[str, Any]) -> None:
    assert strangers_thumbprint(key["jwk"]) == key["thumbprint"]
    assert jwk.parse_jwk(key["jwk"]).thumbprint == key["thumbprint"]


@pytest.mark.parametrize("key", THUMBPRINT["refused"], ids=why)
def test_a_faulty_key_is_refused(key: dict[str, Any]) -> None:
    with pytest.raises(ProofError) as caught:
        jwk.parse_jwk(key["jwk"])
    assert caught.value.code == key["code"]


@pytest.mark.parametrize("one", DISCLOSURE["accepted"])
def test_a_disclosure_is_its_json_and_its_digest(one: dict[str, str]) -> None:
    assert unpadded(one["text"]).decode() == one["json"]
    assert json.loads(one["json"]) == [one["salt"], one["name"], one["value"]]
    assert unpadded(one["digest"]) == sha256(one["text"].encode()).digest()
    assert disclosures.parse(one["text"]) == (one["salt"], one["name"], one["value"])
    assert disclosures.digest(one["text"]) == one["digest"]


@pytest.mark.parametrize("one", DISCLOSURE["refused"], ids=why)
def test_a_faulty_disclosure_is_refused(one: dict[str, str]) -> None:
    with pytest.raises(ProofError) as caught:
        disclosures.parse(one["text"])
    assert caught.value.code == one["code"]


@pytest.mark.parametrize("one", STATEMENT["accepted"])
def test_a_statement_is_read_and_digested(one: dict[str, str]) -> None:
    data = bytes.fromhex(one["hex"])
    assert canonical.parse(data, limit_bytes=4096) == json.loads(data)
    assert sha256(b"\0" + data).hexdigest() == one["digest"]


@pytest.mark.parametrize("one", STATEMENT["refused"])
def test_what_is_no_statement_is_refused(one: dict[str, str]) -> None:
    with pytest.raises(ProofError) as caught:
        canonical.parse(bytes.fromhex(one["hex"]), limit_bytes=4096)
    assert caught.value.code == one["code"]
