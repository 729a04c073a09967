"""Working days: the weekend, the hours of offices, the holidays. Data, like the types.

The file beside this module holds what law 12 of 2024 fixes by the sun. Its other holidays go by the
moon and are announced, and a few more are decided, year by year: those days an operator writes into
a file of its own. No day that was recorded once depends on either: a due date stands in its
statement.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, time, timedelta
from hashlib import sha256
from importlib.resources import files
from typing import Any

LONGEST_SEARCH_DAYS = 60
HOLIDAYS_LIMIT_BYTES = 65_536
MOST_DAYS = 2_000
_DAY = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")


class HolidaysMalformed(ValueError):
    """A file of announced days that is not what it should be; `str()` says what is wrong."""


@dataclass(frozen=True)
class Calendar:
    """When offices work. Days of the week are ISO's: 1 is Monday, 5 Friday, 6 Saturday.

    `announced` are holidays of one year; `worked` are days on which offices work all the same, as
    the Council of Ministers may decide of a Saturday.
    """

    weekend: frozenset[int]
    opens: time
    shuts: time
    yearly: frozenset[tuple[int, int]]
    announced: frozenset[date] = frozenset()
    worked: frozenset[date] = frozenset()

    def digest(self) -> str:
        """Names what it knows: SHA-256 over hours and days, for who compares what rests on it."""
        days = (sorted(map(str, one)) for one in (self.weekend, self.announced, self.worked))
        hours = [self.opens.isoformat(), self.shuts.isoformat()]
        text = json.dumps([*days, sorted(self.yearly), hours])
        return sha256(text.encode()).hexdigest()

    def works_on(self, day: date) -> bool:
        """Whether offices are open on a day."""
        if day in self.worked:
            return True
        if day.isoweekday() in self.weekend or day in self.announced:
            return False
        return (day.month, day.day) not in self.yearly

    def works_at(self, day: date, minute: int) -> bool:
        """Whether offices are open at a minute of a day, counted from midnight in Baghdad."""
        opens = self.opens.hour * 60 + self.opens.minute
        shuts = self.shuts.hour * 60 + self.shuts.minute
        return self.works_on(day) and opens <= minute < shuts

    def after(self, day: date, working_days: int) -> date:
        """The last of so many working days after a day; what comes in today begins tomorrow."""
        found = day
        for _ in range(working_days + LONGEST_SEARCH_DAYS):
            if not working_days:
                break
            found += timedelta(days=1)
            working_days -= self.works_on(found)
        return found

    def working_days(self, begin: date, end: date) -> int:
        """How many working days lie after `begin` up to and with `end`."""
        span = range(1, (end - begin).days + 1)
        return sum(self.works_on(begin + timedelta(days=number)) for number in span)


def read_calendar(text: str) -> Calendar:
    """The calendar that the file of the law describes."""
    said = json.loads(text)
    yearly = (one["day"].split("-") for one in said["yearly"])
    return Calendar(
        weekend=frozenset(said["weekend"]),
        opens=time.fromisoformat(said["opens"]),
        shuts=time.fromisoformat(said["shuts"]),
        yearly=frozenset((int(month), int(day)) for month, day in yearly),
    )


def with_holidays(calendar: Calendar, data: bytes) -> Calendar:
    """The calendar with the days of a file: `{"announced": [day, …], "worked": [day, …]}`.

    Raises:
        HolidaysMalformed: it is not such a file.
    """
    if len(data) > HOLIDAYS_LIMIT_BYTES:
        raise HolidaysMalformed("too large")
    try:
        said = json.loads(data, object_pairs_hook=_once)
    except (ValueError, RecursionError):
        raise HolidaysMalformed("no JSON, or a name twice") from None
    if not isinstance(said, dict) or said.keys() - {"announced", "worked"}:
        raise HolidaysMalformed("an object of `announced` and `worked`")
    announced, worked = _days(said.get("announced", [])), _days(said.get("worked", []))
    if announced & worked:
        raise HolidaysMalformed("a day is announced and worked")
    return replace(
        calendar, announced=calendar.announced | announced, worked=calendar.worked | worked
    )


def _once(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(name)
        found[name] = value
    return found


def _days(listed: Any) -> frozenset[date]:
    if not isinstance(listed, list) or len(listed) > MOST_DAYS:
        raise HolidaysMalformed("a list of days")
    if not all(isinstance(one, str) and _DAY.fullmatch(one) for one in listed):
        raise HolidaysMalformed("a day is YYYY-MM-DD")
    try:
        days = [date.fromisoformat(one) for one in listed]
    except ValueError:
        raise HolidaysMalformed("no day of the calendar") from None
    if len(set(days)) < len(days):
        raise HolidaysMalformed("a day twice")
    return frozenset(days)


CALENDAR = read_calendar(files(__package__).joinpath("calendar.json").read_text(encoding="utf-8"))
"""What the law fixes for every year."""
