"""`sijill drill`: does the check find what it says it finds?"""

from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from sijill.cli import codes
from sijill.cli.faults import verb
from sijill.cli.options import Talk
from sijill.cli.output import Output

if TYPE_CHECKING:
    from sijill.drill import Row

app = App(name="drill", help="Attack a throw-away ledger in every way, and see who finds it.")
QUIET = Talk()


@app.command
@verb
def tamper(
    *,
    markdown: Annotated[
        bool,
        Parameter(negative="", show_default=False, help="The table as ARCHITECTURE.md has it."),
    ] = False,
    talk: Talk = QUIET,
) -> int:
    """Make a ledger, tamper with a copy of it in every way, and tell who found what.

    Nothing that exists is touched. Exits with 6 when an attack was not found by who should.
    """
    from sijill.drill import STEPS, run
    from sijill.drill.attacks import ATTACKS
    from sijill.drill.telling import document

    output = Output(talk)
    count = STEPS + len(ATTACKS)
    done = 0

    def step() -> None:
        nonlocal done
        done += 1
        output.say(output.words("cli.drill.step", step=done, steps=count))

    def row(one: "Row") -> None:
        step()
        if not markdown:
            output.item(_said(one), *_lines(one, output))

    rows = run(step, row)
    if markdown:
        output.result([_said(one) for one in rows], document(rows).rstrip("\n"))
    missed = [one.attack.name for one in rows if not one.detected]
    output.say(output.words("cli.drill.done", attacks=len(rows), missed=len(missed)))
    return codes.FINDINGS if missed else codes.DONE


def _said(row: "Row") -> dict[str, Any]:
    return {
        "attack": row.attack.name,
        "right": row.attack.right,
        "expected": {"eye": row.attack.eye, "code": row.attack.code},
        "found": row.found,
        "detected": row.detected,
    }


def _lines(row: "Row", output: Output) -> list[str]:
    words = output.words
    text = (
        f"{words(f'drill.attack.{row.attack.name}')} ({words(f'drill.right.{row.attack.right}')})"
    )
    eyes = [f"  {words(f'drill.eye.{eye}')}: {', '.join(one)}" for eye, one in row.found.items()]
    return [text, *(eyes or [f"  {words('drill.unseen')}"])]
