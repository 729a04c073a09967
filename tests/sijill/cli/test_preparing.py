"""Until when a written order may be sent, in the sentence that tells how."""

from datetime import datetime, timedelta

import pytest

from domain.values.moments import BAGHDAD
from tests.sijill.cli.conftest import Shell, letter

DEGREE = {"holder_name": "حامل 0001", "qualification": "بكالوريوس", "graduation_year": "2026"}


@pytest.mark.parametrize(
    "changes,life",
    [({}, timedelta(hours=1)), ({"type": "degree", "fields": DEGREE}, timedelta(days=30))],
    ids=["alone", "with others"],
)
def test_it_says_until_when_the_order_may_be_sent(
    office: Shell, changes: dict[str, object], life: timedelta
) -> None:
    file = office.file("c.json", letter(**changes))
    before = datetime.now(BAGHDAD)

    ran = office("certificate", "prepare", file, "--into", office.folder)

    said = " ".join(ran.out.split())
    until = datetime.fromisoformat(said.split("before ")[1].split(", send")[0])
    assert abs(until - before - life) < timedelta(minutes=1)
