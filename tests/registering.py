"""Orders about registers of the agency `moj`, as short as a test would say them."""

from typing import Any

from tests.given_when_then import Order, digest, order

BOOK: dict[str, Any] = {"unit": "main", "series": "general", "year": 1998}


def on_register(act: str, agency: str = "moj", **members: Any) -> Order:
    """An agency orders an act on its register of 1998."""
    return order(f"register.{act}", agency, **{**BOOK, **members})


def cover(grade: str = "register_only", **more: Any) -> Order:
    """It declares the register covered."""
    return on_register("cover", grade=grade, **more)


def uncover(**more: Any) -> Order:
    """It withdraws that."""
    return on_register("uncover", reason="pages_missing", **more)


def capture(number: str, **more: Any) -> Order:
    """It captures a degree of that year."""
    asked: dict[str, Any] = {
        "number": number,
        "type": "degree",
        "date": "1998-07-01",
        "grade": "register_only",
        "claims": {"holder_name": digest("claim", "holder_name")},
    }
    return on_register("capture", **{**asked, **more})


def reserve(number: str, **more: Any) -> Order:
    """It reserves a number."""
    return on_register("reserve", number=number, **more)


def void(number: str, **more: Any) -> Order:
    """It voids a number."""
    return on_register("void", number=number, reason="form_spoilt", **more)


def confirm(number: str, grade: str = "original_sighted", **more: Any) -> Order:
    """It gives an entry another grade."""
    return on_register("confirm", number=number, grade=grade, **more)


def strike(number: str, **more: Any) -> Order:
    """It strikes an entry."""
    return on_register("strike", number=number, reason="misread", **more)


def close(**more: Any) -> Order:
    """It closes the register."""
    return on_register("close", **more)


def count(given: int = 0, voided: int = 0, **more: Any) -> Order:
    """It signs the count."""
    return on_register("count", given=given, voided=voided, **more)
