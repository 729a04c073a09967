"""What `sijill serve` looks at, and says, before it answers anybody."""

import json
from pathlib import Path

from infrastructure.postgres import Urls
from sijill.founding import found_on
from tests.serving import ORIGIN, serving

WARNING = "login may rewrite the log"


def warnings(talk: list[str]) -> list[dict[str, str]]:
    return [json.loads(line) for line in talk if WARNING in line]


def test_a_login_that_both_installs_and_serves_is_warned_of(
    empty_database: Urls, tmp_path: Path
) -> None:
    outside = {"SIJILL_DATABASE_URL": empty_database.admin}
    found_on(empty_database, tmp_path / "ledger", ORIGIN)

    with serving(tmp_path / "ledger", environment=outside) as served:
        [said] = warnings(served.talk)

    assert said["level"] == "warning"
    assert (said["login"], said["may_become"]) == ("postgres", "sijill_owner")


def test_a_login_that_only_serves_is_not(ledger_folder: Path) -> None:
    with serving(ledger_folder) as served:
        assert warnings(served.talk) == []
