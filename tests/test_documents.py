"""The documents say nothing that the tree and the program do not: links, files, verbs, tables."""

import re
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from api.problems import STATUS
from domain.acts import ACTS
from infrastructure.log.sealer import FROZEN_CODES
from infrastructure.proofs.verdict import EXIT_CODES
from sijill.cli import codes
from sijill.settings import Settings
from tests import documents, made_pages
from tests.api.codes_in_source import problem_codes

ROOT = documents.ROOT
PAGES = documents.pages()
DOCS = ROOT / "docs"
DECISIONS = DOCS / "decisions"
ARCHITECTURE = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
CONFIGURATION = (DOCS / "reference" / "configuration.md").read_text(encoding="utf-8")
TABLE = re.compile(r"^CREATE TABLE ([a-z_.]+) \(", re.MULTILINE)
# Read inside one process, never from the environment: how the framework is told of its store.
NOT_VARIABLES = {"SIJILL_READERS"}
# A word of a path, as ARCHITECTURE.md and CONTRIBUTING.md name files.
FILE = re.compile(r"[A-Za-z_.][\w.-]*(?:/[\w.-]+)*/?")


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    lost = []
    for link in documents.links(page):
        target = urlsplit(link)
        if target.scheme:
            assert target.scheme == "https", link
            continue
        found = (page.parent / target.path).resolve() if target.path else page
        if not found.exists() or (
            target.fragment and target.fragment not in documents.anchors(found)
        ):
            lost.append(link)

    assert lost == []


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_command_in_the_documents_exists(page: Path) -> None:
    verbs = dict(made_pages.verbs())
    nouns = {words.split()[0] for words in verbs}
    wrong = []
    for words in documents.commands(page):
        verb = next((" ".join(words[:n]) for n in (2, 1) if " ".join(words[:n]) in verbs), None)
        if verb is None:
            if not (words[0] in nouns and len(words) == 1):
                wrong.append(words)
            continue
        given = {word.partition("=")[0] for word in words if word.startswith("--")}
        if not given <= made_pages.options(verbs[verb]):
            wrong.append(words)

    assert wrong == []


def test_the_commands_of_the_documents_are_found_at_all() -> None:
    shown = [words for page in PAGES for words in documents.commands(page)]

    assert ["verify", "$CODE"] in shown
    assert len(shown) > 50


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_what_is_made_from_the_code_is_what_the_code_says_today(page: Path) -> None:
    """`python -m tests.made_pages` writes it."""
    text = page.read_text(encoding="utf-8")

    assert made_pages.remade(text) == text


def test_every_made_part_stands_in_one_page() -> None:
    named = [part for page in PAGES for _, part, _ in made_pages.PART.findall(page.read_text())]

    assert sorted(named) == sorted(made_pages.PARTS)


def test_every_problem_that_http_can_answer_is_one_that_people_have_words_for() -> None:
    assert set(made_pages.http_codes()) - problem_codes() == set()


def test_every_act_has_a_route_in_the_contract() -> None:
    paths = made_pages.contract()["paths"]

    assert {command.ACT.path for command in ACTS.values()} - set(paths) == {"/v1/ledger"} - set(
        paths
    )


def test_the_exit_codes_are_the_programs() -> None:
    page = (DOCS / "reference" / "exit-codes.md").read_text(encoding="utf-8")
    told = {
        int(number): word.replace(" ", "_")
        for number, word in re.findall(r"^\| (\d+) \| ([a-z ]+) \|", page, re.MULTILINE)
    }
    own = {
        value: word.lower()
        for word, value in vars(codes).items()
        if word.isupper() and not word.startswith("_") and isinstance(value, int)
    }
    verdicts = {number: str(outcome) for outcome, number in EXIT_CODES.items() if number}

    assert told == own | verdicts


def test_every_failure_that_is_answered_or_frozen_has_its_way_out() -> None:
    page = DOCS / "how-to" / "when-it-fails.md"
    told = {word for span in documents.spans(page) for word in re.findall(r"[a-z_]+", span)}
    unavailable = {
        code for code, status in STATUS.items() if status == HTTPStatus.SERVICE_UNAVAILABLE
    }

    assert unavailable | FROZEN_CODES | {"rolled_back", "already_serving"} <= told


def variables(*places: str) -> Iterator[str]:
    for place in places:
        for path in [ROOT / place] if (ROOT / place).is_file() else (ROOT / place).rglob("*"):
            if path.suffix in {".py", "", ".toml"} and path.is_file():
                yield from re.findall(r"\bSIJILL_[A-Z_]*[A-Z]\b", path.read_text(encoding="utf-8"))


def test_the_environment_variables_are_those_that_the_program_reads() -> None:
    of_settings = {f"SIJILL_{field.upper()}" for field in Settings.model_fields}
    read = set(variables("domain", "infrastructure", "projections", "api", "sijill", ".ci"))
    read |= of_settings | set(made_pages.variables_of_the_command_line())

    assert set(re.findall(r"`(SIJILL_[A-Z_]+)`", CONFIGURATION)) == read - NOT_VARIABLES
    for page in PAGES:
        assert set(re.findall(r"\bSIJILL_[A-Z_]*[A-Z]\b", page.read_text())) <= read


@pytest.mark.parametrize("page", ["ARCHITECTURE.md", "CONTRIBUTING.md"])
def test_every_file_that_is_named_exists(page: str) -> None:
    """A word with a slash, or with the ending of a source file, is one of ours or of a ledger's."""
    found = []
    for span in documents.spans(ROOT / page):
        path = span.rstrip("/")
        ours = "/" in span or Path(path).suffix in {".py", ".sql", ".md", ".toml", ".txt"}
        if FILE.fullmatch(span) and ours and not span.startswith(("keys/", "postgresql/", "log/")):
            found.append(span)

    assert found
    assert [path for path in found if not any((ROOT / path).parent.glob(Path(path).name))] == []


def trust_table() -> str:
    """The first column of the trust table."""
    table = ARCHITECTURE[ARCHITECTURE.index("## Trust table") :]
    return "\n".join(re.findall(r"^\| ([^|]+) \|", table, re.MULTILINE))


def tables() -> set[str]:
    """Every table that the migrations and the read models make."""
    made = set()
    for path in (ROOT / "infrastructure" / "migrations").rglob("*.sql"):
        made |= set(TABLE.findall(path.read_text(encoding="utf-8")))
    for path in (ROOT / "projections").rglob("*.sql"):
        made |= {f"read.{one}" for one in TABLE.findall(path.read_text(encoding="utf-8"))}
    return made


def test_the_trust_table_names_every_table_of_the_database() -> None:
    named = set(
        re.findall(r"`((?:ledger|vault|vault_keys|read|migrations)\.[a-z_]+)`", trust_table())
    )

    assert len(tables()) > 20
    assert named == tables() | {"migrations.alembic_version"}


def test_the_journey_crosses_the_files_that_it_names() -> None:
    journey = ARCHITECTURE[
        ARCHITECTURE.index("## The journey") : ARCHITECTURE.index("## Processes")
    ]

    assert len(re.findall(r"^\| .+ \| `[a-z]", journey, re.MULTILINE)) == 8


def test_the_decisions_are_numbered_listed_and_complete() -> None:
    files = sorted(path.name for path in DECISIONS.glob("[0-9]*.md"))
    index = (DECISIONS / "README.md").read_text(encoding="utf-8")
    listed = re.findall(r"\]\((\d{4}-[a-z0-9-]+\.md)\)", index)

    assert listed == files
    assert [int(file[:4]) for file in files] == list(range(1, len(files) + 1))
    for file in files:
        text = (DECISIONS / file).read_text(encoding="utf-8")
        heads = re.findall(r"^## (.+)$", text, re.MULTILINE)
        assert heads == ["Context", "Decision", "Rejected", "Consequences"], file
        assert text.startswith(f"# {int(file[:4])}. "), file
