"""The file of announced holidays, as a service meets it while it runs."""

from datetime import date
from pathlib import Path

import pytest

from domain.catalogue.calendar import CALENDAR
from infrastructure.holidays import WorkingDays
from sijill.settings import HolidaysUnusable, Settings

DAY = date(2027, 3, 9)


def test_a_holiday_that_is_entered_counts_at_once(tmp_path: Path) -> None:
    days = Settings(data=tmp_path).working_days()
    assert days.calendar.works_on(DAY)

    (tmp_path / "holidays.json").write_text('{"announced": ["2027-03-09"]}')

    assert not days.calendar.works_on(DAY)


def test_every_process_knows_the_same_of_a_file_that_is_broken_or_gone(tmp_path: Path) -> None:
    path = tmp_path / "holidays.json"
    path.write_text('{"announced": ["2027-03-09"]}')
    days = WorkingDays(path)
    assert not days.calendar.works_on(DAY)

    path.write_text('{"announced": ["2027-03-09"')
    started = Settings(data=tmp_path).working_days()
    assert days.calendar == started.calendar == CALENDAR

    path.write_text('{"announced": ["2027-03-09"]} ')
    assert not days.calendar.works_on(DAY)
    path.unlink()
    started = Settings(data=tmp_path).working_days()
    assert days.calendar == started.calendar == CALENDAR


def test_a_file_that_is_broken_at_the_start_is_told(tmp_path: Path) -> None:
    path = tmp_path / "days.json"
    with pytest.raises(HolidaysUnusable) as missing:
        Settings(data=tmp_path, holidays=path).announced()
    assert missing.value.path == path

    (tmp_path / "holidays.json").write_text("[]")
    with pytest.raises(HolidaysUnusable):
        Settings(data=tmp_path).announced()
