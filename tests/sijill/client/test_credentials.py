"""What the credential of a certificate says, as its agency is shown it."""

from typing import Any

from infrastructure.proofs import credential, qr
from sijill.client import credentials
from tests.infrastructure.proofs.test_credential import KEYS

CODE = "N9GCPANZ0AYAZFH65"
SHOWN: dict[str, Any] = {
    "asked_code": CODE,
    "agency": "moj",
    "type": "support_letter",
    "number": "1/2026",
    "date": "2026-11-02",
    "values": {"holder_name": "", "supported_fact": "تأييد سكن"},
    "originals": [
        {
            "code": CODE,
            "status": {"list": 0, "index": 7},
            "issue_index": 40,
            "issue_time": 1_793_000_000_000_000,
            "effective_date": None,
            "expiry_date": None,
        }
    ],
}


def test_a_value_recorded_as_empty_is_left_out() -> None:
    data = credentials.sign(SHOWN, bytes(32), KEYS["P-256"])

    assert credential.decode(data).credential.fields == {2: "تأييد سكن"}
    assert qr.pack(data)
