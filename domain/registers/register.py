"""Registers: where an agency numbers its documents and letters, by unit, series and year.

A number is unique in its register, compared with its digits folded. A register that is closed at
the end of its year takes no more numbers: an issuance makes sure that nobody claimed its closing.
Letters that arrive are numbered beside it, in a book of their own with numbers of their own.
"""

from typing import NamedTuple

from domain.values import fold_number

NUMBER_SPACE = "number"
CLOSED_SPACE = "register-closed"
INCOMING_SPACE = "incoming-number"
INCOMING_CLOSED_SPACE = "incoming-closed"
RESERVED_SPACE = "number-reserved"
REGISTER_SPACE = "register"
KNOWN_SPACE = "register-known"
SHELF_SPACE = "register-shelf"

SHELF_PLACES = 4_096
"""So many registers of one agency and year may be known: an answer looks through all of them."""


class Register(NamedTuple):
    """One register. Its parts never hold the separator, so its key has one reading."""

    agency: str
    unit: str
    series: str
    year: int

    @property
    def key(self) -> str:
        """The key of the claim that closes it: `agency|unit|series|year`."""
        return f"{self.agency}|{self.unit}|{self.series}|{self.year}"

    def book_key(self, *, incoming: bool) -> str:
        """The key of the register's own record, or of that of its book of incoming letters."""
        return f"{self.key}|incoming" if incoming else self.key

    def shelf_key(self, place: int) -> str:
        """The key of a place on the shelf where the registers of an agency and year stand.

        They stand there whatever their unit and series: a request names neither, so whoever looks
        for a paper looks through all of them.
        """
        return f"{self.agency}|{self.year}|{place}"

    def number_key(self, number: str) -> str:
        """The key of a number's claim: the register's, and the number folded."""
        return f"{self.key}|{fold_number(number)}"
