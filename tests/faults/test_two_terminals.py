"""Two agencies, two terminals: one letter with a large attachment, and a server that is killed.

Everything is said on the command line, as registrars would. `kill -9` falls in the middle of the
upload, between an append and its acknowledgement, and in the middle of an append.
"""

import base64
import filecmp
import json
import os
import random
import signal
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import pytest

from infrastructure import keyfiles, postgres
from infrastructure.postgres import Role
from infrastructure.proofs.leaf import split_body
from infrastructure.proofs.receipts import open_receipt
from sijill.cli.codes import DONE, NOT_READY
from sijill.client import Client
from tests.faults.kills import kill_at, stand_at
from tests.faults.service import Kind, Service
from tests.processes import peak_kib, telling_its_peak, until

CHUNK = 1 << 20
CHUNKS = 50
# Less than half of the attachment: whoever held it whole would be over it at once.
FLAT_KIB = 24 * 1024
RUN_SECONDS = 240


@dataclass
class Terminal:
    """One agency's command line; `peaks` is what its processes held at most, in KiB."""

    service: Service
    folder: Path
    peaks: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.agency = self.service.served.agency()
        keyfiles.create_private_key(self.folder / f"{self.name}.pem", self.agency.key)

    @property
    def name(self) -> str:
        return self.agency.name

    @property
    def state(self) -> Path:
        return self.folder / f"{self.name}.state"

    def says(self, *words: str) -> Any:
        """Run a command until it is done: a server that is away is no failure, but a wait."""
        options = ["--url", self.service.url, "--key", str(self.folder / f"{self.name}.pem")]
        command = telling_its_peak(*words, *options, "--output", "json")
        code = NOT_READY
        while code == NOT_READY:
            ran = subprocess.run(
                command, check=False, capture_output=True, text=True, timeout=RUN_SECONDS
            )
            code = ran.returncode
        assert code == DONE, ran.stdout + ran.stderr
        *lines, peak = ran.stdout.splitlines()
        self.peaks.append(int(peak))
        return json.loads("\n".join(lines))

    def meanwhile(self, *words: str) -> "Saying":
        """The same, while the test does something else."""
        return Saying(self, words)

    def letter(self, name: str, to: str, size: int) -> Path:
        """The file of a letter with one attachment of this size."""
        annex = self.folder / f"{name}.annex"
        with annex.open("wb") as file:
            file.write(name.encode())
            file.truncate(size)
        path = self.folder / f"{name}.json"
        said = {"unit": "registry", "series": "letters", "number": f"{name}/1", "language": "ar"}
        more = {"date": "2026-11-20", "subject": "طلب", "to": [to], "attachments": [annex.name]}
        path.write_text(json.dumps({**said, **more}))
        return path

    def client(self) -> Client:
        """The same agency over the same state, for what is to be proven."""
        return Client(self.service.url, agency=self.name, key=self.agency.key, state=self.state)


class Saying:
    """A command that runs in a thread; leaving the block waits for it."""

    def __init__(self, terminal: Terminal, words: tuple[str, ...]) -> None:
        self._thread = threading.Thread(target=self._run, args=(terminal, words))
        self._answers: list[Any] = []

    def _run(self, terminal: Terminal, words: tuple[str, ...]) -> None:
        self._answers.append(terminal.says(*words))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join(RUN_SECONDS)

    @property
    def answer(self) -> Any:
        """What it answered.

        Raises:
            AssertionError: it ended badly, which the thread has told.
        """
        assert self._answers, "the command was not done"
        return self._answers[0]


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with Service.founded(tmp_path / "two", workers=1, synced=False) as service:
        yield service


def test_a_letter_with_a_large_attachment_survives_a_server_that_is_killed(
    service: Service, tmp_path: Path
) -> None:
    sender, receiver = Terminal(service, tmp_path), Terminal(service, tmp_path)
    small = sender.says("transfer", "dispatch", str(sender.letter("small", receiver.name, 9)))
    fetch(receiver, sender, small, tmp_path / "small.copy")
    worker_before = [peak_of_worker(service)]
    before = {one.name: max(one.peaks) for one in (sender, receiver)}
    letter = sender.letter("large", receiver.name, CHUNKS * CHUNK)

    with sender.meanwhile("transfer", "dispatch", str(letter)) as dispatched:
        until(lambda: stored(service) >= CHUNKS // 5, "no chunk arrives")
        peaks = [peak_of_worker(service)]
        assert stored(service) < CHUNKS
        service.kill(Kind.SUPERVISOR, random.Random(1))
        # The letter's registration is recorded, and nobody is told.
        worker = stand_at(service, "committer.batch_committed")
        peaks.append(peak_of_worker(service))
        os.kill(worker, signal.SIGKILL)
        service.kill(Kind.SUPERVISOR, random.Random(2))
    large = dispatched.answer
    assert stored(service) == CHUNKS + 1

    [sent] = large["consignments"]
    on = (sender.name, sent["consignment"])
    receiver.says("transfer", "open", *on)
    place = ("--unit", "diwan", "--series", "in", "--number", "901", "--date", "2026-11-21")
    receiver.says("transfer", "register", *on, *place)
    receiver.says("transfer", "annotate", *on, "للاطلاع")
    receiver.says("transfer", "refer", *on, "legal", "--note", "للدراسة")
    answer = receiver.letter("answer", sender.name, 9)
    with receiver.meanwhile("transfer", "reply", *on, str(answer)) as replied:
        kill_at(service, "append.events_inserted")
    assert replied.answer["consignments"][0]["problem"] is None
    receiver.says("transfer", "close", *on, "--reason", "answered")
    fetch(receiver, sender, large, tmp_path / "large.copy")
    peaks.append(peak_of_worker(service))

    assert filecmp.cmp(tmp_path / "large.copy", tmp_path / "large.annex", shallow=False)
    assert said_of(sender, sent["consignment"]) == [
        "registered_outgoing",
        "dispatched",
        "opened",
        "registered_incoming",
        "closed",
    ]
    check_nothing_is_lost_or_doubled(service, sender, receiver)
    assert max(peaks) - max(worker_before) < FLAT_KIB, "the server"
    for one in (sender, receiver):
        assert max(one.peaks) - before[one.name] < FLAT_KIB, f"the client of {one.name}"


def fetch(receiver: Terminal, sender: Terminal, sent: Any, into: Path) -> None:
    """The receiver downloads the letter's attachment."""
    with receiver.client() as client:
        [one] = client.get(f"/v1/transfers/{sender.name}/{sent['letter']}/attachments")["items"]
    receiver.says("attachment", "download", one["attachment"], "--into", str(into))


def said_of(sender: Terminal, consignment: str) -> list[str]:
    """What the sender's own command line tells of a letter."""
    told = sender.says("transfer", "where", sender.name, consignment)["items"]
    return [one["event"] for one in told]


def stored(service: Service) -> int:
    """How many chunks the ledger has acknowledged."""
    with postgres.connect(service.urls.service, Role.SERVICE, autocommit=True) as connection:
        [[found]] = connection.execute("SELECT count(*) FROM vault.attachment_chunks").fetchall()
    return int(found)


def peak_of_worker(service: Service) -> int:
    """The most that the one worker has held, in KiB."""
    [worker] = service.processes(Kind.WORKER)
    return peak_kib(worker)


def check_nothing_is_lost_or_doubled(service: Service, *terminals: Terminal) -> None:
    """Every receipt that was given is proven, and each act stands in the log once."""
    size = service.served.settle()
    service.served.anybody().text(f"/log/checkpoint?covers={size - 1}")
    for terminal in terminals:
        with terminal.client() as client:
            head = client.checkpoint()
            assert client.state is not None
            receipts = list(client.state.receipts())
            assert len(receipts) >= 2
            for text in receipts:
                client.prove(open_receipt(text, [client.identity.receipts]), head)
            assert client.state.journaled() == []
    window: dict[str, Any] = {"from": 0, "to": size}
    page = service.served.founder("comsec").get("/v1/log/openings", **window)
    assert page["next"] is None
    statements = [
        json.loads(split_body(base64.b64decode(one["body"])).statement) for one in page["openings"]
    ]
    acts = Counter(said["act"] for said in statements if said["act"].startswith("transfer."))
    assert acts == {
        "transfer.register_outgoing": 3,
        "transfer.dispatch": 3,
        "transfer.open": 1,
        "transfer.register": 1,
        "transfer.annotate": 1,
        "transfer.refer": 1,
        "transfer.close": 1,
    }
