"""Working days: the weekend, the hours of offices, the holidays. Data, like the types.

Holidays that move are announced year by year: their days are added to `announced` and never taken
out again. No day that was recorded once depends on this file: a due date stands in its statement.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, time, timedelta
from importlib.resources import files

LONGEST_SEARCH_DAYS = 60


@dataclass(frozen=True)
class Calendar:
    """When offices work. Days of the week are ISO's: 1 is Monday, 5 Friday, 6 Saturday."""

    weekend: frozenset[int]
    opens: time
    shuts: time
    yearly: frozenset[tuple[int, int]]
    announced: frozenset[date]

    def works_on(self, day: date) -> bool:
        """Whether offices are open on a day."""
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
    """The calendar that a file describes."""
    said = json.loads(text)
    yearly = (one["day"].split("-") for one in said["yearly"])
    return Calendar(
        weekend=frozenset(said["weekend"]),
        opens=time.fromisoformat(said["opens"]),
        shuts=time.fromisoformat(said["shuts"]),
        yearly=frozenset((int(month), int(day)) for month, day in yearly),
        announced=_days(one["day"] for one in said["announced"]),
    )


def _days(texts: Iterable[str]) -> frozenset[date]:
    return frozenset(date.fromisoformat(text) for text in texts)


CALENDAR = read_calendar(files(__package__).joinpath("calendar.json").read_text(encoding="utf-8"))
"""The calendar of the offices of the ledger."""
