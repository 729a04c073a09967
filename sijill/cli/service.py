"""The operator's verbs: found, serve, upgrade. What they do lies in modules of its own."""

import shlex
import sys
from pathlib import Path
from typing import Annotated

from cyclopts import App, Group, Parameter
from cyclopts.validators import Number

from sijill.cli.faults import verb
from sijill.cli.options import Talk
from sijill.cli.output import Output

QUIET = Talk()
_FOLDER = Group("Folder", sort_key=80)

Data = Annotated[
    Path,
    Parameter(
        group=_FOLDER,
        env_var="SIJILL_DATA",
        help="The ledger's folder: keys, tiles and, if embedded, PostgreSQL.",
    ),
]
DATA = Path("sijill-data")
PORT = 8080


def check_origin(_: object, origin: str | None) -> None:
    """Cyclopts makes a usage error of this ValueError."""
    from pydantic import TypeAdapter, ValidationError

    from domain.values import Origin

    try:
        TypeAdapter(Origin | None).validate_python(origin)
    except ValidationError:
        raise ValueError(
            "a log's name is a URL without its scheme, in small letters, like sijill.example/log"
        ) from None


@verb
def init(
    *,
    data: Data = DATA,
    origin: Annotated[
        str,
        Parameter(
            validator=check_origin,
            help="The log's name: a URL without its scheme, such as sijill.example/log.",
        ),
    ],
    successor_of: Annotated[
        Path | None,
        Parameter(
            help="State folder of a client of the log that is over: the new log's name goes on "
            "with that one's last checkpoint, `/after-SIZE/ROOT`, the root in base32."
        ),
    ] = None,
    talk: Talk = QUIET,
) -> int:
    """Found a new ledger: database, schema, keys, the two founding authorities, event 0.

    The founders' keys are made under the folder, with their recovery keys: take them to other
    machines. A folder that holds a ledger is refused.
    """
    from sijill.founding import found, succeeding

    output = Output(talk)
    if successor_of is not None:
        origin = succeeding(origin, successor_of)
    founded = found(data, origin)
    keys = sorted(str(path) for path in founded.folder.keys.iterdir())
    said = {
        "ledger": founded.ledger.hex(),
        "origin": founded.origin,
        "data": str(founded.folder.path),
        "keys": keys,
    }
    lines = (
        output.words("cli.founded", origin=founded.origin, data=str(data)),
        f"ledger: {founded.ledger.hex()}",
        *keys,
    )
    output.result(said, *lines)
    output.say(output.words("cli.founded_next", data=shlex.quote(str(data))))
    return 0


@verb
def serve(
    *,
    data: Data = DATA,
    host: Annotated[str, Parameter(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, Parameter(help="The port; 0 picks one.")] = PORT,
    workers: Annotated[
        int, Parameter(validator=Number(gte=1), help="How many HTTP processes.")
    ] = 2,
    talk: Talk = QUIET,
) -> int:
    """Serve a ledger until SIGTERM or Ctrl-C; says `sijill ready URL` on standard error."""
    from sijill.serving import serve as run

    del talk
    run(data, host=host, port=port, workers=workers)
    return 0


@verb
def demo(
    *,
    data: Annotated[
        Path | None,
        Parameter(group=_FOLDER, help="A folder to keep; by default one that is removed."),
    ] = None,
    port: Annotated[
        int | None,
        Parameter(help="The port; 0 picks one. By default 8080, or another where that is taken."),
    ] = None,
    no_serve: Annotated[
        bool, Parameter(negative="", show_default=False, help="End instead of serving on.")
    ] = False,
    talk: Talk = QUIET,
) -> int:
    """Play a whole ledger's life with real agencies and made-up holders, then serve it."""
    from sijill.demo import run

    watched = sys.stdin.isatty() and sys.stderr.isatty()
    run(Output(talk), data=data, port=port, serve=watched and not no_serve)
    return 0


db = App(name="db", help="The database's schema.")


@db.command
@verb
def upgrade(*, data: Data = DATA, talk: Talk = QUIET) -> int:
    """Bring the database to the schema of this release; what is there already stays."""
    from infrastructure import migrations, postgres
    from sijill.cli.databases import running_database

    output = Output(talk)
    with running_database(data) as urls:
        before = migrations.current(urls.admin)
        migrations.upgrade(urls.admin)
        postgres.prepare(urls)
    said = {"from": before, "to": migrations.head()}
    output.result(said, output.words("cli.upgraded", revision=str(said["to"])))
    return 0


@db.command
@verb
def prepare(*, data: Data = DATA, talk: Talk = QUIET) -> int:
    """Build the read models of this release beside those in use, while an older release serves.

    Run it with the new release before the old one is stopped: verdicts then miss nothing but a
    restart. It may be repeated, and goes on where it was cut off.
    """
    import asyncio

    from infrastructure import postgres
    from projections import model
    from sijill.cli.databases import running_database

    async def build(url: str) -> int:
        limits = postgres.PATIENT
        async with await postgres.connect_async(
            url, postgres.Role.KEEPER, autocommit=True, limits=limits
        ) as conn:
            return await model.prepare(conn)

    output = Output(talk)
    with running_database(data) as urls:
        index = asyncio.run(build(urls.keeper))
    output.result({"index": index}, output.words("cli.read_models_prepared", index=str(index)))
    return 0
