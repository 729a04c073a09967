"""The demonstration as a newcomer runs it: in a process of its own, watched and unwatched."""

import json
import os
import pty
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import httpx2
import pytest
from rich.cells import cell_len

from sijill import demo
from sijill.cli.options import Talk
from sijill.cli.output import COLUMNS, Output
from sijill.demo.ending import Ending, Steps, Stopped

SECONDS = 180
Language = Literal["ar", "ckb", "en"]
COMMAND = [sys.executable, "-m", "sijill", "demo"]
COLOUR = re.compile("\x1b\\[[0-9;]*m")
VERDICTS = {
    "matching": ("valid", "in_force_fields_match"),
    "wrong_name": ("not_valid", "content_mismatch"),
    "revoked": ("withdrawn", "revoked"),
    "suspended": ("withdrawn", "suspended"),
    "voided": ("not_valid", "voided"),
    "superseded": ("withdrawn", "superseded"),
    "succeeded": ("withdrawn", "superseded"),
}


@dataclass(frozen=True)
class Told:
    """What an unwatched demonstration said."""

    found: dict[str, Any]
    talk: str
    code: int


def surroundings(folder: Path, **more: str) -> dict[str, str]:
    """The environment of somebody whose temporary files lie in `folder`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SIJILL_")}
    return {**kept, "TMPDIR": str(folder), "LANG": "C", **more}


@pytest.fixture
def temporary() -> Iterator[Path]:
    """A folder for temporary files with a short name, as they have: sockets lie in it."""
    with tempfile.TemporaryDirectory(prefix="s-", dir="/tmp") as folder:
        yield Path(folder)


@pytest.fixture(scope="module")
def told() -> Iterator[Told]:
    """An unwatched run, where the environment names somebody's database: that one is let alone."""
    with tempfile.TemporaryDirectory(prefix="s-", dir="/tmp") as folder:
        yield unwatched(Path(folder))


def unwatched(folder: Path) -> Told:
    environment = surroundings(folder, SIJILL_DATABASE_URL="postgresql://nobody@127.0.0.1:1/theirs")
    ran = subprocess.run(
        [*COMMAND, "--no-serve", "--port", "0", "--output", "json"],
        capture_output=True,
        env=environment,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert list(folder.iterdir()) == []
    return Told(json.loads(ran.stdout), ran.stderr, ran.returncode)


def test_a_thousand_certificates_of_real_bodies(told: Told) -> None:
    assert told.found["agencies"] > 100
    assert told.found["certificates"] == 1_000
    assert told.found["checkpoint_size"] > 1_000 + 2 * told.found["agencies"]
    assert told.found["seconds"] < SECONDS


def test_each_document_is_answered_with_its_reason(told: Told) -> None:
    answers = {one["case"]: (one["outcome"], one["reason"]) for one in told.found["verdicts"]}

    assert answers == VERDICTS
    for one in told.found["verdicts"]:
        assert one["code"] in told.talk
        assert f"[{one['reason']}]" in told.talk


def test_authenticity_is_asked_of_the_ledger_and_of_a_captured_register(told: Told) -> None:
    answers = {one["case"]: (one["state"], one["finding"]) for one in told.found["authenticity"]}

    assert answers == {
        "attested": ("attested", "genuine"),
        "genuine": ("answered", "genuine"),
        "not_found": ("answered", "not_found"),
        "outside_coverage": ("answered", "outside_coverage"),
    }
    for one in told.found["authenticity"]:
        assert (one["certificate"] is not None) == (one["finding"] == "genuine")
        assert one["request"] in told.talk


def test_the_changed_byte_is_found_and_nothing_else(told: Told) -> None:
    [finding] = told.found["findings"]

    changed = re.search(r"changing one stored\s+byte of event ([0-9]+)", told.talk)
    assert changed is not None
    assert finding == {"code": "body_digest_mismatch", "index": int(changed[1])}


def test_progress_is_told_with_its_rate(told: Told) -> None:
    assert f"The ledger serves at {told.found['url']}" in told.talk
    assert re.findall(r"^lines done: 1000, a second: [1-9]", told.talk, re.MULTILINE)


@pytest.mark.parametrize("language", get_args(Language))
@pytest.mark.parametrize("serve,kept", [(True, False), (False, True), (False, False)])
def test_it_ends_with_about_ten_lines_that_fit_a_terminal(
    told: Told, language: Language, *, serve: bool, kept: bool
) -> None:
    output = Output(Talk(language=language))
    found = {**told.found, "url": "http://127.0.0.1:65535", "data": "/srv/sijill-demo"}

    lines = [*demo._done(output, found), *demo._next(found, serve=serve, kept=kept)]

    assert 10 <= len(lines) <= 12
    assert [line for line in lines if cell_len(line) > COLUMNS] == []
    assert found["verdicts"][0]["code"] in "\n".join(lines)
    assert found["url"] in lines[0]


def test_on_a_terminal_it_serves_until_it_is_stopped(temporary: Path) -> None:
    with on_a_terminal(surroundings(temporary, LANG="ar_IQ.UTF-8")) as terminal:
        terminal.until("Ctrl-C")

        lines = terminal.lines()
        assert [line for line in lines if cell_len(line) > COLUMNS] == []
        asked = next(line for line in lines if "/v1/verify/" in line)
        address = asked.split()[1]
        assert httpx2.get(address).json()["outcome"] == "valid"
        os.killpg(terminal.process.pid, signal.SIGINT)

        assert terminal.process.wait(SECONDS) == 0
    assert list(temporary.iterdir()) == []
    with pytest.raises(httpx2.ConnectError):
        httpx2.get(address)


def test_whoever_ends_it_early_leaves_nothing_behind(temporary: Path) -> None:
    with on_a_terminal(surroundings(temporary)) as terminal:
        terminal.until("The ledger serves at ")
        terminal.process.send_signal(signal.SIGTERM)

        assert terminal.process.wait(SECONDS) == 130
    assert list(temporary.iterdir()) == []
    address = re.search("http://127.0.0.1:[0-9]+", terminal.text)
    assert address is not None
    with pytest.raises(httpx2.ConnectError):
        httpx2.get(f"{address[0]}/livez")


def test_a_signal_that_a_finaliser_swallowed_ends_it_at_the_next_step() -> None:
    ending = Ending()
    steps = Steps(Output(Talk()), ending)
    steps.step()
    with suppress(Stopped):  # as Python does with what is raised in a finaliser
        ending.ask(signal.SIGTERM, None)

    with pytest.raises(Stopped):
        steps.step()


def test_a_port_that_was_asked_for_and_is_taken_is_told_before_anything_is_made(
    tmp_path: Path,
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        ran = subprocess.run(
            [*COMMAND, "--data", tmp_path / "kept", "--port", port, "--output", "json"],
            capture_output=True,
            env=surroundings(tmp_path),
            text=True,
            check=False,
        )

    assert ran.returncode == 3
    assert json.loads(ran.stdout)["problem"]["code"] == "address_taken"
    assert not (tmp_path / "kept").exists()


def test_where_the_usual_port_is_taken_another_one_is(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        monkeypatch.setattr(demo, "PORT", taken.getsockname()[1])

        assert demo._free_port(None) == 0


class Terminal:
    """A command on a terminal of its own, and everything that it wrote there."""

    def __init__(self, process: "subprocess.Popen[bytes]", master: int) -> None:
        self.process = process
        self.text = ""
        self._changed = threading.Condition()
        self._ended = False
        self._reader = threading.Thread(target=self._read, args=(master,))
        self._reader.start()

    def until(self, words: str) -> None:
        """Return when these words were written."""
        with self._changed:
            self._changed.wait_for(lambda: words in self.text or self._ended, SECONDS)
        assert words in self.text

    def lines(self) -> list[str]:
        """What stands on the screen: without colours, and rewritten lines as they are at last."""
        plain = COLOUR.sub("", self.text).replace("\r\n", "\n")
        return [line.rpartition("\r")[2] for line in plain.split("\n")]

    def join(self) -> None:
        """Return when everything was read."""
        self._reader.join()

    def _read(self, master: int) -> None:
        data = b""
        while True:
            try:
                more = os.read(master, 65_536)
            except OSError:
                more = b""
            data += more
            with self._changed:
                self.text = data.decode(errors="ignore")
                self._ended = not more
                self._changed.notify_all()
            if not more:
                return


@contextmanager
def on_a_terminal(environment: dict[str, str]) -> Iterator[Terminal]:
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [*COMMAND, "--port", "0"],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env=environment,
        start_new_session=True,
    )
    os.close(slave)
    terminal = Terminal(process, master)
    try:
        yield terminal
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(SECONDS)
        terminal.join()
        os.close(master)
