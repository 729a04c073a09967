"""Attachments over HTTP: up in chunks, bound by the statement that commits to them, down again."""

import hashlib
import os
from pathlib import Path

import pytest

from sijill.client.attachments import PATH, Attachments
from tests.serving import Agency, Served

CHUNK = 1 << 20


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
