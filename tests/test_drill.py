"""The tamper drill is run, nothing in it goes unseen, and ARCHITECTURE.md says what it showed."""

import json
import os
import re
import subprocess
import sys
from typing import Any

import pytest

from sijill.drill import Row
from sijill.drill.attacks import ATTACKS
from sijill.drill.telling import document
from tests import documents

MADE = re.compile(r"<!-- made by: sijill drill tamper --markdown -->\n(.*?)<!-- end -->", re.DOTALL)
DRILL_SECONDS = 900


@pytest.fixture(scope="module")
def drill() -> list[dict[str, Any]]:
    """What the drill told, attack by attack."""
    ran = subprocess.run(
        [sys.executable, "-m", "sijill", "drill", "tamper", "--markdown", "--output", "json"],
        check=False,
        capture_output=True,
        text=True,
        timeout=DRILL_SECONDS,
        env={name: text for name, text in os.environ.items() if not name.startswith("SIJILL_")},
    )
    assert ran.returncode == 0, ran.stderr[-3_000:]
    told: list[dict[str, Any]] = json.loads(ran.stdout)
    return told


def test_every_attack_is_found_by_who_should_find_it(drill: list[dict[str, Any]]) -> None:
    assert [one["attack"] for one in drill if not one["detected"]] == []
    assert len(drill) == 14
    # The database's own superuser, without the log key, is always found from within.
    within = {"check", "read_models", "attachments", "values", "serve"}
    unseen = [one["attack"] for one in drill if not within & one["found"].keys()]
    assert unseen == [one["attack"] for one in drill if one["right"] == "log_key"]
    # And who has the log key, by each of the two who stand outside.
    for one in drill:
        if one["right"] == "log_key":
            assert one["found"].keys() == {"holder", "witness"}


def test_the_page_says_what_the_drill_showed(drill: list[dict[str, Any]]) -> None:
    page = (documents.ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    [table] = MADE.findall(page)

    rows = [Row(ATTACKS[one["attack"]], one["found"]) for one in drill]

    assert table == document(rows)
