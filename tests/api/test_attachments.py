"""Attachments over HTTP: up in chunks, bound by the statement that commits to them, down again."""

import hashlib
import json
import os
import uuid
from pathlib import Path
from typing import Any

import pytest

from infrastructure.attachments.owner import NAME, Owner
from infrastructure.attachments.stores import FolderStore
from infrastructure.postgres import Role, connect
from infrastructure.proofs import codes
from infrastructure.proofs.findings import Finding, Summary
from infrastructure.proofs.uploads import JSON, OCTETS
from sijill import attached
from sijill.bootstrap import connection_strings
from sijill.client import Client, Patience, Refused, Unreachable
from sijill.client.attachments import PATH, Attachments
from sijill.folder import Folder
from tests.serving import Agency, Served

CHUNK = 1 << 20


class CutOff(Exception):
    """The power is gone."""


def cut_off(_: int) -> None:
    raise CutOff


@pytest.fixture
def agency(served: Served) -> Agency:
    return served.agency()


def made(folder: Path, size: int, name: str = "file") -> tuple[Path, str]:
    """A file of random bytes and its digest."""
    path = folder / name
    path.write_bytes(os.urandom(size))
    return path, hashlib.sha256(path.read_bytes()).hexdigest()


def issue_with(agency: Agency, digest: str) -> str:
    """Issue a certificate whose document has this digest; its code."""
    values = {
        "holder_name": "حامل 0001",
        "supported_fact": "تأييد سكن",
        "holder_secret": "holder-secret-0001",
        "document": digest,
    }
    return str(agency.issue(values=values)["code"])


def announced(files: Attachments, data: bytes, name: str | None = None) -> tuple[str, bytes]:
    """Announce a small file; its id, and its bytes."""
    chosen = name or str(uuid.uuid4())
    body = json.dumps({"digest": hashlib.sha256(data).hexdigest(), "size": len(data)})
    files._send("PUT", f"{PATH}/{chosen}", JSON, body.encode())
    return chosen, data


def complete(files: Attachments, name: str) -> dict[str, Any]:
    found: dict[str, Any] = files._send("POST", f"{PATH}/{name}/completion", JSON, b"{}").json()
    return found


def refusal(
    files: Attachments, method: str, path: str, body: bytes = b"", content_type: str = OCTETS
) -> str:
    """The code that a signed upload is refused with."""
    with pytest.raises(Refused) as refused:
        files._send(method, f"{PATH}/{path}", content_type, body)
    return refused.value.code


def refused_read(agency: Agency, path: str, **query: Any) -> str:
    """The code that an agency's signed read is refused with."""
    with pytest.raises(Refused) as refused:
        agency.client.get(path, **query)
    return refused.value.code


def stored(served: Served) -> set[Path]:
    """The files of all objects."""
    return set((served.folder / "attachments").glob("[0-9a-f][0-9a-f]/*"))


def findings(served: Served) -> list[str]:
    """What a check of the attachments finds."""
    found: list[Finding] = []
    attached.check_folder(served.folder, Summary(), found.append)
    return [one.code for one in found]


def test_a_document_goes_up_is_bound_and_comes_down(agency: Agency, tmp_path: Path) -> None:
    path, digest = made(tmp_path, 2 * CHUNK + 5)
    files = Attachments(agency.client)

    stands = files.upload(path)
    code = issue_with(agency, digest)
    [found] = agency.client.get(PATH, code=code)["items"]
    shown = files.download(found["attachment"], tmp_path / "copy")

    assert (stands["state"], stands["chunks"], stands["sha256"]) == ("complete", 3, digest)
    assert found["attachment"] == stands["attachment"]
    assert (found["claim"], found["sha256"]) == ("document", digest)
    assert shown == found
    assert (tmp_path / "copy").read_bytes() == path.read_bytes()


def test_an_upload_goes_on_where_it_was_cut_off(agency: Agency, tmp_path: Path) -> None:
    path, digest = made(tmp_path, 3 * CHUNK)
    client = Client(agency.served.url, agency=agency.name, key=agency.key, state=tmp_path / "state")
    files = Attachments(client)
    with pytest.raises(CutOff):
        files.upload(path, cut_off)

    sent: list[int] = []
    stands = Attachments(client).upload(path, sent.append)

    assert sent == [CHUNK, CHUNK]
    assert (stands["state"], stands["sha256"]) == ("complete", digest)
    # Sent once more it is there already, and after a record has it another is made.
    assert files.upload(path)["attachment"] == stands["attachment"]
    issue_with(agency, digest)
    assert files.upload(path)["attachment"] != stands["attachment"]
    client.close()


def test_every_request_may_be_repeated(agency: Agency) -> None:
    files = Attachments(agency.client)
    name, data = announced(files, b"abc")

    assert announced(files, b"abc", name)[0] == name
    for _ in range(2):
        files._send("PUT", f"{PATH}/{name}/chunks/0", OCTETS, data)
    for _ in range(2):
        assert complete(files, name)["state"] == "complete"


@pytest.mark.parametrize(
    "number,data,code",
    [(1, b"abc", "attachment_chunk_malformed"), (0, b"ab", "attachment_chunk_malformed")],
)
def test_what_is_no_chunk_is_refused(agency: Agency, number: int, data: bytes, code: str) -> None:
    files = Attachments(agency.client)
    name, _ = announced(files, b"abc")

    assert refusal(files, "PUT", f"{name}/chunks/{number}", data) == code


def test_another_file_than_was_announced_is_not_completed(agency: Agency) -> None:
    files = Attachments(agency.client)
    name, _ = announced(files, b"abc")
    assert refusal(files, "POST", f"{name}/completion", b"{}", JSON) == "attachment_incomplete"

    files._send("PUT", f"{PATH}/{name}/chunks/0", OCTETS, b"abd")
    assert refusal(files, "POST", f"{name}/completion", b"{}", JSON) == "attachment_mismatch"

    # A chunk may be sent anew until it is the file.
    files._send("PUT", f"{PATH}/{name}/chunks/0", OCTETS, b"abc")
    assert complete(files, name)["state"] == "complete"
    assert refusal(files, "PUT", f"{name}/chunks/0", b"abc") == "attachment_complete"


def test_an_announcement_has_one_form(agency: Agency) -> None:
    files, digest = Attachments(agency.client), hashlib.sha256(b"abc").hexdigest()
    name = str(uuid.uuid4())
    for said, code in (
        ({"digest": digest}, "validation"),
        ({"digest": digest.upper(), "size": 3}, "validation"),
        ({"digest": digest, "size": 0}, "validation"),
        ({"digest": digest, "size": 3, "name": "a"}, "validation"),
        ({"digest": digest, "size": (100 << 20) + 1}, "attachment_too_large"),
    ):
        assert refusal(files, "PUT", name, json.dumps(said).encode(), JSON) == code
    announced(files, b"abc", name)
    other = json.dumps({"digest": digest, "size": 4}).encode()
    assert refusal(files, "PUT", name, other, JSON) == "attachment_taken"


def test_to_others_an_attachment_does_not_exist(agency: Agency, tmp_path: Path) -> None:
    path, digest = made(tmp_path, 10)
    files = Attachments(agency.client)
    name = files.upload(path)["attachment"]
    stranger = agency.served.agency()
    others = Attachments(stranger.client)
    nobody = str(uuid.uuid4())

    def told() -> set[str]:
        asked = [
            refused_read(stranger, f"{PATH}/{one}{part}")
            for one in (name, nobody)
            for part in ("", "/content")
        ]
        sent = [refusal(others, "PUT", f"{one}/chunks/0", b"a") for one in (name, nobody)]
        return {*asked, *sent, *(refusal(others, "DELETE", one) for one in (name, nobody))}

    assert told() == {"attachment_unknown"}
    code = issue_with(agency, digest)
    assert told() == {"attachment_unknown"}
    unknown = codes.generate()
    assert {refused_read(stranger, PATH, code=one) for one in (code, unknown)} == {
        "certificate_unknown"
    }
    with pytest.raises(Refused, match="signature_missing"):
        agency.served.anybody().get(f"{PATH}/{name}")


def test_an_upload_needs_a_key_that_may_issue_of_a_body_that_is_linked(served: Served) -> None:
    planned = Attachments(served.agency(link=False).client)
    withdrawing = served.agency(scopes=["administer", "revoke"])

    name = str(uuid.uuid4())
    body = json.dumps({"digest": "0" * 64, "size": 3}).encode()
    assert refusal(planned, "PUT", name, body, JSON) == "agency_not_linked"
    assert refusal(Attachments(withdrawing.client), "PUT", name, body, JSON) == "scope_missing"


def test_one_upload_is_for_one_record(agency: Agency, tmp_path: Path) -> None:
    """Two records with equal files have an upload each, or the later one has none."""
    path, digest = made(tmp_path, 10)
    files = Attachments(agency.client)
    first = files.upload(path)["attachment"]

    held = [
        [one["attachment"] for one in agency.client.get(PATH, code=code)["items"]]
        for code in (issue_with(agency, digest), issue_with(agency, digest))
    ]

    assert held == [[first], []]


def test_another_bodys_upload_is_not_taken(agency: Agency, tmp_path: Path) -> None:
    path, digest = made(tmp_path, 10)
    stranger = agency.served.agency()
    Attachments(stranger.client).upload(path)

    code = issue_with(agency, digest)

    assert agency.client.get(PATH, code=code)["items"] == []


def test_what_was_dropped_is_gone(agency: Agency, tmp_path: Path) -> None:
    path, digest = made(tmp_path, 10)
    files = Attachments(agency.client)
    name = files.upload(path)["attachment"]
    before = stored(agency.served)

    files.drop(name)

    assert len(before - stored(agency.served)) == 1
    assert refused_read(agency, f"{PATH}/{name}") == "attachment_unknown"
    assert agency.client.get(PATH, code=issue_with(agency, digest))["items"] == []
    kept = files.upload(path)["attachment"]
    issue_with(agency, digest)
    assert refusal(files, "DELETE", kept) == "attachment_complete"


def test_behind_a_store_that_served_a_longer_log_nothing_is_taken_away(agency: Agency) -> None:
    """An older copy: a record that it has lost may have what it takes for a mere upload."""
    objects, files = FolderStore(agency.served.folder / "attachments"), Attachments(agency.client)
    name, data = announced(files, b"abc")
    files._send("PUT", f"{PATH}/{name}/chunks/0", OCTETS, data)
    before = stored(agency.served)

    def not_now(method: str, path: str, body: bytes = b"") -> str:
        url, once = agency.served.url, Patience(tries=1)
        with (
            Client(url, agency=agency.name, key=agency.key, patience=once) as client,
            pytest.raises(Unreachable) as unreachable,
        ):
            Attachments(client)._send(method, f"{PATH}/{path}", OCTETS, body)
        return str((unreachable.value.problem or {}).get("code"))

    own = Owner.parse(objects.get(NAME) or b"")
    try:
        objects.put(NAME, Owner(own.ledger, own.size + 1_000_000).encode())
        assert not_now("DELETE", name) == "log_frozen"
        assert not_now("PUT", f"{name}/chunks/0", data) == "log_frozen"
        assert before <= stored(agency.served)
    finally:
        objects.put(NAME, own.encode())
    assert agency.client.get(f"{PATH}/{name}")["state"] == "open"
    files.drop(name)


def test_an_altered_or_missing_object_is_a_refusal_and_a_finding(
    agency: Agency, tmp_path: Path
) -> None:
    path, digest = made(tmp_path, CHUNK + 10)
    files = Attachments(agency.client)
    before = stored(agency.served)
    name = files.upload(path)["attachment"]
    issue_with(agency, digest)
    first, second = sorted(stored(agency.served) - before)
    held = first.read_bytes()

    first.write_bytes(held[:-1] + bytes([held[-1] ^ 1]))
    assert refused_read(agency, f"{PATH}/{name}/content") == "attachment_altered"
    assert findings(agency.served) == ["attachment_altered"]

    first.write_bytes(second.read_bytes())
    assert findings(agency.served) == ["attachment_altered"]

    first.unlink()
    assert refused_read(agency, f"{PATH}/{name}/content") == "attachment_object_missing"
    assert findings(agency.served) == ["attachment_object_missing"]

    first.write_bytes(held)
    assert findings(agency.served) == []
    assert files.download(name, tmp_path / "copy")["sha256"] == digest


def test_a_check_without_the_vaults_key_says_what_it_did_not_open(agency: Agency) -> None:
    summary = Summary()
    with connect(connection_strings(agency.served.folder).service, Role.SERVICE) as connection:
        objects = FolderStore(agency.served.folder / "attachments")
        attached.check(connection, objects, None, summary, lambda _: None)

    assert summary.findings == 0
    assert summary.unchecked["attachment_not_opened"].count == summary.attachments > 0


class Counting(FolderStore):
    """A store that says how many objects were read."""

    read = 0

    def get(self, name: str) -> bytes | None:
        self.read += 1
        return super().get(name)


def test_a_check_that_goes_on_reads_no_older_file(agency: Agency, tmp_path: Path) -> None:
    path, digest = made(tmp_path, 10)
    Attachments(agency.client).upload(path)
    issue_with(agency, digest)
    with connect(connection_strings(agency.served.folder).service, Role.SERVICE) as connection:
        asked = "SELECT max(index) FROM ledger.claims WHERE space = 'attachment'"
        [(newest,)] = connection.execute(asked).fetchall()
        objects, counted = Counting(agency.served.folder / "attachments"), list[int]()
        for start in (newest, newest + 1):
            objects.read, summary = 0, Summary()
            attached.check(connection, objects, None, summary, lambda _: None, start)
            counted += [objects.read, summary.attachments]
    assert counted == [1, 1, 0, 0]


def test_a_copy_without_record_keys_says_nothing_against_the_stored_bytes(
    agency: Agency, tmp_path: Path
) -> None:
    """As a logical backup brings it; what was changed is found all the same."""
    path, digest = made(tmp_path, 10)
    before = stored(agency.served)
    Attachments(agency.client).upload(path)
    issue_with(agency, digest)
    [mine] = stored(agency.served) - before
    objects, vault = FolderStore(agency.served.folder / "attachments"), Folder(agency.served.folder)
    url = connection_strings(agency.served.folder).admin
    with connect(url, Role.OWNER) as connection, connection.transaction(force_rollback=True):
        connection.execute("ALTER TABLE vault_keys.records DISABLE TRIGGER USER")
        connection.execute("DELETE FROM vault_keys.records")
        summary, found, held = Summary(), list[Finding](), mine.read_bytes()

        attached.check(connection, objects, vault.vault(), summary, found.append)
        mine.write_bytes(held[:-1] + bytes([held[-1] ^ 1]))
        attached.check(connection, objects, vault.vault(), Summary(), found.append)
        mine.write_bytes(held)

    assert summary.unchecked["attachment_not_opened"].count == summary.attachments > 0
    assert (summary.findings, [one.code for one in found]) == (0, ["attachment_altered"])
