import importlib.resources

import pytest

from infrastructure.log import queries


def test_statements_are_found_by_name() -> None:
    assert "ledger.append(" in queries.QUERIES["append"]
    assert queries.QUERIES["size"] == "SELECT size FROM ledger.head"


def test_two_statements_of_one_name_are_refused(
    tmp_path: importlib.resources.abc.Traversable, monkeypatch: pytest.MonkeyPatch
) -> None:
    twice = "-- name: one\nSELECT 1;\n\n-- name: one\nSELECT 2;\n"
    tmp_path.joinpath("twice.sql").write_text(twice)  # type: ignore[attr-defined]  # a Path
    monkeypatch.setattr(queries, "files", lambda _: tmp_path)
    with pytest.raises(ValueError, match="two statements named one"):
        queries.load("anywhere", "twice.sql")
