"""The targets for long: under atheris where it is installed, else under hypothesis.

`python -m tests.fuzzing [TARGET ...] --seconds N` runs each target for so long in a process of its
own, from the good examples on; an input that a target fails by is written beside the others. That
is atheris, which looks for inputs that take another way through the code. It is no part of the lock
(`pip install atheris`): a compiler's tool, for Linux alone. Without it hypothesis spoils the
examples, `--made N` times for each target.
"""

import argparse
import importlib.util
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path

from tests.processes import peak_kib

MISSING = "atheris is not installed (CONTRIBUTING.md says how): inputs are made by hypothesis"
LENGTH_BYTES = 4_096
PEAK_KIB = 512 * 1024
"""No parser needs so much for an example of ours, however it is spoilt."""


def main() -> int:
    """Run the targets that were asked for; 0 when none failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("targets", nargs="*")
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    parser.add_argument("--inputs", type=Path, help="folder to keep inputs in, for the next time")
    parser.add_argument("--made", type=int, default=25_700, help="for each, without atheris")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options, _ = parser.parse_known_args()
    if importlib.util.find_spec("atheris") is None:
        sys.stderr.write(f"{MISSING}\n")
        return _made(options.targets, options.made)
    if options.one:
        return _fuzz(options.one)
    return _each(options.targets, options.seconds, options.inputs)


def _each(chosen: list[str], seconds: int, kept: Path | None) -> int:
    """One process a target: what is measured of one must not be mixed with another."""
    from tests.fuzzing.targets import TARGETS  # noqa: PLC0415 - a child instruments it first

    failed = []
    with tempfile.TemporaryDirectory(prefix="sijill-fuzz-") as scratch:
        for name in chosen or sorted(TARGETS):
            folder = (kept or Path(scratch)) / name
            folder.mkdir(parents=True, exist_ok=True)
            for number, seed in enumerate(TARGETS[name].seeds):
                (folder / f"seed-{number}").write_bytes(seed)
            command = [sys.executable, "-m", "tests.fuzzing", "--one", name, str(folder)]
            command += [f"-max_total_time={seconds}", f"-max_len={LENGTH_BYTES}"]
            command += [f"-artifact_prefix={folder}/failed-", "-print_final_stats=1"]
            done = subprocess.run(command, check=False, capture_output=True, text=True)
            runs = _figure(done.stderr, "stat::number_of_executed_units:")
            inputs = sum(1 for _ in folder.iterdir())
            sys.stdout.write(f"{name}: {runs} runs, {inputs} inputs, exit {done.returncode}\n")
            sys.stdout.flush()
            if done.returncode:
                failed.append(name)
                sys.stderr.write(f"{done.stdout[-4000:]}{done.stderr[-4000:]}\n")
                for found in folder.glob("failed-*"):
                    sys.stderr.write(f"{found.name}: {found.read_bytes()!r}\n")
    return 1 if failed else 0


def _made(chosen: list[str], count: int) -> int:
    """Every target under hypothesis; one that takes more memory than is stated fails, too.

    The peak is that of this process, so it only grows: who first takes it past that is named.
    """
    from tests.fuzzing.spoiling import attempt_many  # noqa: PLC0415 - atheris' child needs none
    from tests.fuzzing.targets import TARGETS  # noqa: PLC0415 - as above

    failed, peak = set(), 0
    for name in chosen or sorted(TARGETS):
        before = peak
        try:
            attempt_many(name, count)
        except Exception:  # noqa: BLE001 - whatever it is, it is what the target fails by
            failed.add(name)
            traceback.print_exc()
        peak = peak_kib("self")
        if before <= PEAK_KIB < peak:
            failed.add(name)
            sys.stderr.write(f"{name}: more than {PEAK_KIB // 1024} MiB\n")
        sys.stdout.write(f"{name}: {count} inputs, at most {peak // 1024} MiB so far\n")
        sys.stdout.flush()
    sys.stdout.write(f"{len(chosen or TARGETS) * count} inputs, {len(failed)} targets failed\n")
    return 1 if failed else 0


def _figure(said: str, name: str) -> str:
    return next(
        (line.removeprefix(name).strip() for line in said.splitlines() if line.startswith(name)),
        "?",
    )


def _fuzz(name: str) -> int:
    import atheris  # type: ignore[import-not-found,import-untyped,unused-ignore]  # noqa: PLC0415 - optional, and looked for before

    with atheris.instrument_imports(include=["api", "domain", "infrastructure"]):
        from tests.fuzzing.targets import attempt  # noqa: PLC0415 - instrumented as it is imported

    def run(data: bytes) -> None:
        attempt(name, data)

    arguments = [one for one in sys.argv[1:] if one not in {"--one", name}]
    atheris.Setup([sys.argv[0], *arguments], run)
    atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main())
