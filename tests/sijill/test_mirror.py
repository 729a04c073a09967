"""A mirror: follows what proves itself, refuses what does not, and serves on alone."""

import asyncio
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from infrastructure.proofs.fsck import Trust
from sijill import audit
from sijill.cli.options import Talk
from sijill.cli.output import Output
from sijill.client import Client, Refused, Unreachable, Untrustworthy
from sijill.client.checking import HttpSource
from sijill.export.following import CopyInUse, Grown
from sijill.export.layout import Exported, NotExported
from sijill.export.mirroring import Mirroring
from sijill.export.origins import HttpOrigin, Told
from sijill.export.serving import Mirror
from tests.documents import ROOT
from tests.serving import READY, STOP_SECONDS, Served, serving
from tests.sijill.cli.test_log import changed
from tests.sijill.client.standin import StandIn, connect, problem


def follow(served: Served, folder: Path) -> int:
    """One step of a mirror; the size that it holds then."""
    return Mirroring(served.url, folder, Output(Talk())).step().size


def covered(served: Served) -> int:
    """One more agency with a key, under a checkpoint; the index of its last event."""
    agency = served.agency()
    index = agency.issue()["index"]
    served.anybody().text(f"/log/checkpoint?covers={index}")
    return int(index)


@contextmanager
def mirroring(source: str, folder: Path) -> Iterator[str]:
    """`sijill mirror` as somebody runs it; its address."""
    words = ["mirror", str(folder), "--from", source, "--port", "0", "--every", "0.2"]
    process = subprocess.Popen(
        [sys.executable, "-m", "sijill", *words], stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    try:
        for line in process.stderr:
            if line.startswith(READY):
                yield line.removeprefix(READY).strip()
                break
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(STOP_SECONDS)
        process.stderr.close()


def findings(url: str) -> tuple[list[str], int]:
    """What a whole check over HTTP finds, and how many leaves it read."""
    found: list[str] = []
    with Client(url) as client:
        trust = Trust(
            ledger=client.identity.ledger,
            log_keys=client.identity.log_keys,
            acts=audit.act_rules(),
        )
        summary = audit.check(HttpSource(client), trust, lambda one: found.append(one.code))
    return found, summary.leaves


def test_a_mirror_serves_on_when_its_origin_is_gone(ledger_folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    with serving(ledger_folder) as served:
        index = covered(served)
        ledger = served.anybody().identity.ledger.hex()
        words = ["mirror", str(copy), "--from", served.url, "--once"]
        subprocess.run([sys.executable, "-m", "sijill", *words], check=True, stdout=subprocess.PIPE)
        held = Exported(copy).size
        assert held > index
        origin = served.url

    with mirroring(origin, copy) as address:
        assert findings(address) == ([], held)
        with Client(address, state=tmp_path / "auditor") as client:
            assert client.checkpoint().size == held
            assert client.checkpoint().size == held
            proof = client.get("/v1/proofs/inclusion", index=index)
            assert proof["size"] == held
            old: dict[str, Any] = {"from": 1}
            assert client.get("/v1/proofs/consistency", **old)["new_root"] == proof["root"]
        checked = subprocess.run(
            [
                sys.executable,
                ROOT / "examples" / "check_log.py",
                "--url",
                address,
                "--ledger",
                ledger,
            ],
            check=False,
            capture_output=True,
            text=True,
        )
        assert checked.returncode == 0, checked.stdout + checked.stderr
        # And another mirror may follow this one.
        assert Mirroring(address, tmp_path / "second", Output(Talk())).step().size == held


def test_a_mirror_follows_growth_and_refuses_what_does_not_prove_itself(
    served: Served, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    first = follow(served, copy)
    index = covered(served)
    with (
        changed(served.folder, "events", "body", index),
        Client(served.url, key=None) as client,
    ):
        # The body is not open to the mirror; a changed header would be seen.
        assert client.text("/log/checkpoint")
    with changed(served.folder, "events", "header", index), pytest.raises(Untrustworthy):
        follow(served, copy)

    assert Exported(copy).size == first
    assert any((copy / ".suspect").iterdir())
    assert follow(served, copy) > index


class Stumbling(Mirroring):
    """A mirror whose steps end as they are told to; after the last one it stops."""

    def __init__(self, folder: Path, *ends: Exception | Grown) -> None:
        super().__init__("http://ledger.test", folder, Output(Talk()), every_seconds=0.001)
        self.ends = list(ends)

    def step(self) -> Grown:
        end = self.ends.pop(0)
        if not self.ends:
            self.stop()
        if isinstance(end, Exception):
            raise end
        return end


@pytest.mark.parametrize(
    "failure, told",
    [
        (Refused({"code": "index_unknown", "status": 404}), "index_unknown"),
        (Refused({"code": "not_a_ledger", "status": 502}), "not_a_ledger"),
        (Unreachable("gone"), "ledger_unreachable"),
        (OSError(28, "No space left on device"), "No space left on device"),
        (NotExported("tile/0/000"), "input_log_missing"),
        (CopyInUse("copy"), "copy_in_use"),
    ],
)
def test_a_mirror_follows_again_after_what_is_no_contradiction(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], failure: Exception, told: str
) -> None:
    grown, still = Grown(0, 7, bytes(32)), Grown(7, 7, bytes(32))
    mirror = Stumbling(tmp_path, failure, failure, grown, failure, still)

    assert mirror.run("127.0.0.1", None) == 0

    assert mirror.ends == []
    # Once for each time that it began, and not for each try.
    assert " ".join(capsys.readouterr().err.split()).count(told) == 2


def test_a_mirror_ends_with_a_contradiction(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mirror = Stumbling(tmp_path, Untrustworthy("two roots"), Grown(0, 0, bytes(32)))

    assert mirror.run("127.0.0.1", None) == 6
    assert (len(mirror.ends), "two roots" in capsys.readouterr().err) == (1, True)


def test_a_mirrors_folder_is_one_ledgers(tmp_path: Path) -> None:
    """Begun, and killed before anything was held: what it was begun with is pinned."""
    with connect(StandIn(), tmp_path / ".state") as first:
        assert HttpOrigin(first).told().keys == first.identity.log_keys
    with (
        connect(StandIn(ledger=bytes(32)), tmp_path / ".state") as other,
        pytest.raises(Untrustworthy, match="another ledger"),
    ):
        HttpOrigin(other).told()


@pytest.mark.parametrize(
    "path, answer",
    [
        ("/v1/ledger", "<html>Be patient</html>"),
        ("/v1/ledger", '{"status": "ok"}'),
        ("/log/checkpoint", "<html>Be patient</html>"),
        ("/log/checkpoints", "<html>Be patient</html>"),
    ],
)
def test_what_answers_between_is_not_the_ledger(path: str, answer: str) -> None:
    """A page of a proxy is neither a contradiction nor an empty log."""

    def answered(request: httpx2.Request) -> httpx2.Response:
        assert request.url.path == path
        return httpx2.Response(200, text=answer)

    transport = httpx2.MockTransport(answered)
    with Client("http://ledger.test", transport=transport) as client:
        origin = HttpOrigin(client)
        asked: dict[str, Callable[[], object]] = {
            "/v1/ledger": origin.told,
            "/log/checkpoint": origin.newest,
            "/log/checkpoints": lambda: list(origin.checkpoints(0)),
        }
        with pytest.raises(Refused) as refused:
            asked[path]()
    assert refused.value.code == "not_a_ledger"


def test_only_a_ledger_without_a_checkpoint_shows_none() -> None:
    """Whoever may not ask must not come out of a check with an empty log, and clean."""
    status = 404
    transport = httpx2.MockTransport(lambda _: problem("not_found", status))
    with Client("http://ledger.test", transport=transport) as client:
        for asked in (HttpOrigin(client), HttpSource(client)):
            status = 404
            assert asked.newest() is None
            status = 403
            with pytest.raises(Refused):
                asked.newest()


def test_answers_without_their_members_are_no_contradiction(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(HttpOrigin, "told", lambda _: Told({"ledger": "ab"}, ()))

    with pytest.raises(Refused) as refused:
        Mirroring("http://ledger.test", tmp_path, Output(Talk())).step()

    assert refused.value.code == "not_a_ledger"


@pytest.fixture
def answers(served: Served, tmp_path: Path) -> httpx2.Client:
    covered(served)
    follow(served, tmp_path / "copy")
    transport = httpx2.ASGITransport(Mirror(Exported(tmp_path / "copy")).application())
    return _Sync(transport)  # type: ignore[return-value]  # answers `get` alike


class _Sync:
    """A client for an application in this process."""

    def __init__(self, transport: httpx2.ASGITransport) -> None:
        self._transport = transport

    def get(self, path: str) -> httpx2.Response:
        async def ask() -> httpx2.Response:
            async with httpx2.AsyncClient(
                transport=self._transport, base_url="http://mirror"
            ) as client:
                return await client.get(path)

        return asyncio.run(ask())


def test_a_mirror_answers_as_the_ledger_does(served: Served, answers: httpx2.Client) -> None:
    size = answers.get("/v1/proofs/inclusion?index=0").json()["size"]
    ledger = served.anybody()
    for path in (
        "/log/vkey",
        "/v1/ledger",
        f"/log/checkpoint/{size}",
        "/log/checkpoint?covers=0",
        f"/log/tile/entries/{0:03}.p/{min(size, 255)}",
        f"/log/tile/0/{0:03}.p/{min(size, 200)}",
        f"/log/tile/0/{0:03}.p/1",
        f"/v1/proofs/inclusion?index={size // 2}&size={size}",
        f"/v1/proofs/consistency?from={size // 3}&to={size}",
        "/v1/log/openings?from=2&to=9",
        "/log/checkpoints?limit=1",
    ):
        assert answers.get(path).content == ledger.text(path), path
    openings = answers.get("/v1/log/openings").json()
    assert openings["to"] == min(size, 1000)


@pytest.mark.parametrize(
    "path",
    [
        "/log/checkpoint/01",
        "/log/checkpoint/7777777",
        "/log/checkpoint?covers=x",
        "/log/tile/0/999",
        "/log/tile/0/0",
        "/log/tile/7/000",
        "/log/tile/entries/000.p/0",
        "/v1/proofs/inclusion",
        "/v1/proofs/inclusion?index=0&size=99999999",
        "/v1/proofs/consistency?from=-1",
        "/v1/log/openings?from=\u0661",
        "/v1/certificates",
    ],
)
def test_what_a_mirror_has_not_is_not_there(answers: httpx2.Client, path: str) -> None:
    assert answers.get(path).status_code == 404


def test_an_empty_mirror_has_nothing(tmp_path: Path) -> None:
    answers = _Sync(httpx2.ASGITransport(Mirror(Exported(tmp_path)).application()))

    for path in ("/log/checkpoint", "/log/checkpoints", "/v1/ledger", "/log/tile/0/000.p/1"):
        assert answers.get(path).status_code in {200, 404}
    assert answers.get("/log/checkpoints").json() == {"items": [], "next": None}
    for path in ("/log/checkpoint", "/log/vkey", "/v1/ledger"):
        assert answers.get(path).status_code == 404, path
        # In the form by which a client knows a ledger's word.
        assert answers.get(path).json()["type"] == "/problems/not_found"
