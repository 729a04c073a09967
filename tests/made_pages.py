"""The parts of the documents that are read from the code, so that they cannot differ from it.

A part stands in its page between two comments, `<!-- made: NAME -->` and `<!-- end -->`. The tests
compare what stands there with what the code says today; `python -m tests.made_pages` writes it.
"""

import ast
import re
from collections.abc import Callable, Iterator
from enum import StrEnum
from inspect import cleandoc
from pathlib import Path
from typing import Any, get_args

from cyclopts import App
from pydantic_core import PydanticUndefined

from api.app import create_app
from api.i18n import outline, translate
from api.problems import STATUS, Problem, status_of
from domain.acts import ACTS, Cosigning
from domain.errors import Refusal
from infrastructure.log import refusals
from infrastructure.proofs.errors import ProofError
from sijill.cli import app as command_line
from sijill.doctor import CODES as DOCTOR_CODES
from sijill.settings import Settings
from tests.api.codes_in_source import NEVER_SHOWN

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PART = re.compile(r"(<!-- made: ([a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)
# What the ledger's HTTP layer, and the parsers of what is sent to it, may refuse.
_REFUSING = ("api", "infrastructure/proofs", "sijill/rotation.py")
# Parsers of what the ledger itself says: their refusals meet a client or a check, never a sender.
_OF_THE_READER = frozenset(
    {
        "authorship",
        "bundle",
        "checkpoint",
        "codes",
        "cosignature",
        "evidence",
        "fsck",
        "keyring",
        "leaf",
        "material",
        "merkle",
        "note",
        "ordering",
        "policy",
        "reaching",
        "receipts",
        "tiles",
        "tlogproof",
        "witnessing",
    }
)
_FAILURES = (refusals.StoreUnavailable, refusals.AppendFailed)


def verbs(app: App = command_line, path: tuple[str, ...] = ()) -> Iterator[tuple[str, App]]:
    """Every verb of the command line by its words, in the order of its help."""
    names = [name for name in app if not name.startswith("-")]
    if path and not names:
        yield " ".join(path), app
    for name in names:
        yield from verbs(app[name], (*path, name))


def arguments(app: App) -> list[Any]:
    """What a verb takes and shows in its help."""
    return [one for one in app.assemble_argument_collection() if one.show]


def options(app: App) -> set[str]:
    """The names of a verb's options."""
    named = {name for one in arguments(app) for name in (*one.names, *one.negatives)}
    return {name for name in named if name.startswith("--")} | {"--help"}


def variables_of_the_command_line() -> dict[str, list[str]]:
    """Environment variables that verbs read, with the options that each stands for."""
    found: dict[str, list[str]] = {}
    for _, app in verbs():
        for one in arguments(app):
            for variable in one.parameter.env_var:
                options = found.setdefault(variable, [])
                options += [name for name in one.names[:1] if name not in options]
    return found


def _command_line() -> Iterator[str]:
    shared = {"--output", "--language", "--url", "--state", "--key", "--agency"}
    for words, app in verbs():
        taken = arguments(app)
        places = [one.names[0] for one in taken if not one.names[0].startswith("--")]
        yield f"### sijill {' '.join([words, *places])}"
        yield ""
        yield cleandoc(app.help)
        yield ""
        own = [one for one in taken if one.names[0] not in {*shared, *places}]
        for one in own:
            yield f"- `{one.names[0]}`{_values(one)}: {_sentence(one)}"
        common = [one.names[0] for one in taken if one.names[0] in shared]
        if own:
            yield ""
        yield f"Shared options: {', '.join(f'`{name}`' for name in sorted(common))}."
        yield ""


def _values(one: Any) -> str:
    words = _words(one.hint)
    text = f" ({' · '.join(words)})" if words else ""
    return text + (", required" if one.required else "")


def _words(hint: Any) -> list[str]:
    found: list[str] = []
    for value in get_args(hint):
        found += [value] if isinstance(value, str) else _words(value)
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        found += [one.value for one in hint]
    return found


def _sentence(one: Any) -> str:
    text = " ".join((one.parameter.help or "").split())
    default = one.field_info.default
    shown = isinstance(default, str | int | Path) and not isinstance(default, bool)
    return f"{text} Default: `{default}`." if shown and not one.required else text


def _acts() -> Iterator[str]:
    yield "| Act | `POST` | Scope | Signers beside the orderer | Bulk |"
    yield "|---|---|---|---|---|"
    for name, command in sorted(ACTS.items()):
        act = command.ACT
        if act.cosigning is not Cosigning.GENESIS:
            bulk = "yes" if act.bulk else ""
            yield f"| `{name}` | `{act.path}` | {act.scope} | {act.cosigning} | {bulk} |"


def _reads() -> Iterator[str]:
    acts = {command.ACT.path for command in ACTS.values()}
    yield "| Request | What it answers |"
    yield "|---|---|"
    for path, methods in contract()["paths"].items():
        for method, operation in methods.items():
            if not (method == "post" and path in acts):
                text = operation["description"].partition("\n\n")[0]
                text = " ".join(text.split()).replace("|", "\\|")
                yield f"| `{method.upper()} {path}` | {text} |"


def contract() -> dict[str, Any]:
    """The contract as the service gives it at `/openapi.json`."""
    return create_app(_never).openapi()


async def _never() -> Any:
    raise NotImplementedError


def _codes() -> Iterator[str]:
    yield "| Code | Status | Title |"
    yield "|---|---|---|"
    for code, status in sorted(http_codes().items()):
        yield f"| `{code}` | {status} | {translate('en', f'problem.{code}.title')} |"


def http_codes() -> dict[str, int]:
    """Every code that an answer over HTTP may have, with its status."""
    found = {code: Problem(code).status for code in STATUS}
    for kind in _kinds(Refusal):
        found[kind.code] = status_of(kind.__new__(kind))
    found |= {kind.code: status_of(kind()) for kind in _FAILURES}
    for name, code in _raised():
        error = Problem(code) if name == "Problem" else ProofError(code)
        found.setdefault(code, status_of(error))
    return {code: status for code, status in found.items() if code not in NEVER_SHOWN}


def _kinds(kind: type[Refusal]) -> Iterator[type[Refusal]]:
    for one in kind.__subclasses__():
        if "code" in one.__dict__:
            yield one
        yield from _kinds(one)


def _raised() -> Iterator[tuple[str, str]]:
    for place in _REFUSING:
        path = ROOT / place
        for source in [path] if path.is_file() else sorted(path.rglob("*.py")):
            if source.stem in _OF_THE_READER and "proofs" in source.parts:
                continue
            for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
                match node:
                    case ast.Call(
                        func=ast.Name(id="Problem" | "ProofError" as name),
                        args=[ast.Constant(value=str(code)), *_],
                    ):
                        yield name, code
                    case _:
                        pass


def _settings() -> Iterator[str]:
    yield "| Variable | Default | Meaning |"
    yield "|---|---|---|"
    for name, field in Settings.model_fields.items():
        default = "" if field.default in {None, PydanticUndefined} else f"`{field.default}`"
        yield f"| `SIJILL_{name.upper()}` | {default} | {field.description} |"


def _doctor() -> Iterator[str]:
    yield "| Code | What it says |"
    yield "|---|---|"
    for code in sorted(DOCTOR_CODES):
        yield f"| `{code}` | {outline('en', f'doctor.{code}')} |"


def _variables() -> Iterator[str]:
    yield "| Variable | Stands for |"
    yield "|---|---|"
    for variable, options in sorted(variables_of_the_command_line().items()):
        option = "`, `".join(sorted(options))
        yield f"| `{variable}` | `{option}` |"


PARTS: dict[str, Callable[[], Iterator[str]]] = {
    "verbs": _command_line,
    "acts": _acts,
    "reads": _reads,
    "codes": _codes,
    "settings": _settings,
    "variables": _variables,
    "doctor": _doctor,
}


def remade(page: str) -> str:
    """The page with every made part as the code has it today."""

    def part(found: re.Match[str]) -> str:
        return found[1] + "\n".join(PARTS[found[2]]()).rstrip() + "\n" + found[3]

    return PART.sub(part, page)


def main() -> None:
    """Write the parts into their pages."""
    for page in sorted(DOCS.rglob("*.md")):
        text = page.read_text(encoding="utf-8")
        page.write_text(remade(text), encoding="utf-8")


if __name__ == "__main__":
    main()
