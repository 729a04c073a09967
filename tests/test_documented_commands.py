"""Documented commands are run: every `sh` block of docs/how-to, in order, on one served ledger.

Only the address differs from the page: the ledger is served on whatever port is free.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests import documents
from tests.serving import READY, START_SECONDS, STOP_SECONDS
from tests.test_documents import trust_table

HOW_TO = documents.ROOT / "docs" / "how-to"
ADDRESS = "http://127.0.0.1:8080"
BIN = Path(sys.executable).parent
# Ends what hangs; the longest pages take minutes where other work runs.
PAGE_SECONDS = 400


@dataclass
class Reader:
    """Somebody who follows the pages: her folder, her environment, the ledger that she serves."""

    folder: Path
    stack: ExitStack
    address: str = ADDRESS
    read: list[str] = field(default_factory=list)

    def follow(self, page: str) -> None:
        """Run a page's blocks as one script, so that its variables live on from block to block."""
        before: list[str] = []
        for block in documents.blocks(HOW_TO / f"{page}.md"):
            if block.kind == "sh serve":
                self._run(page, before)
                before = []
                self.address = self.stack.enter_context(self._served(block.text))
            elif block.kind == "sh":
                before.append(block.text)
        self._run(page, before)
        self.read.append(page)

    def _run(self, page: str, texts: list[str]) -> None:
        script = "\n".join(["set -eux", *texts]).replace(ADDRESS, self.address)
        done = subprocess.run(
            ["/bin/sh", "-c", script],
            check=False,
            cwd=self.folder,
            env=self._environment(),
            capture_output=True,
            text=True,
            timeout=PAGE_SECONDS,
        )
        assert done.returncode == 0, f"{page}: {done.stderr[-3000:]}"

    @contextmanager
    def _served(self, command: str) -> Iterator[str]:
        words = re.sub(r"--port \d+", "--port 0", command).split()
        process = subprocess.Popen(
            words, cwd=self.folder, env=self._environment(), stderr=subprocess.PIPE, text=True
        )
        ready = threading.Event()
        said: list[str] = []

        def listen() -> None:
            # To the end, because a pipe that nobody reads would stop the ledger one day.
            for line in process.stderr or ():
                if line.startswith(READY):
                    said.append(line.removeprefix(READY).strip())
                    ready.set()
            ready.set()

        listener = threading.Thread(target=listen, daemon=True)
        listener.start()
        try:
            assert ready.wait(START_SECONDS), "not ready in time"
            assert said, "not ready"
            yield said[0]
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(STOP_SECONDS)
            finally:
                process.kill()
                listener.join()
                assert process.stderr is not None
                process.stderr.close()

    def _environment(self) -> dict[str, str]:
        kept = {name: text for name, text in os.environ.items() if not name.startswith("SIJILL_")}
        path = f"{BIN}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
        home = self.folder / "home"
        return {**kept, "PATH": path, "HOME": str(home), "XDG_STATE_HOME": str(home / "state")}


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    folder = tmp_path_factory.mktemp("reader")
    (folder / "home").mkdir()
    (folder / "examples").symlink_to(documents.ROOT / "examples")
    with ExitStack() as stack:
        yield Reader(folder, stack)


@pytest.mark.parametrize("page", documents.RUN_PAGES)
def test_a_page_can_be_followed(page: str, reader: Reader) -> None:
    told = "".join(block.text for block in documents.blocks(HOW_TO / f"{page}.md"))
    if "curl " in told and shutil.which("curl") is None:
        pytest.skip("no curl (Debian: apt-get install curl)")
    if page != documents.RUN_PAGES[0] and documents.RUN_PAGES[0] not in reader.read:
        reader.follow(documents.RUN_PAGES[0])

    reader.follow(page)


def test_every_how_to_is_run_or_says_that_it_is_for_elsewhere() -> None:
    kinds = {page.stem: {b.kind for b in documents.blocks(page)} for page in HOW_TO.glob("*.md")}

    assert set(documents.RUN_PAGES) == {stem for stem, kind in kinds.items() if "sh" in kind}
    told = {one for kind in kinds.values() for one in kind}
    assert told <= {"sh", "sh serve", "sh elsewhere", "sql"}


def test_the_trust_table_names_every_file_of_the_data_folder(reader: Reader) -> None:
    """After the pages were followed, so that whatever a ledger writes has been written."""
    if documents.RUN_PAGES[0] not in reader.read:
        reader.follow(documents.RUN_PAGES[0])
    folder = reader.folder / "ledger"
    patterns = {word.rstrip("/") for word in re.findall(r"`([^`]+)`", trust_table())}
    inside = [path for part in ("keys", "postgresql") for path in (folder / part).iterdir()]
    found = {path.relative_to(folder) for path in (*folder.iterdir(), *inside)}
    found -= {Path("keys"), Path("postgresql")}
    # A client keeps its state beside the key that it signs with.
    written = [path for path in sorted(found) if path.suffix != ".state"]

    assert len(written) > 10
    assert [path for path in written if not any(map(path.match, patterns))] == []
