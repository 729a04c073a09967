"""`sijill witness`: eyes outside the ledger, which see that its log only grows."""

from pathlib import Path
from typing import Annotated

from cyclopts import App, Group, Parameter

from sijill.cli.faults import Unusable, verb
from sijill.cli.options import Talk
from sijill.cli.output import Output

app = App(name="witness", help="Cosign the checkpoints of logs that only grow.")
QUIET = Talk()
_FOLDER = Group("Folder", sort_key=80)
DATA = Path("sijill-witness")
PORT = 8081

Data = Annotated[
    Path, Parameter(group=_FOLDER, help="The witness's folder: its key, and what it has seen.")
]


@app.command
@verb
def init(
    *,
    data: Data = DATA,
    name: Annotated[str, Parameter(help="The witness's name: a URL without its scheme.")],
    talk: Talk = QUIET,
) -> int:
    """Make a witness: its folder and its key. Says the verifier key, for policies.

    It belongs on a machine that the log's operator does not run: a witness under the same hands
    sees nothing that they do not want it to see.
    """
    from sijill.witness import make

    output = Output(talk)
    vkey = make(data, name).verifier.encode()
    output.result({"name": name, "vkey": vkey, "data": str(data)}, vkey)
    return 0


@app.command
@verb
def serve(
    *,
    data: Data = DATA,
    log: Annotated[
        tuple[str, ...],
        Parameter(
            negative="",
            show_default=False,
            help="Verifier key of a log to watch (its `/log/vkey`); may be given again, also for "
            "the next key of the same log.",
        ),
    ] = (),
    policy: Annotated[
        Path | None, Parameter(help="A C2SP tlog-policy file whose `log` lines are watched, too.")
    ] = None,
    host: Annotated[str, Parameter(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, Parameter(help="The port; 0 picks one.")] = PORT,
    talk: Talk = QUIET,
) -> int:
    """Serve C2SP tlog-witness until SIGTERM or Ctrl-C; says `sijill ready URL` when it does."""
    from infrastructure.proofs import policy as policies
    from infrastructure.proofs.note import VerifierKey
    from sijill.standalone import serve as run
    from sijill.supervisor import listen
    from sijill.witness import Witness
    from sijill.witness.serving import application

    del talk
    keys = [VerifierKey.parse(one) for one in log]
    keys += policies.parse(policy.read_bytes()).logs if policy else ()
    if not keys:
        raise Unusable(code="input_log_missing")
    listener = listen(host, port)
    shown = f"[{host}]" if ":" in host else host
    run(
        application(Witness(data, keys)),
        listener,
        f"http://{shown}:{listener.getsockname()[1]}",
    )
    return 0
