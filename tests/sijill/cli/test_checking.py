"""In which order a check brings its material and what it is held against."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from infrastructure.proofs.fsck import Trust
from infrastructure.proofs.material import Source
from sijill import audit
from sijill.cli import checking
from sijill.cli.log import Checked
from tests.sijill.test_rules import Forger


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
