"""A long run of all faults by turns: `make soak`.

    python -m tests.faults.soak --kills 1000 --seed 7 --output json

What is killed, in which order and after which pause follows from the seed; which instruction that
meets is left to the machine. Every so many kills the load rests and everything since the founding
is checked. Progress goes to stderr, the summary as JSON to stdout; exit code 1 where a promise was
broken, and then the ledger, the journals and the service's own words are kept.
"""

import argparse
import json
import random
import secrets
import shutil
import signal
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from infrastructure import faults
from sijill.bench.machine import host
from tests.faults.check import Checked, check
from tests.faults.cutting import GoBetween
from tests.faults.kills import kill_at
from tests.faults.load import Load
from tests.faults.service import Kind, Service

# How often each is killed; points stand for all places of infrastructure/faults.py, by turns.
WEIGHTS = {
    Kind.WORKER: 26,
    Kind.BACKEND: 26,
    Kind.KEEPER: 20,
    Kind.SUPERVISOR: 8,
    Kind.POSTMASTER: 5,
    "point": 15,
}
LONGEST_PAUSE_SECONDS = 0.4
TELL_SECONDS = 5.0


@dataclass(slots=True)
class Soak:
    """One run; its arguments are the command's."""

    kills: int
    seed: int
    check_every: int
    folder: Path
    output: str
    done: Counter[str] = field(default_factory=Counter)
    checks: list[Checked] = field(default_factory=list)
    cuts: Counter[str] = field(default_factory=Counter)
    waits: dict[str, list[float]] = field(default_factory=dict)
    load: Load | None = None
    started: float = field(default_factory=time.monotonic)
    _told: float = 0.0

    def run(self) -> dict[str, Any]:
        """Kill and check until all is done; the summary, with what broke if anything did."""
        broken = ""
        try:
            self._run()
        except BaseException as error:  # noqa: BLE001 - also Ctrl-C and a dead ledger get a summary
            broken = f"{type(error).__name__}: {error}"
        return self.summary(broken=broken)

    def _run(self) -> None:
        with ExitStack() as stack:
            service = stack.enter_context(Service.founded(self.folder))
            stack.callback(self._keep_words, service)
            between = stack.enter_context(GoBetween(service.url, seed=self.seed).listening())
            self.cuts = between.cuts
            self.load = load = Load(
                service,
                self.folder / "clients",
                seed=self.seed,
                bulk_lines=8,
                pace_seconds=0.2,
                url=between.url,
            )
            stack.callback(load.close)
            steps = self._steps()
            while sum(self.done.values()) < self.kills:
                left = self.kills - sum(self.done.values())
                with between.cut(), load.running():
                    for _ in range(min(left, self.check_every)):
                        self._kill(service, load, *next(steps))
                self._say("checking")
                self.checks.append(check(service, load))

    def _steps(self) -> Iterator[tuple[str, float, random.Random]]:
        """What is killed, after which pause, and the chance that picks among several.

        That one is apart: how many there are to pick from is not the seed's to say.
        """
        chance = random.Random(self.seed)
        victims = random.Random(f"{self.seed}/victims")
        points: list[str] = []
        while True:
            [what] = chance.choices(list(WEIGHTS), list(WEIGHTS.values()))
            if what == "point":
                points = points or chance.sample(sorted(faults.POINTS), len(faults.POINTS))
                what = points.pop()
            yield str(what), chance.uniform(0, LONGEST_PAUSE_SECONDS), victims

    def _kill(
        self, service: Service, load: Load, what: str, pause: float, victims: random.Random
    ) -> None:
        time.sleep(pause)
        if what in faults.POINTS:
            killed = kill_at(service, what)
        else:
            killed = service.kill(Kind(what), victims)
        load.progress()
        self.count(what, time.monotonic() - killed)
        if time.monotonic() - self._told > TELL_SECONDS:
            self._say(what)

    def count(self, what: str, seconds: float) -> None:
        """One kill, and how long it was until the next acknowledged order."""
        self.done[what] += 1
        kind = "fault_point" if what in faults.POINTS else what
        self.waits.setdefault(kind, []).append(seconds)

    def _say(self, what: str) -> None:
        """One line of progress: how many, how fast, how long still."""
        self._told = time.monotonic()
        kills, seconds = sum(self.done.values()), self._told - self.started
        left = (self.kills - kills) * seconds / max(kills, 1)
        events = self.load.figures.events if self.load else 0
        sys.stderr.write(
            f"{kills}/{self.kills} kills, {kills / seconds:.2f}/s, {events} events, "
            f"{len(self.checks)} checks, {left / 60:.0f} min left ({what})\n"
        )

    def _keep_words(self, service: Service) -> None:
        (self.folder / "service.log").write_text("\n".join(service.words))

    def _again(self) -> str:
        return (
            f"python -m tests.faults.soak --kills {self.kills} --seed {self.seed}"
            f" --check-every {self.check_every} --output {self.output}"
        )

    def summary(self, *, broken: str) -> dict[str, Any]:
        """All figures, ready for JSON; `broken` is what ended it early, empty where nothing did."""
        last = asdict(self.checks[-1]) if self.checks else {}
        last.pop("figures", None)
        summary: dict[str, Any] = {
            "command": self._again(),
            "seed": self.seed,
            "machine": host(),
            "seconds": round(time.monotonic() - self.started),
            "kills": sum(self.done.values()),
            "kills_by_kind": {
                kind: {
                    "kills": len(waits),
                    "median_seconds": round(statistics.median(waits), 2),
                    "longest_seconds": round(max(waits), 2),
                }
                for kind, waits in sorted(self.waits.items())
            },
            "fault_points": {one: self.done[one] for one in sorted(faults.POINTS)},
            "cuts": dict(self.cuts),
            "clients": asdict(self.load.figures) if self.load else {},
            "last_check": last,
            "checks_passed": len(self.checks),
            "broken": broken,
        }
        if broken:
            summary["kept"] = str(self.folder)
        return summary


def main() -> int:
    """Run one soak from the command line; 0 when every promise was kept."""
    parser = argparse.ArgumentParser(prog="tests.faults.soak", description="Kill and check.")
    parser.add_argument("--kills", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000))
    parser.add_argument("--check-every", type=int, default=100)
    parser.add_argument("--output", choices=["json", "text"], default="text")
    options = parser.parse_args()
    # Whoever ends it early gets a summary all the same, and no process is left behind.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    # A short path: PostgreSQL's socket lies in it.
    folder = Path(tempfile.mkdtemp(prefix="soak-"))
    soak = Soak(options.kills, options.seed, options.check_every, folder, options.output)
    sys.stderr.write(f"seed {soak.seed}, in {folder}\n")
    summary = soak.run()
    if options.output == "json":
        sys.stdout.write(json.dumps(summary, indent=2) + "\n")
    else:
        for name, value in summary.items():
            sys.stdout.write(f"{name:15} {value}\n")
    if summary["broken"]:
        sys.stderr.write(f"BROKEN: {summary['broken']}\nkept in {folder}; the same kills again: ")
        sys.stderr.write(f"{summary['command']}\n")
        return 1
    shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
