"""Data that ships with the product: the real public bodies that the demonstration registers.

Nothing here is a rule. What a ledger knows about its agencies comes from its own log; this list
only saves a demonstration from inventing names.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any


@dataclass(frozen=True, slots=True)
class Body:
    """A public body of Iraq.

    Attributes:
        id: Agency id, `[a-z][a-z0-9-]{1,47}`.
        kind: One of the kinds of agency that the domain knows.
        names: Official name by language: `ar`, `ckb`, `en`, NFC.
        parent: Id of the body that it belongs to; None where it belongs to no other body here.
        iso_3166_2: Code of a governorate or region; None for all others and for Halabja, which
            the standard has not coded.
        source: Where the group of bodies was read.
    """

    id: str
    kind: str
    names: Mapping[str, str]
    parent: str | None
    iso_3166_2: str | None
    source: str


@cache
def bodies() -> tuple[Body, ...]:
    """All bodies in the order to register them in: the General Secretariat first, parents early."""
    document = json.loads(files(__package__).joinpath("bodies.json").read_text(encoding="utf-8"))
    return tuple(
        _body(entry, source=group["source"])
        for group in document["groups"]
        for entry in group["bodies"]
    )


def _body(entry: dict[str, Any], *, source: str) -> Body:
    return Body(
        id=entry["id"],
        kind=entry["kind"],
        names=MappingProxyType(entry["names"]),
        parent=entry["parent"],
        iso_3166_2=entry["iso_3166_2"],
        source=source,
    )
