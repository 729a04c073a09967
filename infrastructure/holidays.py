"""Holidays that an operator has entered, in a file beside the ledger, over those of the law.

The file is read again when it changes, so that a holiday that is announced today needs no restart.
One that cannot be read is told in the log, and then the law's days alone count, as they do where
there is none: what is known depends on the file as it is now, in every process alike.
"""

from dataclasses import dataclass, field
from pathlib import Path

import structlog

from domain.catalogue.calendar import (
    CALENDAR,
    HOLIDAYS_LIMIT_BYTES,
    Calendar,
    HolidaysMalformed,
    with_holidays,
)

LOGGER = structlog.get_logger("holidays")


@dataclass(slots=True)
class WorkingDays:
    """The calendar of the law, with a file's days where there is one."""

    path: Path
    _seen: tuple[int, int] | None = field(default=None, repr=False)
    _calendar: Calendar = CALENDAR

    @property
    def calendar(self) -> Calendar:
        """The calendar as the file says now."""
        try:
            stands = self.path.stat()
        except OSError:
            self._seen, self._calendar = None, CALENDAR
            return self._calendar
        seen = stands.st_mtime_ns, stands.st_size
        if seen != self._seen:
            self._seen = seen
            try:
                self._calendar = read(self.path)
            except (OSError, HolidaysMalformed) as error:
                self._calendar = CALENDAR
                LOGGER.warning("holidays not read", error=str(error), path=str(self.path))
        return self._calendar


def read(path: Path) -> Calendar:
    """The law's calendar with the days of a file.

    Raises:
        HolidaysMalformed, OSError: it cannot be used.
    """
    with path.open("rb") as file:
        return with_holidays(CALENDAR, file.read(HOLIDAYS_LIMIT_BYTES + 1))
