"""Registers: where an agency numbers its documents, by unit, series and year.

A number is unique in its register, compared with its digits folded. A register that is closed at
the end of its year takes no more numbers: an issuance makes sure that nobody claimed its closing.
"""

from typing import NamedTuple

from domain.values import fold_number

NUMBER_SPACE = "number"
CLOSED_SPACE = "register-closed"
RESERVED_SPACE = "number-reserved"
REGISTER_SPACE = "register"


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

    def number_key(self, number: str) -> str:
        """The key of a number's claim: the register's, and the number folded."""
        return f"{self.key}|{fold_number(number)}"
