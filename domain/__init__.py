"""The ledger's rules: one module per noun, and the act table that they fill.

Knows no framework and no database. Importing the package loads every noun, so the
act table and the events' topics are always complete.
"""

from domain import (
    agencies,
    authenticity,
    certificates,
    foundation,
    keys,
    registers,
    reports,
    transfers,
)

__all__ = [
    "agencies",
    "authenticity",
    "certificates",
    "foundation",
    "keys",
    "registers",
    "reports",
    "transfers",
]
