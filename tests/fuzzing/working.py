"""Target about working days: the file of announced holidays."""

from domain.catalogue.calendar import CALENDAR, HolidaysMalformed, with_holidays
from infrastructure.proofs.errors import ProofError

HOLIDAYS = (
    b'{"announced": ["2027-03-09", "2027-03-10"], "worked": ["2027-03-13"]}',
    b"{}",
)


def holidays(data: bytes) -> None:
    """What is accepted are days: those announced are free, those worked are worked."""
    try:
        known = with_holidays(CALENDAR, data)
    except HolidaysMalformed as malformed:
        raise ProofError("holidays_malformed", str(malformed)) from malformed
    assert not any(known.works_on(day) for day in known.announced)
    assert all(known.works_on(day) for day in known.worked)
