"""The long form says which round failed, and takes the seed that it is given."""

from pathlib import Path

import pytest

from tests.faults import again

ROUND = """
import os

def test_of_this_seed():
    assert os.environ["SIJILL_FAULT_SEED"] == "7"
"""


def test_a_round_runs_under_its_seed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "test_round.py").write_text(ROUND)
    monkeypatch.setitem(again.KINDS, "made", str(tmp_path / "test_round.py"))

    assert "1 passed" in again.run_once("made", 7)
    with pytest.raises(SystemExit, match="made, seed 8"):
        again.run_once("made", 8)


def test_every_kind_has_its_rounds() -> None:
    folder = Path(again.__file__).parent
    assert all((folder / name).is_file() for name in again.KINDS.values())
