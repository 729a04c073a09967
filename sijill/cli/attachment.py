"""`sijill attachment`: files that belong to records, and objects that nothing names any more."""

from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter
from cyclopts.validators import Number

from sijill.cli.faults import verb
from sijill.cli.options import Desk, Queue, Talk
from sijill.cli.output import Output
from sijill.cli.service import DATA, QUIET, Data

app = App(name="attachment", help="Files that belong to records: upload, list, download.")

Id = Annotated[str, Parameter(help="The attachment's id.")]
_COLUMNS = {
    "attachment": "cli.column.attachment",
    "size": "cli.column.size",
    "claim": "cli.column.claim",
    "index": "cli.column.index",
}


@app.command
@verb
def upload(
    file: Annotated[Path, Parameter(help="The file.", allow_leading_hyphen=True)],
    /,
    *,
    queue: Queue = False,
    desk: Desk,
) -> int:
    """Upload a file for a record that will commit to it: the `document` of a certificate.

    Run again after whatever went wrong, it sends what the ledger lacks. The next statement of this
    agency that commits to the file's SHA-256 takes it; one that nothing has named in 31 days goes.
    """
    if queue:
        from sijill.cli.outbox import queue_file

        return queue_file(desk, file)
    from sijill.client.attachments import Attachments

    output = Output(desk)
    with desk.client() as client:
        found = Attachments(client).upload(file)
    text = output.words("cli.uploaded", attachment=found["attachment"], size=found["size"])
    output.result(found, text, f"sha256: {found['sha256']}")
    return 0


@app.command(name="list")
@verb
def list_(
    code: Annotated[str, Parameter(help="The public code of a certificate, or of a request.")],
    /,
    *,
    desk: Desk,
) -> int:
    """List what a certificate or a request for authenticity has attached, the oldest first."""
    from sijill.cli.reading import normal_code

    output = Output(desk)
    with desk.client() as client:
        found = client.get("/v1/attachments", code=normal_code(code))
    output.result(found, *output.table(found["items"], _COLUMNS))
    return 0


@app.command
@verb
def show(attachment: Id, /, *, desk: Desk) -> int:
    """Show where an upload stands, or which event commits to an attachment."""
    with desk.client() as client:
        found: dict[str, Any] = client.get(f"/v1/attachments/{attachment}")
    Output(desk).result(found, *(f"{name}: {value}" for name, value in found.items()))
    return 0


@app.command
@verb
def download(
    attachment: Id,
    /,
    *,
    into: Annotated[Path, Parameter(help="The file to make; one that is there is replaced.")],
    desk: Desk,
) -> int:
    """Download an attachment; the file appears only if it is the one that the log commits to."""
    from sijill.client.attachments import Attachments

    output = Output(desk)
    with desk.client() as client:
        found = Attachments(client).download(attachment, into)
    text = output.words("cli.downloaded", path=str(into), index=found["index"])
    output.result({**found, "path": str(into)}, text)
    return 0


@app.command
@verb
def drop(attachment: Id, /, *, desk: Desk) -> int:
    """Let an upload go that no record has."""
    from sijill.client.attachments import Attachments

    output = Output(desk)
    with desk.client() as client:
        Attachments(client).drop(attachment)
    output.result({"attachment": attachment}, output.words("cli.upload_dropped"))
    return 0


@app.command
@verb
def sweep(
    *,
    data: Data = DATA,
    older_than_days: Annotated[
        int,
        Parameter(
            validator=Number(gte=1), help="What was written within so many days is left alone."
        ),
    ] = 7,
    dry_run: Annotated[
        bool, Parameter(negative="", help="Count them, and let none of them go.")
    ] = False,
    talk: Talk = QUIET,
) -> int:
    """Let stored objects go that no upload and no record names, left by whoever was cut off.

    For the operator, beside the service or without it. Nothing that the ledger knows is touched.
    An older copy of a ledger, or another one, is refused: it does not know what it would let go.
    """
    import time

    from infrastructure import postgres
    from infrastructure.postgres import Role
    from sijill.cli.databases import running_database
    from sijill.folder import Folder
    from sijill.orphans import claim
    from sijill.orphans import sweep as run
    from sijill.settings import Settings

    output = Output(talk)
    since = time.time() - older_than_days * 86_400
    objects = Settings(data=data).storage().objects
    with (
        running_database(data) as urls,
        postgres.connect(
            urls.service, Role.SERVICE, autocommit=True, limits=postgres.PATIENT
        ) as conn,
    ):
        claim(conn, objects, Folder(data), note=not dry_run)
        swept = run(conn, objects, since=since, delete=not dry_run)
    words = "cli.objects_unnamed" if dry_run else "cli.objects_swept"
    output.result(swept._asdict(), output.words(words, **swept._asdict()))
    return 0
