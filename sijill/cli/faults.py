"""When a verb does not end well: the words for it, and the exit code.

A problem is told as the ledger tells it: title, detail, advice, and the stable code last. What goes
wrong on this machine is told from the same catalogues.
"""

from collections.abc import Callable, Mapping
from functools import wraps
from inspect import signature
from typing import TYPE_CHECKING, Any, ParamSpec

from sijill.cli import codes
from sijill.cli.options import Talk
from sijill.cli.output import Output

if TYPE_CHECKING:
    from sijill.client import Unreachable

_P = ParamSpec("_P")
_QUIET = Talk()


class Unusable(Exception):
    """What the command line names cannot be used; `detail` is for developers."""

    def __init__(self, *, code: str, detail: str = "", **params: str | int) -> None:
        super().__init__(detail)
        self.code = code
        self.params = params


def verb(function: Callable[_P, int | None]) -> Callable[_P, int]:
    """A verb whose failures are told in words and end in their exit codes."""

    @wraps(function)
    def told(*args: _P.args, **kwargs: _P.kwargs) -> int:
        try:
            return function(*args, **kwargs) or codes.DONE
        except (KeyboardInterrupt, BrokenPipeError):
            raise
        except Exception as error:  # noqa: BLE001  # raised again by `tell` where no words exist
            bound = signature(function).bind(*args, **kwargs)
            bound.apply_defaults()
            talk = next((one for one in bound.arguments.values() if isinstance(one, Talk)), _QUIET)
            return tell(error, Output(talk))

    return told


def tell(error: Exception, output: Output) -> int:
    """Say what went wrong and return the exit code.

    Raises:
        Exception: the same error, if it is nothing that anybody has words for.
    """
    known = problem_of(error, output)
    if known is None:
        raise error
    problem, exit_code = known
    if output.json:
        # One line, as the last of many results too.
        output.item({"problem": problem})
    say(problem, output)
    return exit_code


def say(problem: Mapping[str, Any], output: Output) -> None:
    """Tell a problem: what it is, what happened, what to do, and its code."""
    if problem.get("title"):
        output.say(str(problem["title"]), colour="red")
    for member in ("detail", "advice"):
        if problem.get(member):
            output.say(str(problem[member]))
    for fault in problem.get("errors", []):
        output.say(f"  {fault.get('pointer') or '/'}: {fault.get('code')}")
    note = f": {problem['note']}" if problem.get("note") else ""
    output.say(f"({problem.get('code')}{note})", colour="dim")


def problem_of(error: Exception, output: Output) -> tuple[dict[str, Any], int] | None:
    """The problem behind an error and its exit code; None for a bug."""
    from sijill.client import Refused, Unreachable

    if isinstance(error, Refused):
        # What the client refused itself, or a proxy in between, comes without words.
        words = {} if "title" in error.problem else described(error.code, output)
        reached = codes.of_code(error.code) if error.foreign else codes.of_problem(error.status)
        return words | error.problem, reached
    if isinstance(error, Unreachable) and error.problem is not None:
        return _not_now(error, error.problem, output)
    if isinstance(error, OSError):
        params = {"path": str(error.filename or ""), "reason": error.strerror or str(error)}
        return described("input_unusable", output, params), codes.USAGE
    code = getattr(error, "code", None)
    return _coded(error, code, output) if isinstance(code, str) else None


def _coded(error: Exception, code: str, output: Output) -> tuple[dict[str, Any], int]:
    """The problem behind an error that names it by its stable code."""
    from domain.errors import Refusal
    from infrastructure.proofs.errors import ProofError
    from sijill.client import Unreachable, Untrustworthy

    params = {"path": str(getattr(error, "path", "")), **getattr(error, "params", {})}
    note = str(error).removeprefix(code).removeprefix(": ")
    problem = described(code, output, params, note=note)
    if pointers := getattr(error, "errors", None):
        # The note would only say the same once more, in one line.
        problem["errors"] = pointers
        problem.pop("note", None)
    if isinstance(error, Unreachable) and not error.order:
        problem["advice"] = output.words("cli.try_again")
    match error:
        case Refusal() | ProofError():
            return problem, codes.REFUSED
        case Untrustworthy():
            return problem, codes.FINDINGS
        case _:
            return problem, codes.of_code(code)


def _not_now(
    error: "Unreachable", problem: Mapping[str, Any], output: Output
) -> tuple[dict[str, Any], int]:
    """What a ledger said each time that it was asked, and the exit code for that.

    Being asked too often is no judgement, however often it is said.
    """
    from sijill.client import Refused

    said = codes.of_problem(Refused(problem).status)
    found = dict(problem)
    if error.order:
        again = output.words("problem.ledger_unreachable.advice")
        found["advice"] = f"{found.get('advice', '')} {again}".strip()
    return found, said if said == codes.FAILED else codes.NOT_READY


def described(
    code: str, output: Output, params: Mapping[str, str | int] | None = None, note: str = ""
) -> dict[str, Any]:
    """A problem of this machine: as the ledger describes its own, with a developer's note."""
    problem: dict[str, Any] = {"code": code}
    for part in ("title", "detail", "advice"):
        problem[part] = output.words(f"problem.{code}.{part}", **(params or {}))
    return problem | ({"note": note} if note else {})
