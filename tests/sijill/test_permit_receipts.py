"""The example that records a municipality's permit log, through nothing but the public API.

The recorded cases lie beside the checkout; a few made-up ones say the same wherever that is not so.
"""

import base64
import csv
import itertools
import json
import os
import re
import runpy
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
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
COLUMNS = (
    *("case:concept:name", "case:startdate", "case:deadline"),
    *("concept:name", "org:group", "time:timestamp"),
)
T02 = "T02 Check confirmation of receipt"
T04 = "T04 Determine confirmation of receipt"
T06 = "T06 Determine necessity of stop advice"
T07 = "T07-1 Draft intern advice aspect 1"
T08 = "T08 Draft and send request for advice"
T09 = "T09-3 Process or receive external advice from party 3"
FIRST = "Confirmation of receipt"
ONE = ("case-1", "2011-10-11 08:00:00+02:00", "2011-10-20 08:00:00+02:00")
# Started, it says, after its first step; and without a deadline.
TWO = ("case-2", "2011-01-05 08:00:00+01:00", "")
THREE = ("case-3", "2011-03-01 07:00:00+01:00", "2011-03-01 07:00:00+01:00")
MADE_UP = [
    (*ONE, FIRST, "Unit 8", "2011-10-11 13:45:40.276000+02:00"),
    (*ONE, T04, "Unit 7", "2011-10-12 23:59:59+02:00"),
    (*ONE, T06, "Unit 8", "2011-10-13 23:59:59+02:00"),
    (*ONE, T07, "Unit 9", "2011-11-01 08:00:00+01:00"),
    (*ONE, T07, "Unit 8", "2011-11-02 08:00:00+01:00"),
    (*TWO, FIRST, "Unit 9", "2011-01-02 08:00:00+01:00"),
    (*THREE, T04, "Unit 7", "2011-03-01 08:00:00.5+01:00"),
    (*THREE, T04, "Unit 8", "2011-03-02 08:00:00+01:00"),
    (*THREE, T08, "Unit 8", "2011-03-02 09:00:00+01:00"),
    (*THREE, T09, "Unit 8", "2011-03-09 08:00:00+01:00"),
    # A case's rows need not stand together.
    (*TWO, T06, "Unit 8", "2011-01-03 08:00:00+01:00"),
    ("case-4", "", "", FIRST, "Unit 6", "2012-01-03 08:00:00+01:00"),
]
LETTERS_MADE_UP = {
    # One asked for advice, and got it; one asked outside, and got it on paper; four files.
    "transfer.register_outgoing": 2 + 1 + 4,
    "transfer.dispatch": 2 + 3,
    "transfer.register": 2 + 6,
    "transfer.refer_onward": 3,
    "transfer.close": 2,
    "transfer.send_on_paper": 1,
    "transfer.receive_on_paper": 1,
    # What Unit 8 advised itself.
    "transfer.annotate": 1,
}
SECONDS = 600
INBOX = r"^inbox, [a-z ]+: [1-9][0-9]* asked, median [0-9.]+ ms, 95th [0-9.]+ ms$"
CASES = 120
"""So many cases of the recorded log the suite runs; all of them where PERMITS_WHOLE is set."""

WHOLE = "PERMITS_WHOLE" in os.environ


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
    """What the log holds of the example, as the auditor of the founders reads it."""

    issued: dict[str, tuple[str, str]] = field(default_factory=dict)
    corrected: list[tuple[str, str]] = field(default_factory=list)
    signers: dict[str, set[str]] = field(default_factory=dict)
    chains: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    due: dict[str, set[str | None]] = field(default_factory=dict)
    letters: Counter[str] = field(default_factory=Counter)

    @classmethod
    def of(cls, ledger: Served, state: Path) -> "Acts":
        """Receipts by agency and day, custody by file, and whose keys signed."""
        agencies = {path.stem for path in (state / "keys").glob("*.pem")}
        acts = cls()
        codes: dict[str, str] = {}
        files: dict[str, str] = {}
        for header, said in _events(ledger):
            if header["agency"] not in agencies:
                continue
            acts.signers.setdefault(header["agency"], set()).update(header["keys"])
            if said["act"].startswith("transfer."):
                acts.letters[said["act"]] += 1
                acts._follow(header, said, files)
            elif said["act"] == "certificate.issue":
                assert said["type"] == "receipt_confirmation"
                assert said["number"] not in acts.issued
                acts.issued[said["number"]] = (header["agency"], said["date"])
                codes[said["code"]] = said["number"]
            elif said["act"] == "certificate.correct":
                acts.corrected.append((codes[said["code"]], header["agency"]))
        return acts

    def _follow(self, header: dict[str, Any], said: dict[str, Any], files: dict[str, str]) -> None:
        """Of a file's own stream, whoever registers it has it from that day on."""
        if said.get("kind") == "case_file":
            assert said["number"] not in self.chains
            files[header["stream"]] = said["number"]
        case = files.get(header["stream"])
        if case is None:
            return
        if "number" in said:
            self.chains.setdefault(case, []).append((header["agency"], said["date"]))
        elif "addressee" in said:
            self.due.setdefault(case, set()).add(said.get("due_date"))


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


def expected(rows: list[dict[str, str]]) -> Acts:
    """What the cases are to become; counted here in another way."""
    wanted = Acts()
    # Sorting is stable, and the rows of a case are in order of time.
    by_case = itertools.groupby(sorted(rows, key=_case), key=_case)
    for case, grouped in by_case:
        steps = list(grouped)
        determined = [row for row in steps if row["concept:name"] == T04]
        first = [*determined, steps[0]][0]
        wanted.issued[case] = (_agency(first), first["time:timestamp"][:10])
        if len(determined) > 1:
            wanted.corrected.append((case, _agency(first)))
        stays = [next(rows_) for _, rows_ in itertools.groupby(steps, key=_agency)]
        opened = min(filter(None, (steps[0]["case:startdate"], steps[0]["time:timestamp"])))
        chain = [(_agency(row), row["time:timestamp"][:10]) for row in stays]
        wanted.chains[case] = [(chain[0][0], opened[:10]), *chain[1:]]
        if len(stays) > 1:
            wanted.due[case] = {steps[0]["case:deadline"][:10] or None}
    return wanted


def _case(row: dict[str, str]) -> str:
    return row["case:concept:name"]


def _agency(row: dict[str, str]) -> str:
    return "permit-" + row["org:group"].lower().replace(" ", "-")


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def cut(path: Path, most: int) -> Path:
    """The recorded log as far as so many cases: those that were handed over most, and others."""
    rows = read(RECORDED)
    changes = Counter(
        _case(row)
        for before, row in itertools.pairwise(sorted(rows, key=_case))
        if _case(before) == _case(row) and before["org:group"] != row["org:group"]
    )
    chosen = {case for case, _ in changes.most_common(most // 2)}
    chosen |= set(list(dict.fromkeys(map(_case, rows)))[: most - len(chosen)])
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(row for row in rows if _case(row) in chosen)
    return path


def check(ledger: Served, cases: Path, state: Path) -> Acts:
    """The log says of each case what the file says, once, by the unit's own key alone."""
    wanted, acts = expected(read(cases)), Acts.of(ledger, state)
    assert acts.issued == wanted.issued
    assert sorted(acts.corrected) == sorted(wanted.corrected)
    assert acts.chains == wanted.chains
    assert acts.due == wanted.due
    for agency, signers in acts.signers.items():
        key = ledger.anybody().get(f"/v1/agencies/{agency}/keys")["items"]
        assert signers == {one["key"] for one in key}
    return acts


def test_every_recorded_case_arrives_with_its_whole_chain_once(
    ledger: Served, made_up: Path, tmp_path: Path
) -> None:
    state = tmp_path / "state"
    cases = RECORDED if WHOLE else made_up
    if not WHOLE and RECORDED.exists():
        cases = cut(tmp_path / "cut.csv", CASES)
    wanted = expected(read(cases))
    handovers = sum(len(chain) - 1 for chain in wanted.chains.values())

    first = run(command(ledger, cases, state))
    assert first.code == 0, first.err
    acts = check(ledger, cases, state)
    assert first.json == {
        "cases": len(wanted.chains),
        "handovers": handovers,
        "custody_matches": len(wanted.chains),
        "added": len(acts.issued) + len(acts.corrected) + acts.letters.total(),
    }
    assert acts.letters["transfer.refer_onward"] + len(acts.due) == handovers
    assert re.search(r"^([0-9]+) of \1 acts, [1-9][0-9]* a second$", first.err, re.MULTILINE)
    assert len(re.findall(INBOX, first.err, re.MULTILINE)) == 6, first.err
    if WHOLE:
        assert (first.json["cases"], first.json["handovers"]) == (1_434, 5_440)
    assert acts.letters["transfer.receive_on_paper"] > 0
    assert acts.letters["transfer.annotate"] > 0

    again = run(command(ledger, cases, state))
    assert (again.code, again.json) == (0, first.json | {"added": 0}), again.err
    assert Acts.of(ledger, state) == acts


def test_made_up_cases_killed_half_way_are_finished_and_not_doubled(
    ledger: Served, made_up: Path, tmp_path: Path
) -> None:
    state = tmp_path / "state"
    words = command(ledger, made_up, state)
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as half:
        assert half.stderr is not None
        told = [half.stderr.readline() for _ in range(5)]
        half.kill()
    assert half.returncode == -signal.SIGKILL
    progress = re.compile(r"([0-9]+) of ([0-9]+) acts, [0-9]+ a second\n")
    halves = [match.groups() for line in told if (match := progress.fullmatch(line))]
    assert len(halves) == 5, told
    assert 0 < int(halves[-1][0]) < int(halves[-1][1])

    ran = run(words)

    assert ran.code == 0, ran.err
    assert ran.json | {"added": 0} == {
        "cases": 4,
        "handovers": 6,
        "custody_matches": 4,
        "added": 0,
    }
    acts = check(ledger, made_up, state)
    assert acts.letters == LETTERS_MADE_UP
    last = run(words)
    assert (last.code, last.json["added"]) == (0, 0)
    assert check(ledger, made_up, state) == acts


def test_what_was_recorded_passes_the_check_of_a_log(ledger: Served) -> None:
    """Files that name nobody, due dates of long ago, answers on paper: fsck judges all of it."""
    words = ["log", "fsck", "--data", str(ledger.folder), "--output", "json"]
    ran = run([sys.executable, "-m", "sijill", *words])
    assert ran.code == 0, ran.out
    summary = json.loads(ran.out.splitlines()[-1])["summary"]
    assert summary["findings"] == 0
    assert summary["leaves"] > 10


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
        csv.writer(file).writerows(
            [COLUMNS, ("case-9", "", "", T04, "Unit 5", "2011-01-02 08:00:00")]
        )
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
    monkeypatch.syspath_prepend(EXAMPLE.parent)
    monkeypatch.setattr(sys, "argv", [str(EXAMPLE), *words, "--output", "json"])
    monkeypatch.setattr("sijill.client.wire.time.sleep", lambda _: None)

    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(EXAMPLE), run_name="__main__")

    said = capsys.readouterr()
    assert (ended.value.code, json.loads(said.out)["problem"]["code"]) == expected
    assert len(said.err.splitlines()) == 1
