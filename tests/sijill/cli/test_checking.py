"""In which order a check brings its material and what it is held against."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from infrastructure.log.refusals import StoreFailure
from infrastructure.proofs.findings import Finding, Summary
from infrastructure.proofs.fsck import Trust
from infrastructure.proofs.material import Source
from sijill import audit
from sijill.cli import checking
from sijill.cli.log import Checked
from tests.infrastructure.proofs.paper_ledger import PaperSource
from tests.sijill.test_rules import ONE, TWO, Forger


def test_the_mark_is_read_before_the_view_of_the_database_is_fixed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Else what was sealed in between would be missing in a log that is as it should be."""
    ledger = Forger().found()
    ledger.seal(*ledger.log_keys)
    source, events = ledger.source(), list[str]()
    entries = source.entries

    def read(start: int = 0) -> Iterable[bytes]:
        events.append("read")
        return entries(start)

    @contextmanager
    def material(_: Checked) -> Iterator[checking.Material]:
        events.append("began")
        yield checking.Material(source, "paper")

    def trust(_: Checked) -> Trust:
        events.append("mark")
        return Trust(acts=audit.act_rules())

    given: Source = source
    monkeypatch.setattr(given, "entries", read)
    monkeypatch.setattr(checking, "material", material)
    monkeypatch.setattr(checking, "_trust", trust)
    for _ in range(2):
        events.clear()
        assert checking.check_log(Checked(since=tmp_path / "book")) == 0
        assert events[:3] == ["began", "mark", "read"]


class Beside:
    """What lies beside a log: from where on it was asked, and what it says."""

    def __init__(self) -> None:
        self.starts: list[int] = []
        self.fails = False
        self.altered: int | None = None

    def check(
        self, _: Path, summary: Summary, on_finding: Callable[[Finding], None], start: int
    ) -> None:
        self.starts.append(start)
        if self.altered is not None and self.altered >= start:
            summary.findings += 1
            on_finding(Finding("attachment_altered", self.altered))
        if self.fails:
            raise StoreFailure


@pytest.fixture
def ledger() -> Forger:
    ledger = Forger().found()
    ledger.certify(ONE)
    return ledger


@pytest.fixture
def beside(monkeypatch: pytest.MonkeyPatch, ledger: Forger) -> Beside:
    """A ledger's folder whose log is `ledger`."""

    @contextmanager
    def material(checked: Checked) -> Iterator[checking.Material]:
        ledger.notes.clear()
        ledger.seal(*ledger.log_keys)
        source: PaperSource = ledger.source()
        yield checking.Material(source, f"data {checked.data}")

    beside = Beside()
    monkeypatch.setattr(checking, "material", material)
    monkeypatch.setattr(checking, "_trust", lambda _: Trust(acts=audit.act_rules()))
    monkeypatch.setattr("sijill.attached.check_folder", beside.check)
    return beside


def test_what_lies_beside_the_log_is_gone_on_with_where_its_own_check_ended(
    beside: Beside, ledger: Forger, tmp_path: Path
) -> None:
    """A run that was cut off behind the log has looked at none of it."""
    checked = Checked(since=tmp_path / "book", data=tmp_path)
    first = len(ledger.leaves)
    beside.fails = True
    with pytest.raises(StoreFailure):
        checking.check_log(checked)
    ledger.certify(TWO)
    with pytest.raises(StoreFailure):
        checking.check_log(checked)
    beside.fails = False

    assert checking.check_log(checked) == 0
    ledger.withdraw(TWO)
    assert checking.check_log(checked) == 0
    assert checking.check_log(checked) == 0

    assert beside.starts == [0, 0, 0, first + 1, first + 2]
    # Another folder has other files beside the same log.
    elsewhere = Checked(since=tmp_path / "book", data=tmp_path / "copy")
    assert checking.check_log(elsewhere) == 0
    assert beside.starts[-1] == 0


def test_what_was_found_beside_the_log_is_told_again(
    beside: Beside, ledger: Forger, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checked = Checked(since=tmp_path / "book", data=tmp_path)
    beside.altered = len(ledger.leaves) - 1
    assert checking.check_log(checked) == 6
    ledger.certify(TWO)
    capsys.readouterr()

    for _ in range(2):
        assert checking.check_log(checked) == 6
        said = capsys.readouterr().out
        assert f"{beside.altered}  found_earlier" in said
        assert "1: attachment_altered" in said
