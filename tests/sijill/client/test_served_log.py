"""A log that came broken is its ledger's to answer for; what something between says is nobody's."""

from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest

from infrastructure.proofs import tiles
from infrastructure.proofs.errors import ProofError
from sijill.client import Client, Refused, Untrustworthy
from sijill.client.checking import HttpSource
from sijill.export.following import Following
from sijill.export.origins import HttpOrigin
from sijill.export.sinks import TilesSink
from tests.sijill.client.standin import StandIn

_OCTETS = "application/octet-stream"
_NOTE = b"stand.in/ledger\n1\nAAAA\n"
_BROKEN = tiles.encode_bundle([bytes(40)])[:-1]
_ASKED: dict[str, Callable[[Client], object]] = {
    "source": lambda client: next(HttpSource(client).entries()),
    "origin": lambda client: HttpOrigin(client).bundle(0, 1),
}


def answer(content: bytes, kind: str) -> httpx2.Response:
    return httpx2.Response(200, content=content, headers={"content-type": kind})


def bundled(ledger: StandIn, content: bytes, kind: str) -> httpx2.MockTransport:
    """The ledger, with this in the place of each bundle."""

    def handle(request: httpx2.Request) -> httpx2.Response:
        if request.url.path.startswith("/log/tile/entries/"):
            return answer(content, kind)
        return ledger.handle(request)

    return httpx2.MockTransport(handle)


@pytest.mark.parametrize("who", _ASKED)
def test_a_broken_bundle_is_the_ledgers_own(ledger: StandIn, who: str) -> None:
    with (
        Client("http://x.test", transport=bundled(ledger, _BROKEN, _OCTETS)) as client,
        pytest.raises(ProofError, match="bundle_malformed"),
    ):
        _ASKED[who](client)


@pytest.mark.parametrize("who", _ASKED)
@pytest.mark.parametrize(
    "content, kind",
    [
        (_BROKEN, "application/json"),
        (_BROKEN, "text/html"),
        (_BROKEN, "image/png"),
        (b"Please log in.\n", _OCTETS),
    ],
)
def test_what_is_no_bundle_at_all_is_not_the_ledgers(
    ledger: StandIn, who: str, content: bytes, kind: str
) -> None:
    with (
        Client("http://x.test", transport=bundled(ledger, content, kind)) as client,
        pytest.raises(Refused) as refused,
    ):
        _ASKED[who](client)
    assert refused.value.foreign


def test_a_broken_note_is_the_ledgers_own(client: Client, ledger: StandIn) -> None:
    ledger.faults = [answer(_NOTE, "text/plain; charset=utf-8")]
    source = HttpSource(client)

    assert source.newest() == _NOTE
    with pytest.raises(ProofError, match="note_malformed"):
        next(source.entries())


def test_a_mirror_ends_with_a_broken_note(client: Client, ledger: StandIn, tmp_path: Path) -> None:
    _ = client.identity
    ledger.faults = [answer(_NOTE, "text/plain; charset=utf-8")]
    folder = tmp_path / "copy"
    with pytest.raises(Untrustworthy, match="note_malformed"):
        Following(HttpOrigin(client), folder, TilesSink(folder)).run()


@pytest.mark.parametrize("kind", ["application/json", "text/html", _OCTETS])
def test_a_note_of_another_kind_is_not_the_ledgers(
    client: Client, ledger: StandIn, kind: str
) -> None:
    ledger.faults = [answer(_NOTE, kind)] * 2

    for asked in (HttpSource(client), HttpOrigin(client)):
        with pytest.raises(Refused) as refused:
            asked.newest()
        assert refused.value.foreign
