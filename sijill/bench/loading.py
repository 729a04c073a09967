"""Runs load generators beside whatever is measured: each is a process of its own."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sijill.bench.figures import Sample

CREATED = "HTTP/1.1 201 "
OK = "HTTP/1.1 200 "


class LoadFailed(Exception):
    """The service gave another answer than the one that is measured; the text is what it gave."""

    code = "bench_answer_unexpected"


@dataclass(frozen=True, slots=True)
class Fire:
    """What a generator is told to do; see `load.Generator`."""

    url: str
    requests: Path
    connections: int
    expect: str = CREATED
    holds: str = ""
    lacks: str = ""
    rate: float | None = None
    seconds: float = 0.0
    cycle: bool = False

    def specification(self) -> dict[str, Any]:
        """What the generator reads."""
        address = urlsplit(self.url)
        return {
            "address": [address.hostname, address.port],
            "requests": str(self.requests),
            "connections": self.connections,
            "expect": self.expect,
            "holds": self.holds,
            "lacks": self.lacks,
            "rate": self.rate,
            "seconds": self.seconds,
            "cycle": self.cycle,
        }


@dataclass(slots=True)
class Running:
    """A generator at work; `sample` waits for its end."""

    process: subprocess.Popen[str]
    taken: list[Sample] = field(default_factory=list)

    def sample(self) -> Sample:
        """How it went.

        Raises:
            LoadFailed: an answer was not the expected one, or the generator ended without figures.
        """
        if not self.taken:
            out, err = self.process.communicate()
            told: dict[str, Any] = json.loads(out) if out else {"failed": err[-500:]}
            if "failed" in told:
                raise LoadFailed(told["failed"])
            more: dict[str, Any] = {
                name: told[name] for name in ("load", "asked_rate") if name in told
            }
            self.taken.append(Sample(told["events"], told["seconds"], told["latency"], more))
        return self.taken[0]


@contextmanager
def running(fire: Fire) -> Iterator[Running]:
    """Fire until the block ends or the generator is done, whichever is later.

    Raises:
        LoadFailed: the generator could not begin.
    """
    specification = fire.requests.with_suffix(".json")
    specification.write_text(json.dumps(fire.specification()))
    process = subprocess.Popen(
        [sys.executable, "-m", "sijill.bench.load", str(specification)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None  # noqa: S101 - narrows the types; both are pipes
    assert process.stdout is not None  # noqa: S101 - as above
    try:
        if process.stdout.readline() != "ready\n":
            raise LoadFailed(process.communicate()[1][-500:])
        process.stdin.write("go\n")
        process.stdin.flush()
        yield (at_work := Running(process))
        at_work.sample()
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()


def fire_all(fire: Fire) -> Sample:
    """Fire, and return how it went once the last answer is there.

    Raises:
        LoadFailed: as `Running.sample`.
    """
    with running(fire) as at_work:
        return at_work.sample()
