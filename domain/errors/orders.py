"""Refusals of an order as such: its statement, its time, its signatures, its place in a bulk."""

from typing import NamedTuple

from domain.errors.authenticity import AuthenticityCertificateUnfit, RequestTaken
from domain.errors.base import Forbidden, Malformed, Refusal
from domain.errors.certificates import CodeTaken, NumberTaken, RegisterClosed
from domain.errors.registers import NumberReserved
from domain.errors.registry import AgencyExists, KeyAlreadyEnrolled, LedgerAlreadyOpen
from domain.errors.transfers import AddresseeServed, IncomingNumberTaken, TransferIdTaken


class Fault(NamedTuple):
    """One thing wrong in a statement: an RFC 6901 pointer and a code. Never the value itself."""

    pointer: str
    code: str


class ActUnknown(Malformed, code="act_unknown"):
    """The act table has no act of this name."""


class StatementInvalid(Malformed, code="statement_invalid"):
    """The statement does not have the members that its act asks for."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        super().__init__(count=len(faults))
        self.faults = faults

    def __str__(self) -> str:
        listed = ", ".join(f"{fault.pointer}: {fault.code}" for fault in self.faults)
        return f"{self.code} ({listed})"

    @property
    def errors(self) -> list[dict[str, str]]:
        """The faults as a problem document lists them: `pointer` and `code`."""
        return [fault._asdict() for fault in self.faults]


class PathMismatch(Malformed, code="path_mismatch"):
    """The signed path is not the one that the statement's act and record belong to."""


class OrderExpired(Refusal, code="order_expired"):
    """The statement's own `valid_until` has passed."""


class ValidUntilMissing(Malformed, code="valid_until_missing"):
    """An order that waits for further signatures must say until when."""


class ValidUntilTooFar(Malformed, code="valid_until_too_far"):
    """An order may wait for its signatures for thirty days, not longer."""


class CosignatureMissing(Forbidden, code="cosignature_missing"):
    """The act asks for further signatures; `role` and `agency` name the first that is missing."""


class CosignatureNotNeeded(Forbidden, code="cosignature_not_needed"):
    """This signature answers nothing that the order still waits for."""


class PossessionMismatch(Forbidden, code="possession_mismatch"):
    """The proof of possession is not by the key that the statement enrols."""


class RecordTwiceInOrder(Refusal, code="record_twice_in_order"):
    """An order of all-or-none lines may act on each record once."""


class ClaimTaken(Refusal, code="claim_taken"):
    """Something that must be unique is in use."""


_TAKEN: dict[str, type[Refusal]] = {
    "addressee": AddresseeServed,
    "agency": AgencyExists,
    "code": CodeTaken,
    "consignment": TransferIdTaken,
    "incoming-closed": RegisterClosed,
    "incoming-number": IncomingNumberTaken,
    "key": KeyAlreadyEnrolled,
    "ledger": LedgerAlreadyOpen,
    "letter": TransferIdTaken,
    "number": NumberTaken,
    "number-reserved": NumberReserved,
    "register-closed": RegisterClosed,
    "request": RequestTaken,
    "authenticity-certificate": AuthenticityCertificateUnfit,
}


def taken(space: str) -> Refusal:
    """The refusal for a claim that another record holds (or, for a closing, that stands).

    Args:
        space: the claim's space, as `Decision.claims` and `Decision.absent` name it. A taken
            `status` is no refusal to tell anybody: decide again and another number is drawn.
    """
    return _TAKEN.get(space, ClaimTaken)()
