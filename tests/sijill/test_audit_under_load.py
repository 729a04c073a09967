"""Everything that an auditor takes away, while two processes of the ledger are being written to."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from infrastructure.proofs import cosignature
from infrastructure.proofs.checkpoint import open_checkpoint
from sijill.witness import make
from tests.serving import ORIGIN, Agency, Served, issuance, serving
from tests.sijill.test_witnesses import witness_process

WRITERS = (1, 1, 20)
STEPS_SECONDS = 240
PACE_SECONDS = 0.3


@contextmanager
def written_to(agency: Agency) -> Iterator[list[dict[str, Any]]]:
    """Issue single certificates and small bulks until the block ends; the answers to the single."""
    stopped = threading.Event()
    issued: list[dict[str, Any]] = []
    failed: list[Exception] = []

    def write(count: int) -> None:
        client = agency.client
        try:
            # Never idle, and never so much that the machine is what is tested.
            while not stopped.wait(PACE_SECONDS):
                lines = [issuance(agency.name) for _ in range(count)]
                if count == 1:
                    issued.append(dict(client.send(client.prepare("/v1/certificates", lines))))
                else:
                    client.send(client.prepare("/v1/certificates/bulk", lines, bulk=True))
        except Exception as error:  # noqa: BLE001 - told by the test itself
            failed.append(error)

    threads = [threading.Thread(target=write, args=(count,)) for count in WRITERS]
    for thread in threads:
        thread.start()
    try:
        yield issued
    finally:
        stopped.set()
        for thread in threads:
            thread.join()
    assert failed == []


def run(*words: str | Path, code: int = 0) -> Any:
    """`sijill` in a process of its own; its result."""
    environment = {name: text for name, text in os.environ.items() if name[:7] != "SIJILL_"}
    ran = subprocess.run(
        [sys.executable, "-m", "sijill", *map(str, words), "--output", "json"],
        check=False,
        capture_output=True,
        text=True,
        timeout=STEPS_SECONDS,
        env=environment,
    )
    assert ran.returncode == code, f"{words}: {ran.stdout[-2_000:]} {ran.stderr[-2_000:]}"
    return json.loads(ran.stdout.strip().splitlines()[-1] if words[1] == "fsck" else ran.stdout)


def took_everything(served: Served, folder: Path, issued: list[dict[str, Any]]) -> None:
    """Each verb of an auditor's once, and what it took fits together."""
    url = ("--from", served.url)
    copy, lines, mirror = folder / "copy", folder / "lines", folder / "mirror"
    first = run("log", "export", copy, *url)
    (folder / "old").write_bytes((copy / "checkpoint").read_bytes())
    run("log", "export", lines, "--format", "ndjson", *url)
    run("mirror", mirror, *url, "--once")
    seen = len(issued)
    served.anybody().text(f"/log/checkpoint?covers={issued[seen - 1]['index']}")
    again = run("log", "export", copy, *url)
    assert again["before"] == first["size"] < again["size"]
    run("mirror", mirror, *url, "--once")
    told = run("log", "consistency", folder / "old", copy / "checkpoint", "--folder", copy)
    assert told["new"]["size"] == again["size"]
    for source in (("--folder", copy), ("--folder", mirror), url):
        assert run("log", "fsck", *source)["summary"]["findings"] == 0
    evidence = folder / "evidence"
    report = run(
        "bundle", "create", issued[seen - 1]["code"], "--url", served.url, "--to", evidence
    )
    assert report["outcome"] == "valid"
    run("bundle", "verify", evidence, "--trust", copy / "ledger.json")
    replayed = run("log", "replay", "--at", "9", "--data", served.folder)
    assert replayed["at"] == 9


def test_all_of_it_works_while_two_processes_are_written_to(
    ledger_folder: Path, tmp_path: Path
) -> None:
    witness = make(tmp_path / "witness", "w.example").verifier
    policy = tmp_path / "policy"
    with serving(ledger_folder) as served:
        vkey = served.anybody().text("/log/vkey").decode().strip()
    with witness_process(tmp_path / "witness", vkey) as address:
        policy.write_text(f"log {vkey}\nwitness w {witness.encode()} {address}\nquorum w\n")
        with serving(
            ledger_folder, workers=2, environment={"SIJILL_WITNESSES": str(policy)}
        ) as served:
            agency = served.agency()
            agency.issue()
            with written_to(agency) as issued:
                took_everything(served, tmp_path, issued)
            data = served.anybody().text(f"/log/checkpoint?covers={issued[-1]['index']}")
            assert [one.key for one in cosignature.cosigned(data, [witness])] == [witness]
            open_checkpoint(data, origin=ORIGIN, verifiers=served.anybody().identity.log_keys)
            assert run("log", "fsck", "--data", ledger_folder)["summary"]["findings"] == 0
