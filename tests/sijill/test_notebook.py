"""What a check remembers is the same in memory, in a file, and after it was cut off."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sijill.notebook import FORMAT, Notebook, NotebookUnusable, notebook

KEYS = st.binary(min_size=12, max_size=20)
STEPS = st.lists(st.tuples(st.sampled_from("ab"), KEYS, st.none() | st.binary(max_size=9)))


@given(steps=STEPS, held=st.integers(1, 5))
def test_it_is_a_dictionary_wherever_it_keeps_its_entries(
    steps: list[tuple[str, bytes, bytes | None]], held: int
) -> None:
    book, plain = Notebook(held=held), dict[tuple[str, bytes], bytes | None]()
    try:
        for space, key, value in steps:
            if value is None:
                book.drop(space, key)
            else:
                book.put(space, key, value)
            plain[space, key] = value
        for _, key, _ in steps:
            for either in "ab":
                assert book.get(either, key) == plain.get((either, key))
    finally:
        book.close()


def test_what_was_kept_is_there_again_and_what_was_not_is_not(tmp_path: Path) -> None:
    path, key = tmp_path / "book", b"k" * 16
    with notebook(path) as book:
        assert book.state() is None
        book.put("a", key, b"1")
        book.keep({"format": FORMAT, "size": 1})
        book.put("a", key, b"2")
    with notebook(path) as book:
        assert book.get("a", key) == b"1"
        assert book.state() == {"format": FORMAT, "size": 1}


def test_a_file_that_is_none_or_of_another_release_is_refused(tmp_path: Path) -> None:
    strange, other = tmp_path / "strange", tmp_path / "other"
    strange.write_bytes(b"no database at all, but long enough to be taken for one" * 100)
    with notebook(other) as book:
        book.keep({"format": FORMAT + 1})
    for path in (strange, other):
        with pytest.raises(NotebookUnusable):
            Notebook(path)
