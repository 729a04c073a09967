"""The log of a served ledger, opened as far as each caller may see, and proved to each of them."""

import base64
import json
from hashlib import sha256
from typing import Any

import pytest

from infrastructure.proofs import checkpoint, leaf, merkle, receipts, signing, tiles
from infrastructure.proofs.note import VerifierKey
from sijill.client import statement
from tests.api import asking
from tests.api.asking import issued, openings, read
from tests.api.talking import Wire, awaited, refusal, revoke
from tests.serving import Agency, Served

PATH = "/v1/log/openings"
SHUT = {"index", "header", "header_salt", "order"}
OPEN = SHUT | {"body", "body_salt"}
HUGE = "9" * 5000


def covering(wire: Wire, index: int) -> checkpoint.Checkpoint:
    """The checkpoint that covers an index, under the ledger's key."""
    answer = wire.get(f"/log/checkpoint?covers={index}")
    assert answer.status_code == 200, answer.text
    key = VerifierKey.parse(wire.get("/log/vkey").text.strip())
    return checkpoint.open_checkpoint(answer.content, origin=key.name, verifiers=[key])


def opened(wire: Wire, reader: Agency | None, start: int, end: int) -> dict[str, Any]:
    path = f"{PATH}?from={start}&to={end}"
    answer = (
        wire.get(path) if reader is None else read(wire, reader, PATH, **{"from": start, "to": end})
    )
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    return dict(answer.json())


def statement_of(item: dict[str, Any]) -> dict[str, Any]:
    body = leaf.split_body(base64.b64decode(item["body"]))
    return dict(json.loads(body.statement))


def test_what_an_agency_ordered_is_opened_to_it_and_to_auditors(
    wire: Wire, served: Served, agency: Agency, stranger: Agency
) -> None:
    answer = agency.issue()
    index = answer["index"]
    covering(wire, index)

    for reader, members in (
        (agency, OPEN),
        (asking.auditor(served), OPEN),
        (stranger, SHUT),
        (None, SHUT),
    ):
        page = opened(wire, reader, index, index + 1)
        [item] = page["openings"]
        assert set(item) == members
        order = page["orders"][str(item["order"])]
        assert order["statements"] == [answer["statement_digest"]]
        header = json.loads(base64.b64decode(item["header"]))
        assert header["evidence"] == sha256(base64.b64decode(order["evidence"])).hexdigest()
        if members == OPEN:
            assert statement_of(item)["code"] == answer["code"]


def test_evidence_names_the_code_of_a_single_act_and_none_of_a_bulk(
    wire: Wire, agency: Agency
) -> None:
    """What the trust table says is not covered, and how whoever minds avoids it."""
    alone, together = issued(agency), issued(agency)
    line = {"reason": "decision", "code": together}
    text = signing.envelope(statement("certificate.revoke", agency.name, **line))
    bulk = agency.client.prepare("/v1/certificates/bulk", [text], bulk=True)
    indexes = [revoke(agency, alone)["index"], agency.client.send(bulk)[0]["index"]]
    covering(wire, max(indexes))

    evidence = []
    for index in indexes:
        page = opened(wire, None, index, index + 1)
        [order] = page["orders"].values()
        evidence.append(base64.b64decode(order["evidence"]).decode())

    assert [code in told for code in (alone, together) for told in evidence] == [
        *(True, False),
        *(False, False),
    ]


def test_registers_of_bodies_and_keys_are_opened_to_everybody(wire: Wire, served: Served) -> None:
    newcomer = served.agency()
    last = newcomer.issue()["index"]
    covering(wire, last)

    items = opened(wire, None, 0, last + 1)["openings"]

    whole = {statement_of(item)["act"] for item in items if set(item) == OPEN}
    assert {"ledger.open", "agency.add", "key.enrol", "agency.link"} <= whole
    assert not [act for act in whole if act.startswith("certificate")]


def test_every_leaf_follows_from_its_opening_and_the_tree_from_the_leaves(
    wire: Wire, served: Served, agency: Agency
) -> None:
    """What an auditor does: bytes and salts make leaves, leaves make the signed root."""
    auditor = asking.auditor(served)
    head = covering(wire, agency.issue()["index"])
    items = list(openings(wire, auditor, head.size))
    entries: list[bytes] = []
    while len(entries) < head.size:
        number, width = len(entries) // 256, min(256, head.size - len(entries))
        suffix = "" if width == 256 else f".p/{width}"
        bundle = wire.get(f"/log/tile/entries/{number:03}{suffix}")
        entries += tiles.parse_bundle(bundle.content, width=width)

    prev = bytes(32)
    for entry, item in zip(entries, items, strict=True):
        parts = leaf.parse_leaf(entry)
        header, body = base64.b64decode(item["header"]), base64.b64decode(item["body"])
        assert parts.header == leaf.header_digest(bytes.fromhex(item["header_salt"]), header)
        assert parts.body == leaf.body_digest(bytes.fromhex(item["body_salt"]), body)
        assert (parts.index, parts.prev) == (item["index"], prev)
        prev = merkle.leaf_hash(entry)
    assert merkle.root(merkle.leaf_hash(entry) for entry in entries) == head.root


def test_a_receipt_is_in_the_tree_that_a_later_checkpoint_signs(wire: Wire, agency: Agency) -> None:
    key = VerifierKey.parse(wire.get("/v1/ledger").json()["receipts_vkey"])
    receipt = receipts.open_receipt(agency.issue()["receipt"].encode(), [key])
    head = covering(wire, receipt.index)

    proof = wire.get(f"/v1/proofs/inclusion?index={receipt.index}&size={head.size}").json()

    assert proof["leaf_hash"] == receipt.leaf_hash.hex()
    merkle.verify_inclusion(
        leaf_hash=receipt.leaf_hash,
        index=receipt.index,
        size=head.size,
        proof=[bytes.fromhex(one) for one in proof["hashes"]],
        root=head.root,
    )


def test_every_later_checkpoint_only_adds_to_the_one_before(wire: Wire, agency: Agency) -> None:
    old = covering(wire, agency.issue()["index"])
    new = covering(wire, agency.issue()["index"])

    proof = wire.get(f"/v1/proofs/consistency?from={old.size}&to={new.size}").json()

    assert new.size > old.size
    merkle.verify_consistency(
        old_size=old.size,
        new_size=new.size,
        proof=[bytes.fromhex(one) for one in proof["hashes"]],
        old_root=old.root,
        new_root=new.root,
    )


def test_openings_end_where_the_newest_checkpoint_does(wire: Wire, agency: Agency) -> None:
    head = covering(wire, agency.issue()["index"])

    awaited(
        lambda: int(wire.get("/log/checkpoint").text.splitlines()[1]),
        until=lambda size: size >= head.size,
    )
    page = wire.get(f"{PATH}?from={head.size - 1}&to={2**53 - 1}").json()
    assert page["openings"][0]["index"] == head.size - 1
    assert page["next"] is None
    assert page["to"] <= int(wire.get("/log/checkpoint").text.splitlines()[1])
    for query in (f"from={2**53 - 1}", "from=5&to=3", "from=5&to=5"):
        empty = wire.get(f"{PATH}?{query}").json()
        assert (empty["openings"], empty["orders"], empty["next"]) == ([], {}, None), query


@pytest.mark.parametrize(
    "path,expected",
    [
        (f"/v1/proofs/inclusion?index={2**53 - 1}", (404, "index_unknown")),
        (f"/v1/proofs/inclusion?index=0&size={2**53 - 1}", (404, "index_unknown")),
        ("/v1/proofs/inclusion?index=0&size=0", (400, "proof_out_of_range")),
        ("/v1/proofs/inclusion?index=5&size=5", (400, "proof_out_of_range")),
        (f"/v1/proofs/inclusion?index={HUGE}", (422, "validation")),
        (f"/v1/proofs/inclusion?index=0&size={2**53}", (422, "validation")),
        ("/v1/proofs/inclusion?index=-1", (422, "validation")),
        ("/v1/proofs/inclusion?index=", (422, "validation")),
        ("/v1/proofs/inclusion", (422, "validation")),
        ("/v1/proofs/inclusion?index=%D9%A1", (422, "validation")),
        (f"/v1/proofs/consistency?from={2**53 - 1}", (400, "proof_out_of_range")),
        (f"/v1/proofs/consistency?from=1&to={2**53 - 1}", (404, "index_unknown")),
        ("/v1/proofs/consistency?from=3&to=2", (400, "proof_out_of_range")),
        (f"/v1/proofs/consistency?from={HUGE}", (422, "validation")),
        ("/v1/proofs/consistency", (422, "validation")),
        (f"{PATH}?from={HUGE}", (422, "validation")),
        (f"{PATH}?to=-1", (422, "validation")),
        (f"{PATH}?to={2**53}", (422, "validation")),
        (f"/log/checkpoint?covers={2**53 - 1}", (404, "index_unknown")),
        (f"/log/checkpoint?covers={HUGE}", (422, "validation")),
        ("/log/checkpoint/0", (404, "index_unknown")),
        (f"/log/checkpoint/{2**53 - 1}", (404, "index_unknown")),
        (f"/log/checkpoint/{2**64}", (404, "index_unknown")),
        (f"/log/checkpoint/{HUGE}", (404, "index_unknown")),
        ("/log/checkpoint/x", (404, "index_unknown")),
        ("/log/checkpoint/007", (404, "index_unknown")),
        ("/log/checkpoint/%D9%A1", (404, "index_unknown")),
        (f"/log/checkpoints?after={HUGE}", (422, "validation")),
        (f"/log/tile/0/{'x999/' * 60}999", (404, "not_found")),
        (f"/log/tile/{HUGE}/000", (404, "not_found")),
        (f"/log/tile/0/{HUGE}", (404, "not_found")),
        (f"/log/tile/0/000.p/{HUGE}", (404, "not_found")),
        ("/log/tile/", (404, "not_found")),
        ("/log/tile/../../etc/passwd", (404, "not_found")),
        ("/log/tile/..%2f..%2fserve.lock", (404, "not_found")),
    ],
)
def test_what_is_not_there_is_told_by_a_code(
    wire: Wire, path: str, expected: tuple[int, str]
) -> None:
    assert refusal(wire.get(path)) == expected


def test_of_nothing_everything_is_an_extension(wire: Wire, agency: Agency) -> None:
    head = covering(wire, agency.issue()["index"])

    proof = wire.get(f"/v1/proofs/consistency?from=0&to={head.size}").json()

    assert proof["hashes"] == []
    assert proof["old_root"] == sha256(b"").hexdigest()
    empty = wire.get("/v1/proofs/consistency?from=0&to=0").json()
    assert (empty["hashes"], empty["old_root"]) == ([], empty["new_root"])


def test_a_read_signed_wrongly_is_refused_and_not_served_as_anonymous(
    wire: Wire, agency: Agency
) -> None:
    issued(agency)
    headers = asking.signed_headers(agency, PATH, "from=0")

    assert wire.get(f"{PATH}?from=0", **headers).status_code == 200
    assert refusal(wire.get(f"{PATH}?from=1", **headers)) == (401, "signature_invalid")
    unknown = Agency(agency.served, agency.name, asking.new_key())
    assert refusal(read(wire, unknown, PATH)) == (401, "key_unknown")
    del headers["Signature"]
    assert refusal(wire.get(f"{PATH}?from=0", **headers))[0] in {400, 401}
