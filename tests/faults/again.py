"""The long form of the rounds that build their own surroundings: `make soak`.

    python -m tests.faults.again --rounds 10 --seed 7

Full disks, stepped clocks, two hosts and restored backups cannot take turns on one ledger. So their
tests are run whole again and again, each time on new ledgers under another load. Every round ends
with the same check. Progress goes to stderr, the summary as JSON to stdout; exit code 1 where a
round failed, with the seed that runs it again.
"""

import argparse
import json
import os
import random
import secrets
import subprocess
import sys
import time
from pathlib import Path

from sijill.bench.machine import host

KINDS = {
    "disks": "test_disks.py",
    "clocks": "test_clocks.py",
    "hosts": "test_two_hosts.py",
    "restore": "test_restore.py",
}
_HERE = Path(__file__).parent


def run_once(kind: str, seed: int) -> str:
    """The last line of one run of a kind's tests; told as it is where they do not all pass."""
    environment = os.environ | {"SIJILL_FAULT_SEED": str(seed)}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, str(_HERE / KINDS[kind])],
        env=environment,
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        sys.stderr.write(done.stdout + done.stderr)
        raise SystemExit(f"{kind}, seed {seed}: SIJILL_FAULT_SEED={seed} {' '.join(command)} ...")
    return done.stdout.strip().splitlines()[-1]


def main() -> int:
    """Run from the command line; 0 when every round passed."""
    parser = argparse.ArgumentParser(prog="tests.faults.again", description="Rounds again.")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000))
    parser.add_argument("--kind", choices=sorted(KINDS), action="append")
    options = parser.parse_args()
    chance = random.Random(options.seed)
    started = time.monotonic()
    rounds: dict[str, list[str]] = {kind: [] for kind in options.kind or KINDS}
    for number in range(options.rounds):
        for kind, said in rounds.items():
            said.append(run_once(kind, chance.randrange(1_000_000)))
            sys.stderr.write(f"{number + 1}/{options.rounds} {kind}: {said[-1]}\n")
    summary = {
        "command": f"python -m tests.faults.again --rounds {options.rounds} --seed {options.seed}",
        "machine": host(),
        "seconds": round(time.monotonic() - started),
        "rounds": rounds,
    }
    sys.stdout.write(json.dumps(summary, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
