"""`sijill log fsck`: brings the material and the trust to the checker, and tells what it finds."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

from infrastructure.keyfiles import load_private_key
from infrastructure.log.replaying import connected
from infrastructure.proofs import note
from infrastructure.proofs.checkpoint import Checkpoint
from infrastructure.proofs.earlier import Earlier
from infrastructure.proofs.errors import ProofError
from infrastructure.proofs.findings import MEANINGS, Finding, Summary
from infrastructure.proofs.fsck import Ahead, Trust
from infrastructure.proofs.material import Source, text_of
from sijill import attached, audit, books, quick
from sijill.ahead import ahead
from sijill.cli import codes
from sijill.cli.databases import running_database
from sijill.cli.faults import Unusable
from sijill.cli.log import Checked, Logged
from sijill.cli.output import Output, Progress, paint
from sijill.client import Client, Identity, State
from sijill.client.checking import HttpSource
from sijill.export.layout import Exported, NotExported
from sijill.folder import Folder
from sijill.notebook import Notebook, NotebookUnusable, notebook

SQLITE: Final = b"SQLite format 3\0"
WORTH_PROCESSES: Final = 5_000
"""Leaves from which on the start of further processes costs less than they save."""


@dataclass(frozen=True)
class Material:
    """What a log is checked from; `keeper` is the connection string of who keeps read models.

    `name` tells it from other sources of the same log.
    """

    source: Source
    name: str
    keeper: str | None = None


def check_log(checked: Checked) -> int:
    """Check the log that the options name."""
    output = Output(checked)
    if checked.quick and checked.data is not None:
        try:
            _tell(_quickly(checked, checked.data, output), output)
        except quick.NotClean:
            output.say(output.words("cli.audit.not_clean"))
        else:
            return codes.DONE

    def on_finding(finding: Finding) -> None:
        said = {**asdict(finding), "meaning": finding.meaning}
        place = "-" if finding.index is None else finding.index
        output.item(said, f"{place}  {finding.code}  {finding.expected} {finding.found}".rstrip())
        output.say(meaning(finding.code, output))

    anchor = _note(checked.since)
    since = nullcontext() if checked.since is None or anchor else notebook(checked.since)
    compares = checked.since is None if checked.read_models is None else checked.read_models
    with material(checked) as given, since as kept:
        # Before anything is read: the view is of that moment, and the mark may move on behind it.
        trusted = _trust(checked)
        before = 0
        if kept is not None and checked.since is not None:
            known = kept.state()
            books.require_fit(given.source, given.name, known, checked.since)
            before = (known or {}).get("size", 0)
        if anchor is not None and checked.since is not None:
            begin = Checkpoint.parse(text_of(anchor))
            _require_origin(given.source, begin, checked.since)
            held = [*trusted.checkpoints, anchor]
            before, trusted = begin.size, replace(trusted, since=begin, checkpoints=held)
        left = max(0, (_size(given.source) or 0) - before)
        progress = Progress(output, total=left)
        with _reading(checked, left) as reads:
            trust = replace(trusted, ahead=reads)
            summary = audit.check(
                given.source, trust, on_finding, progress.step, kept=kept, name=given.name
            )
        if given.keeper is None or not compares:
            summary.skip("projection_not_given", 0, summary.size)
        else:
            output.say(output.words("cli.audit.projecting"))
            audit.compare_projections(given.keeper, summary, on_finding)
        if checked.data is not None:
            if kept is None:
                attached.check_folder(checked.data, summary, on_finding, before)
            else:
                _attached(checked.data, kept, given.name, summary, on_finding)
    _tell(summary, output)
    return codes.FINDINGS if summary.findings else codes.DONE


def _attached(
    data: Path,
    kept: Notebook,
    name: str,
    summary: Summary,
    on_finding: Callable[[Finding], None],
) -> None:
    """Check attachments and values behind those that a check has gone through to the end."""
    state, earlier = kept.state() or {}, Earlier()
    earlier.resume(state["earlier"], Summary())

    def found(finding: Finding) -> None:
        earlier.keep(finding)
        on_finding(finding)

    attached.check_folder(data, summary, found, books.attached(state, name))
    if summary.size:
        # Of another ledger, or none, nothing is remembered.
        kept.keep(books.page_attached(state, name, earlier, summary))


def _quickly(checked: Checked, data: Path, output: Output) -> Summary:
    """Bytes and tree alone.

    Raises:
        quick.NotClean: they do not come out.
    """
    progress = Progress(output, total=None)
    with (
        running_database(data) as urls,
        connected(urls.service, _processes(checked)) as each,
    ):
        return quick.check(urls.service, each, Folder(data).tiles, _trust(checked), progress.reach)


def _note(path: Path | None) -> bytes | None:
    """The checkpoint in the file of `--since`, where it is one and no notebook.

    Raises:
        NotebookUnusable: it is neither.
    """
    if path is None or not path.exists() or path.stat().st_size == 0:
        return None
    with path.open("rb") as file:
        data = file.read(note.MAX_NOTE_BYTES)
    if data.startswith(SQLITE):
        return None
    try:
        Checkpoint.parse(text_of(data))
    except ProofError as error:
        raise NotebookUnusable(path) from error
    return data


def _require_origin(source: Source, kept: Checkpoint, path: Path) -> None:
    """Return where a checkpoint that somebody kept names the log that is checked.

    Raises:
        BookOfAnother: it names another one.
    """
    newest = source.newest()
    with suppress(ProofError):
        if newest is not None and Checkpoint.parse(text_of(newest)).origin != kept.origin:
            raise books.BookOfAnother(path)


def meaning(code: str, output: Output) -> str:
    """What a finding of this code means, in the reader's language; JSON keeps the checker's own."""
    return output.words(f"finding.{code}" if code in MEANINGS else "finding.malformed")


def _size(source: Source) -> int | None:
    """How many leaves there are to check, as the newest checkpoint says, its signature unread."""
    newest = source.newest()
    try:
        return None if newest is None else Checkpoint.parse(text_of(newest)).size
    except ProofError:
        return None


@contextmanager
def _reading(checked: Checked, leaves: int) -> Iterator[Ahead | None]:
    """Processes that read ahead, where that is worth their start."""
    if checked.processes is None and leaves < WORTH_PROCESSES:
        yield None
        return
    with ahead(_processes(checked)) as reads:
        yield reads


def _processes(checked: Checked) -> int:
    return checked.processes or os.cpu_count() or 1


@contextmanager
def material(checked: Logged) -> Iterator[Material]:
    """The log that the options name.

    Raises:
        Unusable: they name none.
    """
    if checked.data is not None:
        with (
            running_database(checked.data) as urls,
            audit.database_source(urls.service, Folder(checked.data).path / "log") as source,
        ):
            yield Material(source, f"data {checked.data.resolve()}", urls.keeper)
        return
    if checked.folder is not None:
        exported = Exported(checked.folder)
        if exported.newest() is None:
            raise NotExported
        yield Material(exported, f"folder {checked.folder.resolve()}")
        return
    if checked.source is None:
        raise Unusable(code="input_log_missing")
    key = load_private_key(checked.key) if checked.key else None
    with Client(checked.source, key=key, language=checked.chosen_language) as client:
        yield Material(HttpSource(client), client.url)


def _trust(checked: Checked) -> Trust:
    """What a client kept of this ledger; without it the log's own first event is believed.

    Beside a database lies its high-water mark: what was signed once must still be there.
    """
    marks = [Folder(checked.data).mark.read()] if checked.data is not None else []
    folder = checked.state
    if folder is None:
        return Trust(marks=marks, acts=audit.act_rules())
    # Read before anything is made there: a folder that was misspelt must not pass for trust.
    identity = Identity.parse((folder / "ledger.json").read_bytes())
    state = State(folder)
    checkpoint = state.read("checkpoint")
    return Trust(
        ledger=identity.ledger,
        log_keys=identity.log_keys,
        checkpoints=[checkpoint] if checkpoint else [],
        receipts=list(state.receipts()),
        marks=marks,
        acts=audit.act_rules(),
    )


def _tell(summary: Summary, output: Output) -> None:
    said: dict[str, Any] = asdict(summary)
    said["unchecked"] = [
        {**asdict(one), "meaning": one.meaning} for one in summary.unchecked.values()
    ]
    if output.json:
        output.item({"summary": said})
    for one in summary.unchecked.values():
        told = output.words(f"unchecked.{one.code}")
        output.say(f"{one.count} x {one.code} ({one.first}-{one.last}): {told}")
    text = output.words(
        "cli.checked",
        leaves=summary.leaves,
        bodies=summary.bodies,
        signatures=summary.signatures,
        checkpoints=summary.checkpoints,
        findings=summary.findings,
    )
    if output.json:
        output.say(text)
    else:
        output.result(None, paint(text, "red" if summary.findings else "green", sys.stdout))
