"""The page of the ledger format against its vectors, a stranger's hands and the code.

Every example on the page is a value of a vector. The vectors that show whole leaves are computed
again by `tests.stranger`, which shares nothing with the package, and the ledger of `log.json`
passes the package's own check.
"""

import json
import re
from base64 import b64decode
from collections.abc import Iterator
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import Any, cast

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from domain.acts import ACTS, Scope, parse_command
from domain.agencies import Kind
from infrastructure.proofs import leaf, orders, tiles
from infrastructure.proofs.authorship import Opening
from infrastructure.proofs.evidence import SIGNATURES_LIMIT
from infrastructure.proofs.findings import Summary
from infrastructure.proofs.fsck import Fsck, Trust
from infrastructure.proofs.note import VerifierKey
from infrastructure.proofs.ordering import OrderMaterial
from infrastructure.proofs.tiles import Tile
from sijill.audit import act_rules
from sijill.rules import Rules
from tests import stranger
from tests.serving import Served
from tests.stranger import NoteKey

ROOT = Path(__file__).parents[1]
VECTORS = ROOT / "tests" / "vectors"
PAGE = (ROOT / "docs" / "reference" / "ledger-format.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(
    r"^```text ([a-z-]+\.json)#(\S+)\n(.*?)\n```$", PAGE, re.MULTILINE | re.DOTALL
)
COMMON = {"act", "agency", "nonce", "valid_until"}


def load(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((VECTORS / name).read_text(encoding="utf-8"))
    return loaded


LOG = load("log.json")
WHOLE = {
    index: load(name)
    for index, name in ((0, "genesis.json"), (5, "issuance.json"), (8, "erasure.json"))
}


def resolve(pointer: str, value: Any) -> Any:
    """RFC 6901."""
    for part in pointer.split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        value = value[int(name)] if isinstance(value, list) else value[name]
    return value


@pytest.mark.parametrize("file, pointer, shown", EXAMPLES, ids=lambda value: value[:40])
def test_each_example_is_a_vector_byte_for_byte(file: str, pointer: str, shown: str) -> None:
    value = resolve(pointer, load(file))
    if isinstance(value, str):
        assert shown == value.removesuffix("\n")
    else:
        assert json.loads(shown) == value


def test_every_block_names_a_vector_or_is_indented() -> None:
    assert len(EXAMPLES) > 20
    assert PAGE.count("\n```") == 2 * len(EXAMPLES)


def test_every_vector_is_named_and_every_named_one_exists() -> None:
    named = set(re.findall(r"`([a-z-]+\.json)`", PAGE))

    assert named == {path.name for path in VECTORS.glob("*.json")}


@pytest.mark.parametrize("vector", WHOLE.values(), ids=map(str, WHOLE))
def test_a_stranger_computes_each_whole_leaf_again(vector: dict[str, Any]) -> None:
    event, requests = vector["event"], vector["requests"]
    statement = event["statement"].encode()
    said = json.loads(statement)
    assert stranger.canonical(said) == statement
    assert stranger.statement_digest(statement).hex() == event["statement_digest"]

    for request, key in zip(requests, vector["keys"], strict=True):
        check_request(request, key, vector["ledger"], event["statement_digest"])
    order = json.loads(requests[0]["body"])
    assert stranger.canonical(order["statement"]) == statement
    assert order["disclosures"] == [one["text"] for one in event["disclosures"]]
    check_disclosures(said.get("claims", {}), event["disclosures"])

    evidence = stranger.evidence(requests)
    assert evidence.decode() == vector["evidence"]
    assert sha256(evidence).hexdigest() == vector["evidence_digest"]
    check_leaf(event, said, vector)


def check_request(request: dict[str, Any], key: dict[str, Any], ledger: str, digest: str) -> None:
    headers = dict(request["headers"])
    assert headers["Sijill-Ledger"] == ledger
    root = stranger.base64(bytes.fromhex(digest))
    assert headers["Sijill-Statement"] == f"sha-256=:{root}:;lines=1"
    body = stranger.base64(sha256(request["body"].encode()).digest())
    assert headers["Content-Digest"] == f"sha-256=:{body}:"
    base = stranger.signature_base(request)
    assert base == request["base"]
    assert f'keyid="{stranger.thumbprint(key["jwk"])}"' in base
    assert stranger.signature_of(request).hex() == request["signature"]
    stranger.verify(key["jwk"], bytes.fromhex(request["signature"]), base.encode())
    secret = bytes.fromhex(key["private"])
    if key["jwk"]["kty"] == "OKP":
        again = Ed25519PrivateKey.from_private_bytes(secret).sign(base.encode())
        assert again.hex() == request["signature"]
    else:
        public = ec.derive_private_key(int.from_bytes(secret), ec.SECP256R1()).public_key()
        assert stranger.unbase64url(key["jwk"]["x"]) == public.public_numbers().x.to_bytes(32)


def check_disclosures(claims: dict[str, str], disclosures: list[dict[str, str]]) -> None:
    assert claims == {one["name"]: one["digest"] for one in disclosures}
    for one in disclosures:
        assert json.loads(one["json"]) == [one["salt"], one["name"], one["value"]]
        assert stranger.base64url(one["json"].encode()) == one["text"]
        assert stranger.base64url(sha256(one["text"].encode()).digest()) == one["digest"]


def check_leaf(event: dict[str, Any], said: dict[str, Any], vector: dict[str, Any]) -> None:
    header, body = event["header"].encode(), event["body"].encode()
    told = json.loads(header)
    assert stranger.canonical(told) == header
    assert told["keys"] == [key["thumbprint"] for key in vector["keys"]]
    assert told["evidence"] == vector["evidence_digest"]
    assert told["agency"] == said["agency"]
    assert told["line"] == 0
    assert stranger.canonical(json.loads(body)) == body
    assert event["statement"].encode() in body
    digests = []
    for part, data in (("header", header), ("body", body)):
        salt = bytes.fromhex(event[f"{part}_salt"])
        digests.append(stranger.salted(f"sijill/{part}/v1", salt, data))
        assert digests[-1].hex() == event[f"{part}_digest"]
    prev = bytes.fromhex(event["prev"])
    text = stranger.leaf(event["index"], event["time"], prev, *digests)
    assert text.decode() == event["leaf"] == LOG["leaves"][event["index"]]
    assert sha256(b"\x00" + text).hexdigest() == event["leaf_hash"]


def test_a_stranger_builds_the_served_ledger_from_its_leaves() -> None:
    texts = [text.encode() for text in LOG["leaves"]]
    hashes = [sha256(b"\x00" + text).digest() for text in texts]
    http = LOG["http"]
    assert hashes[0].hex() == LOG["ledger"] == http["/v1/ledger"]["ledger"]
    assert bytes.fromhex(http["/log/tile/0/000.p/11"]) == b"".join(hashes)
    bundle = b"".join(len(text).to_bytes(2) + text for text in texts)
    assert bytes.fromhex(http["/log/tile/entries/000.p/11"]) == bundle

    keys = {
        name: NoteKey(key["name"], bytes.fromhex(key["seed"]))
        for name, key in LOG["log_keys"].items()
    }
    assert {name: key.vkey for name, key in keys.items()} == {
        name: key["vkey"] for name, key in LOG["log_keys"].items()
    }
    signers = {5: ["log"], 11: ["log", "log-2"]}
    for item in http["/log/checkpoints"]["items"]:
        root = stranger.root(hashes[: item["size"]])
        text = f"sijill.example/log\n{item['size']}\n{stranger.base64(root)}\n"
        assert item["root"] == root.hex()
        assert item["note"] == stranger.note(text, *(keys[name] for name in signers[item["size"]]))
    proof = http["/v1/proofs/inclusion?index=5&size=11"]
    assert proof["hashes"] == [one.hex() for one in stranger.path(hashes, 5)]
    for index, receipt in enumerate(LOG["receipts"], 1):
        digest = receipt.split("\n")[4]
        text = f"sijill-receipt/v1\n{LOG['ledger']}\n{index}\n{hashes[index].hex()}\n{digest}\n"
        assert receipt == stranger.note(text, keys["receipts"])


class Copy:
    """The served ledger as a source of the package's check."""

    ends_at_checkpoint = True

    def __init__(self, openings: dict[str, Any]) -> None:
        self._openings = openings

    def newest(self) -> bytes:
        note: str = LOG["http"]["/log/checkpoint"]
        return note.encode()

    def checkpoints(self) -> list[bytes]:
        return [item["note"].encode() for item in LOG["http"]["/log/checkpoints"]["items"]]

    def entries(self, start: int = 0) -> list[bytes]:
        bundle = bytes.fromhex(LOG["http"]["/log/tile/entries/000.p/11"])
        return tiles.parse_bundle(bundle, width=11)[start:]

    def openings(self, start: int = 0) -> Iterator[Opening]:
        for item in self._openings["openings"][start:]:
            order = self._openings["orders"][str(item["order"])]
            yield Opening(
                index=item["index"],
                header=b64decode(item["header"]),
                header_salt=bytes.fromhex(item["header_salt"]),
                body=b64decode(item["body"]) if "body" in item else None,
                body_salt=bytes.fromhex(item.get("body_salt", "")),
                order=OrderMaterial(
                    b64decode(order["evidence"]),
                    [bytes.fromhex(one) for one in order["statements"]],
                ),
            )

    def tile(self, tile: Tile) -> bytes | None:
        held = LOG["http"].get(f"/log/{tile.path}")
        return None if held is None else bytes.fromhex(held)


def check(openings: dict[str, Any]) -> Summary:
    trust = Trust(
        ledger=bytes.fromhex(LOG["ledger"]),
        log_keys=[VerifierKey.parse(LOG["log_keys"]["log"]["vkey"])],
        receipts=[note.encode() for note in LOG["receipts"]],
        acts=act_rules(),
        rules=Rules,
    )
    fsck = Fsck(Copy(openings), trust)
    assert list(fsck.run()) == []
    return fsck.summary


def test_the_served_ledger_passes_the_check_whole() -> None:
    summary = check(LOG["audit"]["/v1/log/openings"])

    assert (summary.leaves, summary.bodies, summary.signatures) == (11, 11, 16)
    assert summary.unchecked == {}


def test_anybody_checks_all_but_the_bodies_of_certificates() -> None:
    summary = check(LOG["http"]["/v1/log/openings"])

    assert summary.unchecked.keys() == {"body_not_open"}
    assert summary.unchecked["body_not_open"].count == 4


def test_every_statement_of_the_served_ledger_is_one_that_the_service_takes() -> None:
    for opened in Copy(LOG["audit"]["/v1/log/openings"]).openings():
        assert opened.header is not None
        assert opened.body is not None
        command = parse_command(leaf.split_body(opened.body).parsed)
        assert command.ACT.event == leaf.parse_header(opened.header).type


def test_the_act_table_of_the_page_is_the_domains() -> None:
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in PAGE[PAGE.index("## 9. Acts") : PAGE.index("## 10.")].splitlines()
        if line.startswith("| `")
    ]
    expected = [
        [
            f"`{name}`",
            f"`{command.ACT.path}`",
            command.ACT.scope.value,
            command.ACT.cosigning.value,
            "yes" if command.ACT.bulk else "",
            f"`{command.ACT.event}`",
            " ".join(
                f"`{member}`" if field.is_required() else f"`{member}?`"
                for member, field in command.model_fields.items()
                if member not in COMMON
            ),
        ]
        for name, command in sorted(ACTS.items())
    ]

    assert [row[:4] + row[5:] for row in rows] == expected
    for row, command in zip(rows, (ACTS[row[0].strip("`")] for row in rows), strict=True):
        standings = {one.value for one in command.ACT.standings}
        assert row[4].endswith("founder") or set(row[4].split(", ")) == standings
        assert (row[4] == "founder") is command.ACT.founders_only


def test_the_words_of_the_page_are_the_domains() -> None:
    rows = re.findall(r"^\| ([^|]*) \| ((?:`[a-z_]+`(?:, )?)+) \|$", PAGE, re.MULTILINE)
    shown = {name: re.findall(r"`([a-z_]+)`", words) for name, words in rows}
    expected: dict[str, list[str]] = {"an agency's `kind`": list(Kind), "scopes": list(Scope)}
    for name, command in ACTS.items():
        field = command.model_fields.get("reason")
        if field is not None:
            reasons = cast("type[StrEnum]", field.annotation)
            expected[f"`reason` of `{name}`"] = list(reasons)

    assert {name: shown.get(name) for name in expected} == expected


def test_the_limits_of_the_page_are_the_codes() -> None:
    limits = PAGE[PAGE.index("## 19. Limits") : PAGE.index("## 20.")]
    for limit in (
        leaf.MAX_LEAF_BYTES,
        leaf.MAX_HEADER_BYTES,
        leaf.MAX_BODY_BYTES,
        orders.LINE_LIMIT_BYTES,
        orders.BODY_LIMIT_BYTES,
        orders.LINES_LIMIT,
        SIGNATURES_LIMIT,
    ):
        assert re.search(rf"\b{limit:,}\b", limits), limit


@pytest.mark.parametrize("path", ["/v1/ledger", "/log/checkpoints", "/v1/log/openings"])
def test_a_real_ledger_answers_with_the_members_of_the_vector(path: str, served: Served) -> None:
    client = served.anybody()
    served.agency()
    client.checkpoint()
    answer = client.get(path)
    shown = LOG["http"][path]

    assert answer.keys() == shown.keys()
    for name in ("items", "openings"):
        if name in shown:
            assert answer[name][0].keys() == shown[name][0].keys()
    if "orders" in shown:
        assert answer["orders"]["0"].keys() == shown["orders"]["0"].keys()
