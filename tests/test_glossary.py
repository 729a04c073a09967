from pathlib import Path

from tests.letters import is_clean, is_sorani

GLOSSARY = Path(__file__).parents[1] / "docs" / "reference" / "glossary.md"


def rows() -> list[list[str]]:
    lines = GLOSSARY.read_text(encoding="utf-8").splitlines()
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if line[:2] == "| "]
    return [row for row in cells if row[0] != "English"]


def test_every_term_stands_once_and_in_three_languages() -> None:
    assert all(len(row) == 6 and all(row[:4]) for row in rows())
    english, arabic, sorani = ([row[column] for row in rows()] for column in range(3))
    assert len(set(english)) == len(english)
    assert len(set(sorani)) == len(sorani)
    # Arabic has one word for the ledger and for the register of a unit.
    assert {term for term in arabic if arabic.count(term) > 1} == {"سجل"}


def test_every_sorani_word_says_how_sure_it_is() -> None:
    assert {row[3] for row in rows()} == {"seen", "proposed"}


def test_sorani_words_use_sorani_letters_and_all_words_are_clean() -> None:
    assert [row[2] for row in rows() if not is_sorani(row[2])] == []
    assert [row for row in rows() if not all(map(is_clean, row))] == []
