"""Orders about letters, each named after what it does."""

import hashlib
import uuid
from typing import Any

from tests.given_when_then import Order, digest, linked, order

REGISTER: dict[str, Any] = {"unit": "main", "series": "general", "year": 2026, "date": "2026-11-20"}


def name_of(text: str) -> str:
    """A random-looking UUID that stands for this text."""
    return str(uuid.UUID(bytes=hashlib.sha256(text.encode()).digest()[:16], version=4))


def number_of(text: str) -> str:
    """A number of its own for this text."""
    return f"{int(digest(text).encode().hex(), 16) % 10**9}/7"


def offices(*names: str) -> list[Order]:
    """Linked agencies, each with a key named after it."""
    return [one for name in names for one in linked(name)]


def letter(text: str = "l", agency: str = "moj", **members: Any) -> Order:
    """Register a letter to `moh` as outgoing."""
    asked: dict[str, Any] = {
        "new_letter": name_of(text),
        "kind": "letter",
        "number": number_of(text),
        "language": "ar",
        "priority": "normal",
        "secrecy": "public",
        "to": ["moh"],
        "claims": {"subject": digest("subject")},
        **REGISTER,
        **members,
    }
    return order("transfer.register_outgoing", agency, **asked)


def case_file(text: str = "f", agency: str = "moj", **members: Any) -> Order:
    """Register a case file to `moh` as outgoing."""
    return letter(text, agency, kind="case_file", **members)


def dispatch(
    text: str = "l", agency: str = "moj", to: str = "moh", *, name: str = "", **members: Any
) -> Order:
    """Dispatch the letter to an addressee, as the consignment `<letter>-<addressee>`."""
    asked = {
        "sender": agency,
        "letter": name_of(text),
        "new_consignment": name_of(name or f"{text}-{to}"),
        "addressee": to,
        **members,
    }
    return order("transfer.dispatch", agency, **asked)


def on_paper(text: str = "l", agency: str = "moj", to: str | None = None, **more: Any) -> Order:
    """Record that the letter goes on paper."""
    members = {"letter": name_of(text), "new_consignment": name_of(f"{text}-{to}"), **more}
    return order("transfer.send_on_paper", agency, sender=agency, addressee=to, **members)


def on_letter(act: str, text: str = "l", agency: str = "moj", **members: Any) -> Order:
    """The sender orders an act on its letter."""
    return order(f"transfer.{act}", agency, sender=agency, letter=name_of(text), **members)


def on(
    act: str, name: str = "l-moh", agency: str = "moh", sender: str = "moj", **members: Any
) -> Order:
    """An agency orders an act on the consignment of this name."""
    said = {"sender": sender, "consignment": name_of(name), **members}
    return order(f"transfer.{act}", agency, **said)


def register(
    name: str = "l-moh", agency: str = "moh", sender: str = "moj", **members: Any
) -> Order:
    """The receiver registers the consignment."""
    asked = {"number": number_of(f"in-{name}"), **REGISTER, **members}
    return on("register", name, agency, sender, **asked)


def onward(name: str, agency: str, to: str, new: str, sender: str = "moj", **members: Any) -> Order:
    """The receiver refers it to another agency, as a consignment of a new name."""
    asked = {"new_consignment": name_of(new), "addressee": to, **members}
    return on("refer_onward", name, agency, sender, **asked)


def note(name: str = "l-moh", agency: str = "moh", text: str = "n", **members: Any) -> Order:
    """The receiver writes a marginal note."""
    return on("annotate", name, agency, claims={"note": digest("note", text)}, **members)


def paper_in(name: str = "p", agency: str = "moh", **members: Any) -> Order:
    """Register a citizen's letter that came on paper."""
    asked: dict[str, Any] = {
        "new_consignment": name_of(name),
        "number": number_of(name),
        "correspondent": "citizen",
        "language": "ar",
        "priority": "normal",
        "secrecy": "public",
        "claims": {"subject": digest("s"), "correspondent_name": digest("n")},
        **REGISTER,
        **members,
    }
    return order("transfer.receive_on_paper", agency, **asked)
