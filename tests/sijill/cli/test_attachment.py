"""`sijill attachment download`: what nobody vouches for is not written, and told as what it is."""

from pathlib import Path
from typing import Any

import pytest

from sijill.client import Client
from tests.sijill.cli.conftest import Ran, Shell, letter


def attach(office: Shell) -> tuple[str, str]:
    """A certificate with a file attached: its code, and the attachment's id."""
    scan = office.file("scan.txt", letter()["number"])
    assert office("attachment", "upload", scan).code == 0
    file = office.file("letter.json", letter(document="scan.txt"))
    code = str(office("certificate", "issue", file, "--output", "json").json["code"])
    [one] = office("attachment", "list", code, "--output", "json").json["items"]
    return code, str(one["attachment"])


def download(office: Shell, attachment: str) -> tuple[Ran, Path]:
    into = office.folder / "copy.txt"
    return office("attachment", "download", attachment, "--into", into, "--output", "json"), into


def test_an_upload_that_no_record_has_is_told_as_that(office: Shell) -> None:
    scan = office.file("scan.txt", "a scan of nothing")
    found = office("attachment", "upload", scan, "--output", "json").json

    ran, into = download(office, found["attachment"])

    assert (ran.code, ran.json["problem"]["code"]) == (5, "attachment_not_recorded")
    assert ran.json["problem"]["advice"]
    assert not into.exists()


@pytest.mark.parametrize(
    "part, forged",
    [
        ("/v1/log/openings", {"body_salt": "00" * 16}),
        ("/v1/log/openings", {"body": "e30="}),
        ("/v1/proofs/inclusion", {"hashes": []}),
        ("/v1/attachments/", {"index": 0}),
        ("/v1/attachments/", {"disclosure": None}),
    ],
)
def test_what_the_log_does_not_vouch_for_is_not_written(
    office: Shell, monkeypatch: pytest.MonkeyPatch, part: str, forged: dict[str, Any]
) -> None:
    _, attachment = attach(office)
    ran, into = download(office, attachment)
    assert ran.code == 0, ran.err
    into.unlink()
    honest = Client.get

    def get(self: Client, path: str, **query: Any) -> Any:
        answer = honest(self, path, **query)
        if path.startswith(part):
            [said] = answer.get("openings", [answer])
            said |= forged
            for name in [name for name, value in forged.items() if value is None]:
                del said[name]
        return answer

    monkeypatch.setattr(Client, "get", get)

    ran, into = download(office, attachment)

    assert (ran.code, ran.json["problem"]["code"]) == (6, "ledger_untrustworthy"), ran.out
    assert not into.exists()
