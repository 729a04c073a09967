"""The words of letters: kinds, classes, states and coded reasons. No statement takes free text."""

from enum import StrEnum


class LetterKind(StrEnum):
    """What passes: an original and a case file have one holder; of the others each has a copy."""

    LETTER = "letter"
    MEMORANDUM = "memorandum"
    CIRCULAR = "circular"
    ORIGINAL = "original"
    CASE_FILE = "case_file"


CUSTODY_KINDS = frozenset({LetterKind.ORIGINAL, LetterKind.CASE_FILE})


class Priority(StrEnum):
    """How soon it is to be dealt with."""

    NORMAL = "normal"
    URGENT = "urgent"
    VERY_URGENT = "very_urgent"
    IMMEDIATE = "immediate"


class Secrecy(StrEnum):
    """The class written on it. Whatever the class, only its parties can read a letter."""

    PUBLIC = "public"
    SECRET = "secret"  # noqa: S105  # a class of letters, not a password
    TOP_SECRET = "top_secret"  # noqa: S105  # a class of letters, not a password
    SECRET_PERSONAL = "secret_personal"  # noqa: S105  # a class of letters, not a password


class CorrespondentKind(StrEnum):
    """Who writes or is written to outside the network; the name is committed to, not told."""

    CITIZEN = "citizen"
    COMPANY = "company"
    EMBASSY = "embassy"
    PUBLIC_BODY = "public_body"


class Transport(StrEnum):
    """How far the bytes, or the paper, came. It says nothing of what the receiver did with it."""

    DISPATCHED = "dispatched"
    DELIVERED = "delivered"
    OPENED = "opened"
    PAPER_OUT = "paper_out"
    PAPER_IN = "paper_in"


class Business(StrEnum):
    """What the receiver did with it, from waiting for an incoming number to the archive."""

    AWAITING = "awaiting_registration"
    REGISTERED = "registered_incoming"
    CLOSED = "closed"
    ARCHIVED = "archived"
    RETURNED = "returned"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    HANDED_ON = "handed_on"
    SENT_ON_PAPER = "sent_on_paper"


FINISHED = frozenset(
    {
        Business.ARCHIVED,
        Business.RETURNED,
        Business.REFUSED,
        Business.WITHDRAWN,
        Business.HANDED_ON,
        Business.SENT_ON_PAPER,
    }
)
"""Terminal: nothing happens to such a consignment any more."""


class ReturnReason(StrEnum):
    """Why a letter goes back to whoever sent it."""

    WRONG_ADDRESSEE = "wrong_addressee"
    NOT_COMPETENT = "not_competent"
    INCOMPLETE = "incomplete"
    ATTACHMENT_MISSING = "attachment_missing"
    UNREADABLE = "unreadable"


class RefusalReason(StrEnum):
    """Why a letter is not accepted. Refusing the electronic form is counted in the reports."""

    ELECTRONIC_FORM_REFUSED = "electronic_form_refused"
    NOT_AUTHENTIC = "not_authentic"
    NOT_COMPETENT = "not_competent"
    DUPLICATE = "duplicate"


class WithdrawalReason(StrEnum):
    """Why the sender takes a letter back before it is registered."""

    SENT_IN_ERROR = "sent_in_error"
    CONTENT_WRONG = "content_wrong"
    SUPERSEDED = "superseded"
    DECISION = "decision"


class CancellationReason(StrEnum):
    """Why a letter or a circular no longer counts."""

    ENTERED_IN_ERROR = "entered_in_error"
    SUPERSEDED = "superseded"
    NO_LONGER_NEEDED = "no_longer_needed"
    DECISION = "decision"


class ClosingReason(StrEnum):
    """With what a registered letter is closed."""

    ANSWERED = "answered"
    DONE = "done"
    NO_ACTION_NEEDED = "no_action_needed"
    REFERRED_ONWARD = "referred_onward"


class ReopeningReason(StrEnum):
    """Why a closed letter is taken up again."""

    CLOSED_IN_ERROR = "closed_in_error"
    NEW_FACTS = "new_facts"
    ANSWER_CONTESTED = "answer_contested"
    DECISION = "decision"
