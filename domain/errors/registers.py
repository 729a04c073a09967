"""Refusals about registers: what is covered, which numbers are free, what is closed."""

from domain.errors.base import Refusal, Unknown


class EntryUnknown(Unknown, code="entry_unknown"):
    """Nothing was captured under this number of the register."""


class CoverageUnchanged(Refusal, code="coverage_unchanged"):
    """The register, or the entry, has that grade already."""


class RegisterNotCovered(Refusal, code="register_not_covered"):
    """The register is not declared covered."""


class RegistersTooMany(Refusal, code="registers_too_many"):
    """The agency has as many registers of the year as an answer can look through."""


class RegisterYearRuns(Refusal, code="register_year_runs"):
    """A register is closed when its year is over in Baghdad."""


class RegisterNotClosed(Refusal, code="register_not_closed"):
    """Only a closed register is counted."""


class RegisterAlreadyCounted(Refusal, code="register_already_counted"):
    """The count of the register was signed before."""


class RegisterCountWrong(Refusal, code="register_count_wrong"):
    """The register holds other numbers than the statement says."""


class NumberReserved(Refusal, code="number_reserved"):
    """The number is reserved."""
