"""Letters as answers: the members that every endpoint about transfers shares.

It must not know who may see what; whoever calls it has asked the policy.
"""

from collections.abc import Collection
from typing import Any

from api.i18n import translate
from projections.transfers import Consignment, Letter, Listed


def letter_of(row: Letter, served: int) -> dict[str, Any]:
    """A letter, `served` as so many consignments."""
    return {
        "sender": row.agency,
        "letter": row.id,
        "direction": row.direction,
        "kind": row.kind,
        "outgoing": outgoing_of(row),
        "language": row.language,
        "priority": row.priority,
        "secrecy": row.secrecy,
        "to": row.addressees,
        "copy_to": row.copies,
        "correspondent": row.correspondent,
        "originator": row.originator,
        "answers": named(row.answers),
        "answers_older": None if row.older is None else {**row.older, "verified": False},
        "legal_basis": row.legal_basis,
        "claims": row.claims,
        "recorded": {"index": row.log_index, "time": row.time, "keys": row.keys},
        "cancelled_index": row.cancelled_index,
        "cancellation": row.cancellation,
        "holder": row.holder,
        "served": served,
    }


def outgoing_of(row: Letter) -> dict[str, Any]:
    """The sender's own number and date."""
    return _place_of(row)


def consignment_of(row: Consignment, language: str, *, inside: bool) -> dict[str, Any]:
    """A consignment; `inside` shows what stays inside the receiving agency."""
    return {
        "sender": row.sender,
        "consignment": row.id,
        "addressee": row.addressee,
        "role": row.role,
        "previous": named(row.previous),
        "transport": {
            "state": row.transport,
            "dispatched": {"index": row.log_index, "time": row.time, "keys": row.keys},
            "delivered": _recorded(row.delivered_index, row.delivered_time),
            "opened": _recorded(row.opened_index, row.opened_time, row.opened_by),
        },
        "business": {
            "state": row.business,
            "since_index": row.business_index,
            "incoming": incoming_of(row),
            "registered": _recorded(row.registered_index, row.registered_time),
            "reason": row.reason,
            "referred_to": row.referred_to if inside else None,
        },
        "due_date": row.due_date,
        "reminders": row.reminders,
        "answered_index": row.answered_index,
        "urgency": row.urgency,
        "words": words_of(row, language),
    }


def listed(one: Listed, agencies: Collection[str], language: str, served: int) -> dict[str, Any]:
    """A consignment in a list of one of these agencies, with its letter."""
    inside = one.consignment.addressee in agencies
    return {
        "consignment": consignment_of(one.consignment, language, inside=inside),
        "letter": letter_of(one.letter, served),
    }


def incoming_of(row: Consignment) -> dict[str, Any] | None:
    """The receiver's own number and date."""
    return None if row.number is None else _place_of(row)


def _place_of(row: Letter | Consignment) -> dict[str, Any]:
    """A place in a register, whoever keeps it."""
    return {
        "unit": row.unit,
        "series": row.series,
        "year": row.year,
        "number": row.number,
        "date": row.date,
        "rectified_index": row.rectified_index,
    }


def words_of(row: Consignment, language: str) -> dict[str, str]:
    """Both states in words, kept apart, and what happens next."""
    return {
        "transport": translate(language, f"state.transport.{row.transport}"),
        "business": translate(language, f"state.business.{row.business}"),
        "next": translate(language, f"next.business.{row.business}"),
    }


def named(name: str | None) -> dict[str, str] | None:
    """A consignment's name, taken apart."""
    if name is None:
        return None
    sender, _, id_ = name.partition("|")
    return {"sender": sender, "consignment": id_}


def _recorded(
    index: int | None, time: int | None, keys: list[str] | None = None
) -> dict[str, Any] | None:
    if index is None:
        return None
    told: dict[str, Any] = {"index": index, "time": time}
    return told if keys is None else {**told, "keys": keys}
