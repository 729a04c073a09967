"""The example that issues a municipality's permit receipts, through nothing but the public API.

The recorded cases lie beside the checkout; a few made-up ones say the same wherever that is not so.
"""

import base64
import csv
import json
import re
import runpy
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from infrastructure.keyfiles import create_private_key
from infrastructure.proofs.leaf import split_body
from sijill.cli.codes import NOT_READY, USAGE
from sijill.folder import Folder
from sijill.founding import found
from tests.serving import Served, serving

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "permit_receipts.py"
RECORDED = ROOT.parent / "shared" / "data" / "permit-receipts.csv"
COLUMNS = ("case:concept:name", "concept:name", "org:group", "time:timestamp")
T04 = "T04 Determine confirmation of receipt"
MADE_UP = [
    ("case-1", "Confirmation of receipt", "Unit 8", "2011-10-11 13:45:40.276000+02:00"),
    ("case-1", T04, "Unit 7", "2011-10-12 23:59:59+02:00"),
    ("case-2", "Confirmation of receipt", "Unit 9", "2011-01-02 08:00:00+01:00"),
    ("case-3", T04, "Unit 7", "2011-03-01 08:00:00.5+01:00"),
    ("case-3", T04, "Unit 8", "2011-03-02 08:00:00+01:00"),
    # A case's rows need not stand together.
    ("case-2", "T06 Determine necessity of stop advice", "Unit 8", "2011-01-03 08:00:00+01:00"),
]
SECONDS = 180


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        return dict(json.loads(self.out))


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A ledger of this module's own: it becomes as long as the recorded cases are many."""
    folder = tmp_path_factory.mktemp("permits") / "ledger"
    found(folder, "permits.sijill.test/ledger")
    with serving(folder, workers=2) as served:
        yield served


@pytest.fixture
def made_up(tmp_path: Path) -> Path:
    path = tmp_path / "cases.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([COLUMNS, *MADE_UP])
    return path


def command(ledger: Served, cases: Path, state: Path) -> list[str]:
    key = Folder(ledger.folder).key("ndc")
    options = {"url": ledger.url, "key": key, "csv": cases, "state": state, "output": "json"}
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    return [sys.executable, str(EXAMPLE), *words]


def run(words: list[str]) -> Ran:
    done = subprocess.run(words, capture_output=True, text=True, timeout=SECONDS, check=False)
    return Ran(done.returncode, done.stdout, done.stderr)


@dataclass(frozen=True)
class Acts:
    """What the log holds of the example's certificates, as the auditor of the founders reads it."""

    issued: dict[str, tuple[str, str]]
    corrected: list[tuple[str, str]]
    signers: dict[str, set[str]]

    @classmethod
    def of(cls, ledger: Served, state: Path) -> "Acts":
        """Numbers by agency and day, what was corrected, and whose keys signed."""
        agencies = {path.stem for path in (state / "keys").glob("*.pem")}
        acts = cls({}, [], {})
        codes: dict[str, str] = {}
        for header, said in _events(ledger):
            if header["agency"] not in agencies or not said["act"].startswith("certificate."):
                continue
            acts.signers.setdefault(header["agency"], set()).update(header["keys"])
            if said["act"] == "certificate.issue":
                assert said["type"] == "receipt_confirmation"
                assert said["number"] not in acts.issued
                acts.issued[said["number"]] = (header["agency"], said["date"])
                codes[said["code"]] = said["number"]
            else:
                assert said["act"] == "certificate.correct"
                acts.corrected.append((codes[said["code"]], header["agency"]))
        return acts


def _events(ledger: Served) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Every header and statement of the log: founders' keys open all of it."""
    client = ledger.founder("comsec")
    size = _size(ledger)
    start: int | None = 0
    while start is not None:
        window: dict[str, Any] = {"from": start, "to": size}
        page = client.get("/v1/log/openings", **window)
        for opening in page["openings"]:
            body = split_body(base64.b64decode(opening["body"]))
            yield json.loads(base64.b64decode(opening["header"])), json.loads(body.statement)
        start = page["next"]


def _size(ledger: Served) -> int:
    """The size of a checkpoint that covers everything recorded by now."""
    ledger.settle()
    newest = ledger.agency().issue()["index"]
    ledger.anybody().text(f"/log/checkpoint?covers={newest}")
    return int(newest)


def expected(rows: Iterable[dict[str, str]]) -> tuple[dict[str, tuple[str, str]], list[str]]:
    """What each case is to become, and which are corrected; counted here in another way."""
    first: dict[str, dict[str, str]] = {}
    determined: dict[str, list[dict[str, str]]] = {}
    for row in rows:
        case = row["case:concept:name"]
        first.setdefault(case, row)
        if row["concept:name"] == T04:
            determined.setdefault(case, []).append(row)
    by_case = {case: determined.get(case, [row])[0] for case, row in first.items()}
    units = {"Unit 7": "unit-7", "Unit 9": "unit-9", "EMPTY": "empty"}
    units |= {"Group 1": "group-1", "Group 3": "group-3"}
    issued = {
        case: (f"permit-{units[row['org:group']]}", row["time:timestamp"][:10])
        for case, row in by_case.items()
    }
    return issued, [case for case, again in determined.items() if len(again) > 1]


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def check(ledger: Served, cases: Path, state: Path) -> Acts:
    """The log says of each case what the file says, once, by the unit's own key alone."""
    issued, again = expected(read(cases))
    acts = Acts.of(ledger, state)
    assert acts.issued == issued
    assert sorted(acts.corrected) == sorted((case, issued[case][0]) for case in again)
    for agency, signers in acts.signers.items():
        key = ledger.anybody().get(f"/v1/agencies/{agency}/keys")["items"]
        assert signers == {one["key"] for one in key}
    return acts


def test_every_recorded_case_is_confirmed_once_by_its_unit(ledger: Served, tmp_path: Path) -> None:
    if not RECORDED.exists():
        pytest.skip(f"the recorded cases are not there: {RECORDED}")
    state = tmp_path / "state"

    first = run(command(ledger, RECORDED, state))
    assert first.code == 0, first.err
    assert first.json | {"seconds": 0} == {
        "cases": 1_434,
        "units": 3,
        "corrected": 4,
        "added": 1_438,
        "seconds": 0,
    }
    assert re.search(r"^1434 of 1434 cases, [1-9][0-9]* a second$", first.err, re.MULTILINE)
    acts = check(ledger, RECORDED, state)

    again = run(command(ledger, RECORDED, state))
    assert again.code == 0, again.err
    assert again.json["added"] == 0
    assert Acts.of(ledger, state) == acts


def test_made_up_cases_killed_half_way_are_finished_and_not_doubled(
    ledger: Served, made_up: Path, tmp_path: Path
) -> None:
    state = tmp_path / "state"
    words = command(ledger, made_up, state)
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as half:
        assert half.stderr is not None
        told = half.stderr.readline()
        half.kill()
    assert half.returncode == -signal.SIGKILL
    assert re.fullmatch(r"[12] of 3 cases, [0-9]+ a second\n", told), told

    ran = run(words)

    assert ran.code == 0, ran.err
    assert ran.json["cases"] == 3
    check(ledger, made_up, state)
    last = run(words)
    assert (last.code, last.json["added"]) == (0, 0)
    check(ledger, made_up, state)


def test_where_the_file_is_absent_it_says_so_and_is_done(tmp_path: Path) -> None:
    absent = tmp_path / "absent.csv"
    words = ["--url", "http://127.0.0.1:1", "--key", str(tmp_path / "no.pem"), "--csv", str(absent)]

    ran = run([sys.executable, str(EXAMPLE), *words, "--output", "json"])
    people = run([sys.executable, str(EXAMPLE), *words])

    assert (ran.code, ran.json) == (0, {"skipped": "file_absent"})
    assert (people.code, people.out) == (0, "skipped\n")
    assert f"skipped: {absent} is not there\n" == people.err


def test_units_have_their_keys_in_one_state_folder(ledger: Served, tmp_path: Path) -> None:
    """Somebody runs it again from elsewhere: a second key for a unit is not what was meant."""
    cases = tmp_path / "cases.csv"
    with cases.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([COLUMNS, ("case-9", T04, "Unit 5", "2011-01-02 08:00:00")])
    first = run(command(ledger, cases, tmp_path / "state"))
    assert first.code == 0, first.err

    ran = run(command(ledger, cases, tmp_path / "elsewhere"))

    assert (ran.code, ran.json["problem"]["code"]) == (USAGE, "key_file_missing")
    assert "--state" in ran.err


@pytest.mark.parametrize(
    "url,key,expected",
    [
        ("http://127.0.0.1:1", "ndc.pem", (NOT_READY, "ledger_unreachable")),
        ("http://127.0.0.1:1", "no.pem", (USAGE, "key_file_missing")),
    ],
)
def test_what_stands_in_the_way_is_a_sentence_and_an_exit_code(
    made_up: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    url: str,
    key: str,
    expected: tuple[int, str],
) -> None:
    for name in ("ndc", "comsec"):
        create_private_key(tmp_path / f"{name}.pem")
    options = {"url": url, "key": tmp_path / key, "csv": made_up, "state": tmp_path / "state"}
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    monkeypatch.setattr(sys, "argv", [str(EXAMPLE), *words, "--output", "json"])
    monkeypatch.setattr("sijill.client.wire.time.sleep", lambda _: None)

    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(EXAMPLE), run_name="__main__")

    said = capsys.readouterr()
    assert (ended.value.code, json.loads(said.out)["problem"]["code"]) == expected
    assert len(said.err.splitlines()) == 1
