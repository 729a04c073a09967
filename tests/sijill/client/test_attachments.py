"""Downloads of which the ledger shows no digest: told as the ledger tells it, and never written."""

from pathlib import Path

import httpx2
import pytest

from sijill.client import Refused
from sijill.client.attachments import Attachments, NotRecorded
from tests.sijill.client.standin import Answer, StandIn, connect, problem

SHOWN: Answer = {"attachment": "one", "state": "recorded", "size": 3, "index": 1}


class Keeper(StandIn):
    """Keeps one attachment, and shows no digest of it."""

    shown: Answer = SHOWN
    content = httpx2.Response(200, content=b"abc")

    def _get(self, request: httpx2.Request) -> httpx2.Response:
        match request.url.path:
            case "/v1/attachments/one":
                return httpx2.Response(200, json=self.shown)
            case "/v1/attachments/one/content":
                return self.content
            case _:
                return super()._get(request)


@pytest.mark.parametrize("code", ["values_erased", "attachment_altered"])
def test_why_nothing_is_disclosed_is_told_as_the_ledger_tells_it(tmp_path: Path, code: str) -> None:
    keeper = Keeper()
    keeper.content = problem(code, 409)
    with connect(keeper, tmp_path / "state") as client, pytest.raises(Refused) as refused:
        Attachments(client).download("one", tmp_path / "copy")

    assert refused.value.code == code
    assert not (tmp_path / "copy").exists()


@pytest.mark.parametrize("state", ["open", "complete"])
def test_what_no_record_has_is_not_asked_for(tmp_path: Path, state: str) -> None:
    keeper = Keeper()
    keeper.shown = {**SHOWN, "state": state}
    with connect(keeper, tmp_path / "state") as client, pytest.raises(NotRecorded):
        Attachments(client).download("one", tmp_path / "copy")

    assert [one.url.path for one in keeper.asked if "content" in one.url.path] == []
