"""How refusals about letters are told."""

from typing import Final

from domain.acts import Command
from domain.errors import Refusal, TransferUnknown
from domain.ledger import Sitting
from domain.transfers.record import CONSIGNMENT_SPACE, LETTER_SPACE
from sijill.rules.nouns import NounRules, record_of


def _explain(refusal: Refusal, command: Command, sitting: Sitting) -> str | None:
    """To an agency that is no party a letter does not exist; an auditor is told that it does."""
    if not isinstance(refusal, TransferUnknown):
        return None
    said = vars(command)
    names = [(LETTER_SPACE, "letter"), (CONSIGNMENT_SPACE, "consignment")]
    there = any(
        record_of(sitting, space, f"{said['sender']}|{said[member]}") is not None
        for space, member in names
        if member in said
    )
    return "record_foreign" if there else "stream_mismatch"


RULES: Final = NounRules(
    refused=dict.fromkeys(("not_the_holder", "not_an_addressee", "record_moved"), "record_foreign"),
    taken={
        **dict.fromkeys(("number", "incoming-number"), "number_repeated"),
        **dict.fromkeys(("register-closed", "incoming-closed"), "register_closed"),
    },
    explain=_explain,
)
