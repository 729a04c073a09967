"""The command line as somebody calls it, in this process, against a ledger really served."""

import io
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from infrastructure import keyfiles
from infrastructure.proofs.jwk import PrivateKey
from sijill import cli
from tests.serving import Agency, Served

SETTINGS = ("URL", "AGENCY", "KEY", "STATE", "LANGUAGE", "DATA", "DATABASE_URL")


@dataclass(frozen=True)
class Ran:
    """What a command line ended with."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]


class Shell:
    """Calls `sijill` with arguments; `environment` holds what is set besides."""

    def __init__(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        self.folder = folder
        self.settle: Callable[[], int] = lambda: 0
        self._monkeypatch = monkeypatch
        self._capsys = capsys
        for name in SETTINGS:
            monkeypatch.delenv(f"SIJILL_{name}", raising=False)
        for name in ("LC_ALL", "LC_MESSAGES", "NO_COLOR"):
            monkeypatch.delenv(name, raising=False)
        self.set(LANG="C", HOME=str(folder), XDG_STATE_HOME=str(folder / "home"))

    def set(self, **environment: str) -> None:
        for name, value in environment.items():
            self._monkeypatch.setenv(name, value)

    def __call__(self, *arguments: str | Path, stdin: str = "") -> Ran:
        self.settle()
        data = io.TextIOWrapper(io.BytesIO(stdin.encode()), encoding="utf-8")
        self._monkeypatch.setattr(sys, "stdin", data)
        self._capsys.readouterr()
        code = cli.run([str(one) for one in arguments])
        said = self._capsys.readouterr()
        return Ran(code, said.out, said.err)

    def file(self, name: str, value: Any) -> Path:
        path = self.folder / name
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        path.write_text(text)
        return path

    def key(self, name: str, key: PrivateKey | None = None) -> Path:
        """A key file in this shell's folder."""
        path = self.folder / f"{name}.pem"
        keyfiles.create_private_key(path, key)
        return path


@pytest.fixture
def shell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Shell:
    """A shell that knows no ledger."""
    return Shell(tmp_path, monkeypatch, capsys)


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients do not wait between tries."""
    monkeypatch.setattr("sijill.client.wire.time.sleep", lambda _: None)


@pytest.fixture(scope="module")
def agency(served: Served) -> Agency:
    """A linked agency of this module's own."""
    return served.agency()


@pytest.fixture
def office(shell: Shell, served: Served, agency: Agency) -> Shell:
    """A shell at the agency: address, key and agency are set."""
    path = shell.key("agency", agency.key)
    shell.settle = served.settle
    shell.set(SIJILL_URL=served.url, SIJILL_KEY=str(path), SIJILL_AGENCY=agency.name)
    return shell


@pytest.fixture
def founder(shell: Shell, served: Served) -> Shell:
    """A shell at the operator, with the other authority's key at hand as `comsec.pem`."""
    for name in ("ndc", "comsec"):
        shell.key(name, keyfiles.load_private_key(served.folder / "keys" / f"{name}.pem"))
    shell.settle = served.settle
    shell.set(SIJILL_URL=served.url, SIJILL_KEY=str(shell.folder / "ndc.pem"))
    return shell


_numbers = iter(range(1, 1_000_000))


def letter(**changes: Any) -> dict[str, Any]:
    """What `certificate issue` reads: a support letter with a number of its own."""
    whole: dict[str, Any] = {
        "type": "support_letter",
        "unit": "cli",
        "series": "general",
        "number": f"{next(_numbers)}/2026",
        "date": "2026-11-02",
        "language": "ar",
        "fields": {"holder_name": "حامل 0001", "supported_fact": "تأييد سكن"},
    }
    return {**whole, **changes}


def ndjson(items: Sequence[Mapping[str, Any]]) -> str:
    return "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in items)
