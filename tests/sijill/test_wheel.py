"""The wheel as somebody installs it: in an environment of its own, far from any checkout.

The environment borrows the dependencies that this one has, so that nothing is downloaded. The
project is not among them: what leads to an editable one is a file that is not read there.
"""

import json
import os
import shutil
import subprocess
import sys
import venv
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from sysconfig import get_path
from typing import Any

import pytest

from infrastructure import migrations

ROOT = Path(__file__).parents[2]
ORIGIN = "wheel.sijill.test/ledger"


@dataclass(frozen=True)
class Installed:
    """An environment with the wheel in it, and an empty folder to work in."""

    environment: Path
    folder: Path

    def __call__(self, program: str, *arguments: str) -> str:
        """What a program of the environment prints."""
        ours = {name: value for name, value in os.environ.items() if "PYTHON" not in name}
        done = subprocess.run(
            [self.environment / "bin" / program, *arguments],
            check=False,
            capture_output=True,
            text=True,
            cwd=self.folder,
            env={name: value for name, value in ours.items() if not name.startswith("SIJILL_")},
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def sijill(self, *arguments: str) -> Any:
        """The JSON that a verb answers with."""
        return json.loads(self("sijill", *arguments, "--output", "json"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    folder = tmp_path_factory.mktemp("installed")
    environment = folder / "environment"
    venv.create(environment, symlinks=True, with_pip=False)
    python = str(environment / "bin" / "python")
    # The environment that runs the tests was made by one of the two (.ci/venv).
    if find_spec("pip") is not None:
        installer = [sys.executable, "-m", "pip", "--python", python, "install", "--no-index"]
    else:
        installer = [str(shutil.which("uv")), "pip", "install", "--python", python, "--offline"]
    command = [*installer, "--quiet", "--no-deps", str(wheel)]
    subprocess.run(command, check=True, capture_output=True)
    places = {name: str(environment) for name in ("base", "platbase")}
    borrowed = Path(get_path("purelib", vars=places)) / "borrowed.pth"
    borrowed.write_text(f"{get_path('purelib')}\n")
    (folder / "work").mkdir()
    return Installed(environment, folder / "work")


def test_nothing_comes_from_the_checkout(installed: Installed) -> None:
    names = ("domain", "infrastructure", "projections", "api", "sijill")
    code = f"import sys, {', '.join(names)}; print(*sys.path, sep='\\n'); "
    code += "; ".join(f"print({name}.__file__)" for name in names)
    *path, _, _, _, _, _ = lines = installed("python", "-c", code).splitlines()

    assert str(ROOT) not in path
    assert all(Path(one).is_relative_to(installed.environment) for one in lines[-len(names) :])


def test_it_tells_its_version(installed: Installed) -> None:
    assert installed("sijill", "--version").strip() == version("sijill")


def test_it_founds_upgrades_and_checks_a_ledger(installed: Installed) -> None:
    """Schema, words, known bodies and certificate types are all in the wheel."""
    founded = installed.sijill("init", "--data", "ledger", "--origin", ORIGIN)
    assert founded["origin"] == ORIGIN

    upgraded = installed.sijill("db", "upgrade", "--data", "ledger")
    assert upgraded == {"from": migrations.head(), "to": migrations.head()}

    checked = installed.sijill("log", "fsck", "--data", "ledger", "--language", "ar")
    assert (checked["summary"]["leaves"], checked["summary"]["findings"]) == (1, 0)
