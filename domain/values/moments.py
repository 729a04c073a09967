"""Moments in integer microseconds UTC, and the calendar days of Baghdad."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

BAGHDAD = ZoneInfo("Asia/Baghdad")
MICROSECONDS = 1_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def utc(time_us: int) -> datetime:
    """The moment that lies `time_us` microseconds after 1970, without a float in between."""
    return _EPOCH + timedelta(microseconds=time_us)


def baghdad_day(time_us: int) -> date:
    """The calendar day in Baghdad at a moment given in microseconds UTC."""
    return utc(time_us).astimezone(BAGHDAD).date()


def years_after(day: date, years: int) -> date:
    """The same day some years later; 29 February becomes 1 March where there is none."""
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return date(day.year + years, 3, 1)
