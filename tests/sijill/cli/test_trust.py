"""Trust lists fetched from a ledger really served, and verdicts with no network at all."""

import json
import socket
from pathlib import Path
from time import time
from typing import Any

import pytest
from PIL import Image

from api.i18n import translate
from infrastructure.proofs import qr, statuslist
from infrastructure.proofs.errors import ProofError
from infrastructure.proofs.statuslist import LIFE_SECONDS, Status, StatusList
from sijill import delegating
from sijill.client import Client, trusting
from sijill.folder import Folder
from tests.infrastructure.documents.papers import photographed
from tests.serving import Agency, Served, act
from tests.sijill.cli.conftest import Ran, Shell, letter


@pytest.fixture
def text(office: Shell) -> str:
    """The QR text of a certificate that was just issued."""
    issued = office("certificate", "issue", office.file("c.json", letter()), "--output", "json")
    ran = office("certificate", "credential", issued.json["code"], "--output", "json")
    assert ran.code == 0, ran.err
    return str(ran.json["qr_text"])


@pytest.fixture
def lists(office: Shell, text: str, served: Served) -> tuple[Path, Path]:
    """Lists that know of that certificate."""
    del text
    return fetched(office, served)


def fetched(
    office: Shell, served: Served, *, issued: int | None = None, revoked: int | None = None
) -> tuple[Path, Path]:
    """Both lists as of now, or as if signed at `issued`, with the place `revoked` in it.

    The ledger hands an unchanged status list out again for half a minute; here it is signed anew,
    by the ledger's own key, so that what was issued in between is covered.
    """
    size = served.settle()
    served.anybody().text(f"/log/checkpoint?covers={size - 1}")
    file, folder = office.folder / "trust.json", office.folder / "status"
    ran = office("trust", "fetch", file, "--status", folder)
    assert ran.code == 0, ran.err
    known = served.anybody().identity
    signer = delegating.signer(Folder(served.folder), known.origin, known.ledger)
    held = statuslist.open_token(
        (folder / "0.cwt").read_bytes(),
        origin=known.origin,
        number=0,
        ledger=known.ledger,
        log_key=known.log,
    )
    assert signer is not None
    said = held.list if revoked is None else StatusList.of({revoked: Status.INVALID})
    newer = signer.token(0, said, size=size, issued=issued or int(time()))
    (folder / "0.cwt").write_bytes(signer.cwt(newer))
    return file, folder


def offline(shell: Shell, given: str | Path, lists: tuple[Path, Path], *more: str) -> Ran:
    """Verify where no address can be reached."""

    def refused(*_: Any, **__: Any) -> Any:
        raise OSError("there is no network")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", refused)
        patch.setattr(socket, "create_connection", refused)
        patch.delenv("SIJILL_URL", raising=False)
        return shell("verify", str(given), "--offline", "--trust", str(lists[0]), "--status",
                     str(lists[1]), "--output", "json", *more)  # fmt: skip


def test_with_both_lists_it_is_valid_and_says_how_old_they_are(
    office: Shell, text: str, lists: tuple[Path, Path]
) -> None:
    ran = offline(office, text, lists)

    assert (ran.code, ran.json["reason"]) == (0, "in_force_credential_genuine"), ran.out
    assert ran.json["credential"]["holder_name"] == "حامل 0001"
    assert ran.json["record"]["agency"]
    assert 0 <= ran.json["knowledge"]["trust_age_seconds"] < 600
    assert 0 <= ran.json["knowledge"]["status_age_seconds"] < 600


def test_for_people_the_ages_stand_in_words(
    office: Shell, text: str, lists: tuple[Path, Path]
) -> None:
    ran = office("verify", text, "--offline", "--trust", lists[0], "--status", lists[1])

    assert ran.code == 0
    assert "Trust list: log size " in ran.out
    assert "0:0" in ran.out


def test_without_a_status_list_it_is_genuine_and_its_force_not_checked(
    office: Shell, text: str, lists: tuple[Path, Path]
) -> None:
    ran = offline(office, text, (lists[0], office.folder / "none"))

    assert (ran.code, ran.json["reason"]) == (14, "genuine_force_not_checked")


def test_a_revocation_shows_offline_once_the_status_list_is_fetched(
    office: Shell, text: str, served: Served
) -> None:
    code = qr.parse_text(text).code
    assert office("certificate", "revoke", code, "--reason", "decision").code == 0

    deadline = time() + 30
    ran = offline(office, text, fetched(office, served))
    while ran.code == 0 and time() < deadline:
        # Every worker looks for a change once a second.
        ran = offline(office, text, fetched(office, served))

    assert (ran.code, ran.json["reason"]) == (11, "revoked")


def test_a_list_past_its_end_tells_of_withdrawals_alone(
    office: Shell, text: str, served: Served
) -> None:
    """As the page judges it: what was withdrawn hardly ever comes back."""
    place = qr.parse_text(text).signed.credential.status_index
    before = int(time()) - LIFE_SECONDS - 1

    ran = offline(office, text, fetched(office, served, issued=before))
    assert (ran.code, ran.json["reason"]) == (14, "genuine_force_not_checked")
    ran = offline(office, text, fetched(office, served, issued=before, revoked=place))
    assert (ran.code, ran.json["reason"]) == (11, "revoked")


def test_a_picture_of_the_code_is_read(office: Shell, text: str, lists: tuple[Path, Path]) -> None:
    picture = office.folder / "code.png"
    photographed(text).save(picture)

    assert offline(office, picture, lists).json["reason"] == "in_force_credential_genuine"
    assert office("verify", picture, "--output", "json").json["reason"] == "in_force_fields_match"


def test_a_page_of_a_pdf_is_read(office: Shell, text: str, lists: tuple[Path, Path]) -> None:
    page = office.folder / "page.pdf"
    photographed(text, scale=6).save(page, resolution=200)

    assert offline(office, page, lists).json["reason"] == "in_force_credential_genuine"


@pytest.mark.parametrize(
    "size,why,told",
    [
        ((8000, 6400), "picture_too_large", "problem.picture_too_large"),
        ((40, 40), "picture_without_code", "page.file.nothing"),
    ],
)
def test_a_picture_too_large_or_without_a_code_is_unreadable(
    office: Shell, lists: tuple[Path, Path], size: tuple[int, int], why: str, told: str
) -> None:
    picture = office.folder / "large.png"
    Image.new("1", size, 1).save(picture)

    for ran in (offline(office, picture, lists), office("verify", picture, "--output", "json")):
        assert (ran.code, ran.json["reason"]) == (13, "credential_unreadable")
        assert ran.json["unread"] == why
        assert ran.json["advice"] == translate("en", f"{told}.advice")


@pytest.mark.parametrize("name", ["broken.png", "broken.pdf", "photograph.heic", "qr.txt"])
def test_what_is_no_picture_is_told_otherwise_than_one_without_a_code(
    office: Shell, lists: tuple[Path, Path], name: str
) -> None:
    broken = office.file(name, "%PDF-1.7 no picture at all")

    for ran in (offline(office, broken, lists), office("verify", broken, "--output", "json")):
        assert (ran.code, ran.json["unread"]) == (13, "picture_malformed")
        assert ran.json["text"] == translate("en", "problem.picture_malformed.detail")
        assert ran.json["advice"] == translate("en", "problem.picture_malformed.advice")


@pytest.mark.parametrize(
    "pair,code,reason,how",
    [
        ("holder_name=حامل 0001", 0, "in_force_credential_genuine", "matched"),
        ("holder_name=حامل 9999", 10, "content_mismatch", "mismatched"),
        ("date=2026-11-03", 10, "content_mismatch", "mismatched"),
        ("date=2026-13-40", 14, "values_not_comparable", "no_day"),
        ("shoe_size=44", 14, "values_not_comparable", "not_comparable"),
    ],
)
def test_what_the_paper_prints_is_compared_with_no_network_too(
    office: Shell, text: str, lists: tuple[Path, Path], pair: str, code: int, reason: str, how: str
) -> None:
    """A paper with another name than its QR code is another paper, whoever checks it and where."""
    ran = offline(office, text, lists, "--field", pair)

    assert (ran.code, ran.json["reason"]) == (code, reason)
    assert ran.json["compared"][how] == [pair.partition("=")[0]]


def test_a_code_alone_is_not_called_another_system_s_with_no_network(
    office: Shell, text: str, lists: tuple[Path, Path]
) -> None:
    address = text.partition("#")[0]
    for alone in (address, f"{address}#", address.rpartition("/")[2]):
        ran = offline(office, alone, lists)
        assert (ran.code, ran.json["reason"]) == (14, "store_unavailable")
    for none in ("certificate", " "):
        assert offline(office, none, lists).json["reason"] == "code_malformed"
    # As it is copied off a page.
    copied = offline(office, f" {text}\n", lists)
    assert (copied.code, copied.json["reason"]) == (0, "in_force_credential_genuine")


def test_online_the_signed_values_are_compared_with_the_record(office: Shell, text: str) -> None:
    ran = office("verify", text, "--output", "json")

    assert (ran.code, ran.json["reason"]) == (0, "in_force_fields_match")
    assert set(ran.json["compared"]["matched"]) == {
        "date", "holder_name", "number", "supported_fact"
    }  # fmt: skip


@pytest.mark.parametrize(
    "given,code", [("HC1:6BF+70790T9WJWG.FKY*4GO0" * 4, 13), ("https://example.com/", 13)]
)
def test_another_system_s_code_is_unreadable(
    office: Shell, lists: tuple[Path, Path], given: str, code: int
) -> None:
    assert offline(office, given, lists).code == code
    assert office("verify", given).code == code


def test_a_compromise_shows_once_the_list_is_fetched(
    office: Shell, text: str, served: Served, agency: Agency
) -> None:
    del agency
    body = served.agency()
    path = office.key("stolen", body.key)
    office.set(SIJILL_KEY=str(path), SIJILL_AGENCY=body.name)
    issued = office("certificate", "issue", office.file("d.json", letter()), "--output", "json")
    shown = office("certificate", "credential", issued.json["code"], "--output", "json").json
    size = served.settle()
    founder = served.founder("ndc")
    waiting = act(
        founder, f"/v1/keys/{shown['key']}/compromise", "key.compromise", key=shown["key"],
        as_of=size, reason="stolen", valid_until=_soon(),
    )  # fmt: skip
    served.founder("comsec").approve(waiting["order"])

    ran = offline(office, shown["qr_text"], fetched(office, served))

    assert (ran.code, ran.json["reason"]) == (14, "log_proof_needed")
    assert ran.json["questions"]["issuer"] == "key_compromised"
    online = office("verify", shown["qr_text"], "--output", "json")
    assert (online.code, online.json["reason"]) == (0, "in_force_fields_match")
    assert offline(office, text, fetched(office, served)).code == 0


def _soon() -> int:
    return int(time()) + 86_400


def test_the_list_is_walked_on_from_and_never_back(
    office: Shell, lists: tuple[Path, Path], served: Served
) -> None:
    old = lists[0].read_bytes()
    office("certificate", "issue", office.file("e.json", letter()))
    fetched(office, served)
    root, newer = trusting.read(lists[0].read_bytes())

    assert newer.list.size > trusting.read(old)[1].list.size
    with pytest.raises(ProofError, match="trust_rolled_back"):
        trusting._open(json.loads(old), root, seen=newer.checkpoint)


def test_status_lists_never_walk_back(office: Shell, text: str, served: Served) -> None:
    del text
    file, folder = fetched(office, served, issued=int(time()) + 100)
    kept = folder / "0.cwt"
    newer = kept.read_bytes()
    assert office("trust", "fetch", file, "--status", folder).code == 0
    assert kept.read_bytes() == newer

    # What nobody could believe stands in nobody's way.
    kept.write_bytes(b"torn")
    assert office("trust", "fetch", file, "--status", folder).code == 0
    assert kept.read_bytes() != b"torn"


@pytest.mark.parametrize("answer", [b"<html>portal</html>", b""])
def test_what_is_no_status_list_replaces_none(
    office: Shell, lists: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, answer: bytes
) -> None:
    """A portal that answers 200 with a page of its own."""
    file, folder = lists
    before = (folder / "0.cwt").read_bytes()
    monkeypatch.setattr(Client, "text", lambda *_: answer)

    ran = office("trust", "fetch", file, "--status", folder, "--output", "json")

    assert (ran.code, ran.json["problem"]["code"]) == (5, "status_list_malformed"), ran.out
    assert (folder / "0.cwt").read_bytes() == before


def test_a_root_of_another_ledger_is_refused(office: Shell, lists: tuple[Path, Path]) -> None:
    known = json.loads(lists[0].read_bytes())
    other = office.file("root.json", {**known["root"], "ledger": "00" * 32})
    new = office.folder / "new.json"

    ran = office("trust", "fetch", new, "--root", other, "--output", "json")

    assert ran.code != 0
    assert not new.exists()


def test_a_list_that_was_tampered_with_is_not_believed(
    office: Shell, text: str, lists: tuple[Path, Path]
) -> None:
    said = json.loads(lists[0].read_bytes())
    said["content"]["keys"] = []
    forged = office.file("forged.json", said)

    ran = offline(office, text, (forged, lists[1]))

    assert ran.code not in (0, 14)
    assert "trust_unsigned" in ran.out + ran.err


@pytest.mark.parametrize("holds", [b"", b"\xff\xfe", b"[]", b"{", b'{"root":1}'])
def test_a_file_that_is_no_trust_list_is_told_as_that(
    office: Shell, text: str, lists: tuple[Path, Path], holds: bytes
) -> None:
    wrong = office.folder / "wrong.json"
    wrong.write_bytes(holds)

    ran = offline(office, text, (wrong, lists[1]))

    assert (ran.code, ran.json["problem"]["code"]) == (5, "trust_malformed"), ran.out


def test_offline_needs_a_list_and_online_an_address(
    office: Shell, text: str, lists: tuple[Path, Path]
) -> None:
    without = office("verify", text, "--offline", "--output", "json")
    assert (without.code, without.json["problem"]["code"]) == (2, "trust_missing")
    signed = offline(office, text, lists, "--receipt")
    assert (signed.code, signed.json["problem"]["code"]) == (2, "input_malformed")
    office.set(SIJILL_URL="")
    nowhere = office("verify", "ABC", "--output", "json")
    assert (nowhere.code, nowhere.json["problem"]["code"]) == (2, "address_missing")
