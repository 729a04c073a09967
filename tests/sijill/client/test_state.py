import stat
from pathlib import Path

import pytest

from sijill.client import Client, State, commit
from sijill.client.outbox import Outbox
from tests.sijill.client.standin import REVOKE, line


def test_the_folder_is_its_owners_alone(tmp_path: Path) -> None:
    state = State(tmp_path / "state")

    for folder in ("journal", "receipts", "waiting", "suspect"):
        assert stat.S_IMODE((state.folder / folder).stat().st_mode) == 0o700
    assert stat.S_IMODE(state.folder.stat().st_mode) == 0o700
    path = state.write("ledger.json", b"{}")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with state.locked():
        assert stat.S_IMODE((state.folder / "lock").stat().st_mode) == 0o600


def test_marks_tell_nothing_without_the_folders_secret(tmp_path: Path) -> None:
    one, other = State(tmp_path / "one"), State(tmp_path / "other")

    assert one.mark(b"holder") == State(tmp_path / "one").mark(b"holder")
    assert one.mark(b"holder") != other.mark(b"holder")
    assert one.mark(b"holder") != one.mark(b"holder 2")


def test_every_value_of_a_statement_is_committed_with_a_salt_of_its_own() -> None:
    claims, texts = commit({"holder_name": "حامل 0001", "grade": "حامل 0001"})
    again, _ = commit({"holder_name": "حامل 0001"})

    assert claims["holder_name"] != claims["grade"]
    assert claims["holder_name"] != again["holder_name"]
    assert len(texts) == 2


def test_a_request_that_is_settled_while_the_journal_is_read_is_passed_over(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By another process: it was answered there, and here something else was recorded meanwhile."""
    settled, left = (client.prepare(REVOKE, [line()]) for _ in range(2))
    state = client.state
    assert state is not None
    listed = Path.glob

    def glob(folder: Path, pattern: str) -> list[Path]:
        found = list(listed(folder, pattern))
        state.settle(settled)
        (state.folder / "outbox" / "1-one.json").unlink(missing_ok=True)
        return found

    state.write("outbox/1-one.json", b"{}")
    monkeypatch.setattr(Path, "glob", glob)

    assert state.journaled() == [left]
    assert Outbox(state).waiting() == []
