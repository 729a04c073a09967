"""The auditor's own checker (examples/check_log.py): clean on an honest log, and never deceived.

It runs as an auditor runs it, in a process of its own that knows nothing of the package.
"""

import dataclasses
import json
from base64 import b64decode, b64encode
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest

from domain.values import BAGHDAD
from infrastructure import keyfiles
from infrastructure.proofs import codes, signing
from sijill.client import statement
from tests.api.talking import degree
from tests.correspondence import Sent, new_id, send
from tests.retold import (
    BUSY,
    VECTOR,
    VECTORS,
    Answer,
    Forgery,
    check,
    encode,
    flipped,
    found,
    run,
    telling,
)
from tests.serving import Served, act, issuance
from tests.stranger import NoteKey, note

STRANGER = NoteKey("sijill.example/log", bytes(range(32)))
BULK = "/v1/certificates/bulk"
Change = Callable[["Recorded", str, bytes], bytes]


@dataclass(frozen=True)
class Recorded:
    """A served log up to a checkpoint. Every kind of signature is before it."""

    served: Served
    size: int
    issued: int
    enrolled: int
    bulk: int
    receipt: str

    def get(self, path: str) -> bytes:
        answer = httpx2.get(f"{self.served.url}{path}")
        assert answer.status_code == httpx2.codes.OK, answer.text
        return answer.content

    def through(self, change: Change) -> Answer:
        """What the ledger answers, ending at this checkpoint, and changed on its way."""

        def answer(path: str) -> bytes:
            if path == "/log/checkpoint":
                return change(self, path, self.get(f"/log/checkpoint/{self.size}"))
            body = self.get(path)
            if path.startswith("/log/checkpoints"):
                page = json.loads(body)
                page["items"] = [one for one in page["items"] if one["size"] <= self.size]
                full = page["next"] is not None and page["next"] <= self.size
                body = encode(page if full else page | {"next": None})
            return change(self, path, body)

        return answer


@pytest.fixture(scope="module")
def recorded(served: Served) -> Recorded:
    agency = served.agency()
    client, officer = agency.client, agency.officer()
    first = agency.issue()
    members = {"code": first["code"], "reason": "decision"}
    act(client, f"/v1/certificates/{first['code']}/revocation", "certificate.revoke", **members)
    again = signing.envelope(statement("certificate.revoke", agency.name, **members))
    # More than one bundle, and more than one page of openings.
    lines = [issuance(agency.name), again, *(issuance(agency.name) for _ in range(1_000))]
    bulk = client.send(client.prepare(BULK, lines, bulk=True))
    assert [one["line"] for one in bulk if "problem" in one] == [1]
    waiting = client.send(client.prepare("/v1/certificates", [degree(agency.name)], cosigned=True))
    officer.approve(waiting["order"])
    last = client.prepare("/v1/certificates", [issuance(agency.name)])
    answer = httpx2.post(
        f"{served.url}{last.path}", headers={**last.headers, "Prefer": "wait=25"}, content=last.body
    ).json()
    assert answer["covered"], answer
    size = int(httpx2.get(f"{served.url}/log/checkpoint").text.split("\n")[1])
    return Recorded(
        served, size, first["index"], first["index"] - 1, bulk[0]["index"], first["receipt"]
    )


def unchanged(_log: Recorded, _path: str, body: bytes) -> bytes:
    return body


def test_an_honest_log_is_clean(recorded: Recorded, tmp_path: Path) -> None:
    identity = recorded.served.anybody().identity
    receipt, checkpoint = tmp_path / "receipt", tmp_path / "checkpoint"
    receipt.write_text(recorded.receipt)
    checkpoint.write_bytes(recorded.get("/log/checkpoint"))
    trusted = ["--ledger", identity.ledger.hex(), "--vkey", identity.log.encode()]

    report = check(
        recorded.served.url, *trusted, "--kept", str(checkpoint), "--receipt", str(receipt)
    )

    assert report["findings"] == []
    assert report["events"] >= recorded.size
    assert report["signatures"] > report["events"], "approvals and possession proofs are more"
    # Letters and registers of other tests on the same ledger are open to their parties alone.
    others = {"header_not_open", "register_body_not_open"}
    assert report["could_not_check"].keys() - others == {"certificate_body_not_open"}
    assert report["could_not_check"]["certificate_body_not_open"] >= 1_005
    assert report["brought"] == ["ledger", "vkey", "kept", "receipt"]


@pytest.fixture(scope="module")
def letters(recorded: Recorded) -> int:
    """Letters, a case file that goes through three hands, and a request; the log's size then."""
    served = recorded.served
    sender, receiver, third = (served.agency() for _ in range(3))
    send(sender, receiver).register(receiver)
    sent = send(sender, receiver, kind="case_file")
    sent.register(receiver)
    onward = new_id()
    sent.on(receiver, "refer_onward", "onward", new_consignment=onward, addressee=third.name)
    last = Sent(receiver, sent.letter, onward)
    last.register(third)
    request = codes.generate()
    due = (datetime.now(BAGHDAD).date() + timedelta(days=5)).isoformat()
    paper = {"issuer": receiver.name, "type": "degree", "number": "12", "date": "1998-07-01"}
    asked = {"request": request, "due_date": due, **paper}
    act(sender.client, "/v1/authenticity-requests", "authenticity.request", **asked)
    place = f"/v1/authenticity-requests/{request}/refusal"
    said = {"request": request, "reason": "document_unclear"}
    act(receiver.client, place, "authenticity.refuse", **said)
    return int(last.note(third, "هامش")["index"])


def test_an_auditor_checks_letters_and_requests_too(
    recorded: Recorded, letters: int, tmp_path: Path
) -> None:
    auditor, key = recorded.served.agency(scopes=["audit"], link=False), tmp_path / "auditor.pem"
    keyfiles.create_private_key(key, auditor.key)
    recorded.served.anybody().text(f"/log/checkpoint?covers={letters}")

    report = check(recorded.served.url, "--key", str(key))

    assert (report["findings"], report["could_not_check"]) == ([], {})
    assert report["events"] > letters
    strangers = check(recorded.served.url)
    assert strangers["findings"] == []
    assert strangers["could_not_check"]["header_not_open"] >= 10


def test_people_read_what_was_not_checked(recorded: Recorded) -> None:
    done = run("--url", recorded.served.url)

    assert done.returncode == 0
    assert "certificate_body_not_open" in done.stdout
    assert "who had to co-sign" in done.stdout
    assert done.stdout.endswith("0 findings\n")


def leaf_flipped(log: Recorded, path: str, body: bytes) -> bytes:
    """One microsecond in a leaf of the bundle."""
    number, place = divmod(log.issued, 256)
    if not path.startswith(f"/log/tile/entries/{number:03}"):
        return body
    at = 0
    for _ in range(place):
        at += 2 + int.from_bytes(body[at : at + 2])
    return flipped(body, body.index(b',"v":1', at) - 1)


def bundle_cut(_log: Recorded, path: str, body: bytes) -> bytes:
    return body[:-1] if path.startswith("/log/tile/entries/") else body


def tile_flipped(_log: Recorded, path: str, body: bytes) -> bytes:
    return flipped(body, 40) if path.startswith("/log/tile/0/000") else body


def part_flipped(part: str) -> Change:
    """One bit of an opened header or body."""

    def change(log: Recorded, path: str, body: bytes) -> bytes:
        if not path.startswith("/v1/log/openings"):
            return body
        page = json.loads(body)
        for item in page["openings"]:
            if item["index"] == log.enrolled:
                item[part] = b64encode(flipped(b64decode(item[part]), 30)).decode()
        return encode(page)

    return change


def order_changed(change: Callable[[dict[str, Any]], None]) -> Change:
    """The order of the issuance."""

    def changed(log: Recorded, path: str, body: bytes) -> bytes:
        if not path.startswith("/v1/log/openings"):
            return body
        page = json.loads(body)
        if str(log.issued) in page["orders"]:
            change(page["orders"][str(log.issued)])
        return encode(page)

    return changed


def signature_flipped(order: dict[str, Any]) -> None:
    evidence = b64decode(order["evidence"])
    order["evidence"] = b64encode(flipped(evidence, len(evidence) - 40)).decode()


def list_flipped(order: dict[str, Any]) -> None:
    order["statements"] = [flipped(bytes.fromhex(one), 0).hex() for one in order["statements"]]


def opening_left_out(log: Recorded, path: str, body: bytes) -> bytes:
    if not path.startswith("/v1/log/openings"):
        return body
    page = json.loads(body)
    page["openings"] = [one for one in page["openings"] if one["index"] != log.issued]
    return encode(page)


def root_changed(_log: Recorded, path: str, body: bytes) -> bytes:
    """Another root under the signature of the true one."""
    if path != "/log/checkpoint":
        return body
    origin, size, _, rest = body.split(b"\n", 3)
    return b"\n".join((origin, size, b64encode(bytes(32)), rest))


def signed_by_a_stranger(_log: Recorded, path: str, body: bytes) -> bytes:
    if path != "/log/checkpoint":
        return body
    text = body.decode().partition("\n\n")[0] + "\n"
    return note(text, NoteKey(text.partition("\n")[0], bytes(range(32)))).encode()


def not_in_the_list(_log: Recorded, path: str, body: bytes) -> bytes:
    """A checkpoint in the list whose root is not the one in its note."""
    if not path.startswith("/log/checkpoints"):
        return body
    page = json.loads(body)
    page["items"][0]["root"] = "00" * 32
    return encode(page)


@pytest.mark.parametrize(
    "change, code, place",
    [
        pytest.param(leaf_flipped, "chain_broken", "issued+1", id="leaf"),
        pytest.param(leaf_flipped, "root_differs", None, id="leaf, root"),
        pytest.param(leaf_flipped, "tile_differs", "tile", id="leaf, tile"),
        pytest.param(bundle_cut, "bundle_malformed", None, id="bundle cut"),
        pytest.param(tile_flipped, "tile_differs", "first", id="tile"),
        pytest.param(part_flipped("header"), "header_differs", "enrolled", id="header"),
        pytest.param(part_flipped("body"), "body_differs", "enrolled", id="body"),
        pytest.param(order_changed(signature_flipped), "evidence_differs", "issued", id="sig"),
        pytest.param(order_changed(list_flipped), "list_differs", "issued", id="list"),
        pytest.param(opening_left_out, "openings_missing", None, id="opening left out"),
        pytest.param(root_changed, "root_differs", None, id="root"),
        pytest.param(root_changed, "note_signature", None, id="root, signature"),
        pytest.param(signed_by_a_stranger, "note_signature", None, id="stranger's checkpoint"),
        pytest.param(not_in_the_list, "checkpoint_list", None, id="list of checkpoints"),
    ],
)
def test_what_is_changed_on_its_way_is_found(
    recorded: Recorded, change: Change, code: str, place: str | None
) -> None:
    places = {
        "issued": recorded.issued,
        "issued+1": recorded.issued + 1,
        "enrolled": recorded.enrolled,
        "tile": recorded.issued // 256 * 256,
        "first": 0,
    }
    with telling(recorded.through(change)) as url:
        report = check(url, code=6)

    assert (code, places[place] if place else None) in found(report)


def test_a_log_that_was_cut_is_found_by_who_kept_a_checkpoint(
    recorded: Recorded, tmp_path: Path
) -> None:
    kept = tmp_path / "kept"
    kept.write_bytes(recorded.get("/log/checkpoint"))
    sizes = [one["size"] for one in json.loads(recorded.get("/log/checkpoints"))["items"]]
    cut = dataclasses.replace(recorded, size=min(sizes))
    with telling(cut.through(unchanged)) as url:
        assert check(url)["events"] == min(sizes), "nobody else can know"
        assert found(check(url, "--kept", str(kept), code=6)) == {("log_cut", None)}


def test_a_rewritten_log_is_found_by_who_kept_a_note(tmp_path: Path) -> None:
    """The operator has the log's keys: a time changed, and everything made anew behind it."""
    forgery = Forgery()
    forgery.leaves[10]["time"] += 1
    checkpoint, receipt = tmp_path / "checkpoint", tmp_path / "receipt"
    checkpoint.write_text(VECTOR["http"]["/log/checkpoint"])
    receipt.write_text(VECTOR["receipts"][9])
    with telling(forgery.answer) as url:
        assert check(url, "--ledger", VECTOR["ledger"])["findings"] == []
        by_checkpoint = check(url, "--kept", str(checkpoint), code=6)
        by_receipt = check(url, "--receipt", str(receipt), code=6)

    assert found(by_checkpoint) == {("root_differs", None)}
    assert found(by_receipt) == {("receipt_broken", None)}


def test_another_ledger_and_another_key_are_found() -> None:
    with telling(Forgery().answer) as url:
        assert found(check(url, "--ledger", "00" * 32, code=6)) == {("other_ledger", None)}
        assert found(check(url, "--vkey", STRANGER.vkey, code=6)) == {("other_log_key", None)}


def test_the_ledger_of_the_vectors_is_clean() -> None:
    with telling(Forgery().answer) as url:
        report = check(url, "--vkey", VECTOR["log_keys"]["log-2"]["vkey"])

    assert (report["findings"], report["could_not_check"]) == ([], {})
    assert (report["ledger"], report["events"], report["signatures"]) == (VECTOR["ledger"], 11, 17)


def test_wrong_use_and_no_log_have_codes_of_their_own(tmp_path: Path) -> None:
    assert run().returncode == 2
    assert run("--url", "http://127.0.0.1:1", "--kept", str(tmp_path / "none")).returncode == 2
    with telling(Forgery().answer) as url:
        pass
    report = check(url, code=3)
    assert (report["findings"], report["events"]) == ([], 0)
    assert report["could_not_read"]
    assert run("--url", url).stdout.endswith("0 findings, not all could be read\n")


def test_an_order_stands_on_each_page_that_has_a_line_of_it(recorded: Recorded) -> None:
    vector = json.loads((VECTORS / "opening.json").read_text(encoding="utf-8"))
    [shown] = vector["http"].values()
    known = VECTOR["http"]["/v1/log/openings"]
    assert (shown["openings"], shown["orders"]) == (
        [known["openings"][7]],
        {"6": known["orders"]["6"]},
    )
    bulk = recorded.bulk + 500

    page = json.loads(recorded.get(f"/v1/log/openings?from={bulk}&to={bulk + 1}"))

    assert page.keys() == shown.keys()
    assert (page["from"], page["to"], page["next"]) == (bulk, bulk + 1, None)
    assert page["openings"][0].keys() == shown["openings"][0].keys()
    assert list(page["orders"]) == [str(recorded.bulk)]
    whole = json.loads(recorded.get("/v1/log/openings?from=1"))
    assert whole["next"] == whole["to"] == 1_001


def test_a_ledger_that_is_busy_is_asked_again() -> None:
    honest, asked = Forgery().answer, Counter[str]()

    def answer(path: str) -> bytes | None:
        asked[path] += 1
        return honest(path) if asked[path] > 2 else BUSY

    with telling(answer) as url:
        assert check(url)["findings"] == []
    assert min(asked.values()) >= 3

    with telling(lambda _: BUSY) as url:
        assert "HTTP 503" in check(url, code=3)["could_not_read"]
