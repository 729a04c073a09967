import stat
from pathlib import Path

from sijill.client import State, commit


def test_the_folder_is_its_owners_alone(tmp_path: Path) -> None:
    state = State(tmp_path / "state")

    for folder in ("journal", "receipts", "waiting", "suspect"):
        assert stat.S_IMODE((state.folder / folder).stat().st_mode) == 0o700
    path = state.write("ledger.json", b"{}")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


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
