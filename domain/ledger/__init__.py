"""The ledger: what a fact is, what a decision carries, and the application that decides.

The journey of an order: the application seats it in a *sitting*, which remembers everything that is
read; `authority` judges the signatures; the noun's desk judges the rules and records one fact; the
decision then asks the store to append it only if nothing that was read has changed.
"""

from domain.ledger.application import Ledger
from domain.ledger.decisions import (
    DRAWN,
    MET,
    SHELVED,
    Apart,
    Claim,
    Decision,
    Directory,
    Requirement,
    Signed,
    Wanted,
)
from domain.ledger.facts import EVENTS, Fact, Home, Record, Registry
from domain.ledger.sitting import DESKS, Sitting, desk

__all__ = [
    "DESKS",
    "DRAWN",
    "EVENTS",
    "MET",
    "SHELVED",
    "Apart",
    "Claim",
    "Decision",
    "Directory",
    "Fact",
    "Home",
    "Ledger",
    "Record",
    "Registry",
    "Requirement",
    "Signed",
    "Sitting",
    "Wanted",
    "desk",
]
