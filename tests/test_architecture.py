"""What the project promises about itself: the direction of imports, sizes, reasons, contents."""

import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("domain", "infrastructure", "projections", "api", "sijill")
LONGEST_FILE_LINES = 400
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def sources(*folders: str) -> Iterator[Path]:
    for folder in folders:
        yield from (ROOT / folder).rglob("*.py")


def lint_imports(root: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        check=False,
        capture_output=True,
        text=True,
        cwd=root,
    )


def test_imports_keep_their_contracts() -> None:
    checked = lint_imports(ROOT)

    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize(
    "module,planted,contract",
    [
        ("domain/acts.py", "import infrastructure", "Imports point inwards"),
        ("api/app.py", "import sijill", "Imports point inwards"),
        ("domain/ledger.py", "import psycopg", "The domain knows no framework"),
        ("infrastructure/proofs/leaf.py", "import domain", "An auditor can read the proofs alone"),
        ("infrastructure/proofs/note.py", "import psycopg", "An auditor can read the proofs alone"),
        ("sijill/__init__.py", "import sqlalchemy", "SQLAlchemy stays inside Alembic"),
    ],
)
def test_a_planted_import_breaks_its_contract(
    module: str, planted: str, contract: str, tmp_path: Path
) -> None:
    """Works on an empty copy of the tree: the contracts, not today's code, are tried here."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for source in sources(*PACKAGES):
        empty = tmp_path / source.relative_to(ROOT)
        empty.parent.mkdir(parents=True, exist_ok=True)
        empty.touch()
    (tmp_path / module).write_text(planted)

    checked = lint_imports(tmp_path)

    assert checked.returncode == 1
    assert f"{contract} BROKEN" in checked.stdout
    assert checked.stdout.count("BROKEN") == 1


def test_no_file_is_too_long_to_read() -> None:
    lines = {
        str(path.relative_to(ROOT)): path.read_text().count("\n")
        for path in sources(*PACKAGES, "tests", "examples")
    }

    assert {path: n for path, n in lines.items() if n > LONGEST_FILE_LINES} == {}


def test_every_silenced_check_says_why() -> None:
    silenced = re.compile(r"#\s*(noqa|type:\s*ignore|pragma)")
    reasoned = re.compile(
        r"#\s*(noqa: [A-Z0-9, ]*[0-9]|type: ignore\[[a-z, -]+\])\s+([#-]\s*)?\w.{5,}"
    )
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in sources(*PACKAGES, "tests", "examples")
        if path != Path(__file__)
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if silenced.search(line) and not reasoned.search(line)
    ]

    assert found == []


def test_every_ruff_exception_says_why() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    table = text[text.index("[tool.ruff.lint]") : text.index("[tool.ruff.lint.pydocstyle]")]
    exceptions = [line for line in table.splitlines() if re.search(r'"[A-Z]+[0-9]*"', line)]

    assert len(exceptions) > 10
    assert [line for line in exceptions if "#" not in line and '"ALL"' not in line] == []


def test_the_wheel_holds_the_five_packages_and_all_their_data(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())

    info = next(name.split("/")[0] for name in names if name.endswith(".dist-info/METADATA"))
    assert {name.split("/")[0] for name in names} == {*PACKAGES, info}
    # Whatever lies in the tree beside Python (SQL, templates, catalogues) is in the wheel too.
    tree = {
        str(path.relative_to(ROOT))
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    assert tree - names == set()
    assert {f"{package}/py.typed" for package in PACKAGES} < names


def test_the_lock_is_complete_hashed_and_names_no_address() -> None:
    lock = (ROOT / "requirements.txt").read_text()
    locked = set(re.findall(r"^([a-z0-9-]+)==", lock, re.MULTILINE))
    project = PROJECT["project"]
    wanted = [*project["dependencies"], *PROJECT["build-system"]["requires"], "editables"]
    for name, extra in project["optional-dependencies"].items():
        # Coverage-guided fuzzing is for whoever installs it; `make soak` says what it lacks.
        wanted += extra if name != "fuzz" else []
    names = {re.split(r"[^a-z0-9-]", requirement)[0] for requirement in wanted} - {"sijill"}

    assert names - locked == set()
    assert "://" not in lock
    assert "--index" not in lock
    entries = re.split(r"^(?=[a-z0-9-]+==)", lock, flags=re.MULTILINE)[1:]
    assert len(entries) == len(locked)
    assert [entry for entry in entries if "--hash=sha256:" not in entry] == []


def test_the_make_verbs_in_the_documents_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    documents = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    named = {
        verb
        for document in documents
        for verb in re.findall(r"(?:^\s*|`)make ([a-z]+)", document.read_text(), re.MULTILINE)
    }

    assert {"demo", "test"} <= named <= targets
