"""The demonstration: a real ledger from nothing to a caught forger, in under two minutes.

Everything happens as in service: a founded ledger, served over HTTP, orders signed by keys that
were enrolled by the ceremonies. Only the holders are placeholders. It runs on the embedded
PostgreSQL, whatever database the environment names, because it changes things behind a ledger's
back.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from domain.errors import LedgerAlreadyOpen
from infrastructure.proofs.fsck import Trust
from sijill import audit
from sijill.cli.checking import meaning
from sijill.cli.output import Output
from sijill.client import Client
from sijill.data import bodies
from sijill.demo import authenticity, scenes
from sijill.demo import cast as casting
from sijill.demo.ending import Ending, Steps
from sijill.demo.plan import CERTIFICATES, LOTS, holder
from sijill.folder import Folder
from sijill.founding import found
from sijill.settings import EXTERNAL, Settings
from sijill.supervisor import AddressUnusable, listen

ORIGIN = "demo.sijill.example/ledger"
HOST = "127.0.0.1"
PORT = 8080
READY = "sijill ready "
STOP_SECONDS = 60


class ServiceEnded(Exception):
    """The service ended before it was ready; its last words are the text."""

    code = "service_ended"


def run(output: Output, *, data: Path | None, port: int | None, serve: bool) -> dict[str, Any]:
    """Play the demonstration, tell how it went, and serve on when `serve`.

    `data` is kept; without it a folder is made and removed at the end. Without a `port` it is the
    usual one, or another where that is taken.

    Raises:
        LedgerAlreadyOpen: `data` holds a ledger. AddressUnusable: `port` is taken. ServiceEnded:
        it could not be served. KeyboardInterrupt: it was stopped before its end.
    """
    for name in EXTERNAL:
        os.environ.pop(name, None)
    if data is not None and Folder(data).keys.exists():
        raise LedgerAlreadyOpen
    free = _free_port(port)
    # Whoever stops it by a signal leaves no service and no folder behind either.
    ending = Ending()
    before = signal.signal(signal.SIGTERM, ending.ask)
    chosen = data or Path(tempfile.mkdtemp(prefix="sijill-demo-"))
    try:
        return _play(output, chosen, free, ending, serve=serve, kept=data is not None)
    finally:
        signal.signal(signal.SIGTERM, before)
        if data is None:
            shutil.rmtree(chosen, ignore_errors=True)


def _free_port(wanted: int | None) -> int:
    """A port that can be listened on, found out before anything is made."""
    try:
        listen(HOST, PORT if wanted is None else wanted).close()
    except AddressUnusable:
        if wanted is not None:
            raise
        return 0
    return PORT if wanted is None else wanted


def _play(
    output: Output, data: Path, port: int, ending: Ending, *, serve: bool, kept: bool
) -> dict[str, Any]:
    started = time.monotonic()
    output.say(output.words("cli.demo.founding"))
    ledger = found(data, ORIGIN)
    with served(data, port) as (url, process):
        output.say(output.words("cli.demo.serving", url=url))
        told = _scenes(output, url, ledger.folder, ending)
        told |= {"url": url, "ledger": ledger.ledger.hex(), "data": str(data)}
        told["seconds"] = round(time.monotonic() - started, 1)
        output.result(told, *_done(output, told), *_next(told, serve=serve, kept=kept))
        if serve:
            output.say(output.words("cli.demo.stop"), colour="bold")
            with suppress(KeyboardInterrupt):
                ending.check()
                process.wait()
    return told


def _scenes(output: Output, url: str, folder: Folder, ending: Ending) -> dict[str, Any]:
    output.say(output.words("cli.demo.agencies"))
    progress = Steps(output, ending)
    cast = casting.assemble(url, folder.path, progress.step)
    progress.end()
    try:
        output.say(output.words("cli.demo.issuing", count=CERTIFICATES))
        progress = Steps(output, ending)
        issued = scenes.issue(cast, progress.step)
        progress.end()
        became = scenes.withdraw(cast, issued)
        authentic = _authenticity(output, cast, folder, issued)
    finally:
        cast.close()
    with Client(
        url, state=folder.path / "clients" / "anybody", language=output.language
    ) as anybody:
        verdicts = _verify(output, anybody, issued, became)
        size, index = scenes.prove(anybody, issued.receipt)
        output.say(output.words("cli.demo.proven", size=size, index=index), colour="green")
        identity = anybody.identity
    findings = _forge(
        output,
        folder,
        index,
        Trust(ledger=identity.ledger, log_keys=[identity.log], acts=audit.act_rules()),
    )
    return {
        "agencies": len(bodies()),
        "certificates": CERTIFICATES,
        "verdicts": verdicts,
        "authenticity": authentic,
        "checkpoint_size": size,
        "findings": findings,
    }


def _authenticity(
    output: Output, cast: casting.Cast, folder: Folder, issued: scenes.Issued
) -> list[dict[str, Any]]:
    """Have a ministry ask about documents, and print what each question came to."""
    output.say(output.words("cli.demo.authenticity"))
    told = authenticity.play(cast, folder, issued.code("degree", 0))
    for one in told:
        state = output.words(f"state.authenticity.{one['state']}")
        finding = output.words(f"word.authenticity.finding.{one['finding']}")
        output.say(f"  {one['request']}  {state}: {finding} [{one['finding']}]")
    return told


def _verify(
    output: Output, anybody: Client, issued: scenes.Issued, became: dict[str, str]
) -> list[dict[str, str]]:
    """Ask about some documents as anybody can, and print each answer with its reason."""
    lot = LOTS[0]
    good = issued.code(lot.type, lot.count - 1)
    name = holder(lot.count)
    questions: list[tuple[str, dict[str, Any]]] = [
        ("matching", {"code": good, "fields": {lot.holder_field: name}}),
        ("wrong_name", {"code": good, "fields": {lot.holder_field: f"{name} آخر"}}),
        *((what, {"code": code}) for what, code in became.items()),
    ]
    answers = []
    for what, question in questions:
        answer = anybody.post("/v1/verify", question)
        told = {name: answer[name] for name in ("outcome", "reason")}
        answers.append({"case": what, "code": question["code"], **told})
        output.say(
            f"  {question['code']}  {answer['headline']}: {answer['text']} [{answer['reason']}]",
            colour=output.verdict_colour(answer["outcome"]),
        )
    return answers


def _forge(output: Output, folder: Folder, index: int, trust: Trust) -> list[dict[str, Any]]:
    output.say(output.words("cli.demo.forging", index=index))
    server = Settings(data=folder.path).embedded()
    findings = scenes.tamper(server, folder, trust, index)
    for finding in findings:
        told = meaning(finding.code, output)
        output.say(f"  {finding.code} @ {finding.index}: {told}", colour="red")
    return [{"code": one.code, "index": one.index} for one in findings]


def _done(output: Output, told: dict[str, Any]) -> list[str]:
    """What was done, for people; with what to try next about ten lines."""
    words, first = output.words, told["verdicts"][0]
    done = (
        words("cli.demo.done_agencies", count=told["agencies"]),
        words("cli.demo.done_certificates", count=told["certificates"]),
        words("cli.demo.done_verdicts", count=len(told["verdicts"]), code=first["code"]),
        words("cli.demo.done_checkpoint", size=told["checkpoint_size"]),
        words("cli.demo.done_forgery", count=len(told["findings"])),
    )
    return [
        words("cli.demo.done", seconds=str(told["seconds"]), url=told["url"]),
        *(f"  {line}" for line in done),
        words("cli.demo.next"),
    ]


def _next(told: dict[str, Any], *, serve: bool, kept: bool) -> list[str]:
    """Commands that work from here on: the service goes on, or its folder is there, or neither."""
    code = told["verdicts"][0]["code"]
    if serve:
        url = told["url"]
        return [
            f"  curl {url}/v1/verify/{code}",
            f"  curl {url}/log/checkpoint",
            f"  sijill log fsck --from {url}",
            f"  {url}/docs",
        ]
    data = told["data"] if kept else "sijill-demo"
    after = [f"  sijill serve --data {data}", f"  sijill log fsck --data {data}"]
    if not kept:
        return [f"  sijill demo --data {data}", *after]
    return [*after, f"  sijill verify {code} --url http://{HOST}:{PORT}"]


@contextmanager
def served(
    data: Path, port: int, *, workers: int = 2
) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Serve the ledger in a process of its own, as an operator would."""
    command = [sys.executable, "-m", "sijill", "serve", "--data", str(data), "--port", str(port)]
    command += ["--workers", str(workers)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    talk: list[str] = []
    ready = threading.Event()
    address: list[str] = []

    def listen() -> None:
        for line in process.stderr or ():
            talk.append(line.rstrip())
            if line.startswith(READY):
                address.append(line.removeprefix(READY).strip())
                ready.set()
        ready.set()

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    try:
        ready.wait()
        if not address:
            raise ServiceEnded("\n".join(talk[-5:]))
        yield address[0], process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.wait(STOP_SECONDS)
        listener.join()
        if process.stderr is not None:
            process.stderr.close()
