"""How refusals about certificates are told."""

from typing import Final

from domain.acts import Command
from domain.certificates import Certificate
from domain.errors import CertificateUnknown, Refusal
from domain.ledger import Sitting
from sijill.rules.nouns import NounRules, record_of


def _explain(refusal: Refusal, command: Command, sitting: Sitting) -> str | None:
    """To an agency another's certificate does not exist; an auditor is told whose it is."""
    if not isinstance(refusal, CertificateUnknown):
        return None
    record = record_of(sitting, "code", str(refusal.params["code"]))
    foreign = isinstance(record, Certificate) and record.agency != command.agency
    return "record_foreign" if foreign else "stream_mismatch"


RULES: Final = NounRules(
    refused={"record_moved": "record_foreign"},
    taken={
        "code": "code_repeated",
        "number": "number_repeated",
        "register-closed": "register_closed",
        "status": "status_place_wrong",
    },
    explain=_explain,
)
