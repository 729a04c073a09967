"""A release is served beside a read model that the rules of another one have made."""

from pathlib import Path

import httpx2

from infrastructure.postgres import Role, connect
from sijill.settings import Settings
from tests.processes import until
from tests.serving import serving


def test_nothing_is_answered_from_rows_of_another_release(ledger_folder: Path) -> None:
    with serving(ledger_folder) as served:
        agency = served.agency()
        code = agency.issue()["code"]
        served.settle()

        def verdict() -> tuple[str, str]:
            told = httpx2.get(f"{served.url}/v1/verify/{code}", timeout=60).json()
            return told["outcome"], told["reason"]

        assert verdict()[0] == "valid"
        # The keeper looks again when there is an event to apply, and not before.
        urls = Settings(data=ledger_folder).embedded().urls()
        with connect(urls.keeper, Role.KEEPER, autocommit=True) as keeper:
            keeper.execute("UPDATE read.model SET fingerprint = 'other'")

        assert verdict() == ("could_not_check", "status_stale")
        listed = httpx2.get(f"{served.url}/v1/agencies", timeout=60)
        assert (listed.status_code, listed.json()["code"]) == (503, "status_stale")
        ready = httpx2.get(f"{served.url}/readyz", timeout=60)
        assert ready.status_code == 503
        assert "[-]projection the read model was made by the rules of another" in ready.text

        # Orders are recorded as ever; the keeper makes its own rows of them.
        agency.issue()
        until(lambda: verdict()[0] == "valid", "nobody makes a read model by these rules")
