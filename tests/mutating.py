"""Mutation testing of infrastructure/proofs: one change at a time, and which tests notice.

    python -m tests.mutating cosignature tlogproof merkle:merkle,merkle_refusals

Each change is made in memory, in a forked process that runs the tests of that module; nothing on
the disk is touched. A change that no test notices is told with its line. What survived the last
time, and why, stands in docs/reference/mutation.md.
"""

import ast
import importlib.abc
import importlib.machinery
import importlib.util
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import pytest
from hypothesis import settings

ROOT: Final = Path(__file__).parents[1]
ROOM: Final = "infrastructure.proofs"
TESTS: Final = "tests/infrastructure/proofs/test_{}.py"
SECONDS: Final = 300
"""After which a change that makes its tests run for ever counts as noticed."""

_COMPARED: Final[dict[type[ast.cmpop], type[ast.cmpop]]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
_COMPUTED: Final[dict[type[ast.operator], type[ast.operator]]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.BitXor: ast.BitAnd,
    ast.Mod: ast.Mult,
}


_WHOLE: Final[dict[type[ast.AST], str]] = {
    ast.BoolOp: "and_or",
    ast.If: "never",
    ast.Raise: "silence",
}


def changes(tree: ast.Module) -> Iterator[tuple[ast.AST, str, int]]:
    """Every place where something can be changed: the node, how, and which of its parts."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            for at, operator in enumerate(node.ops):
                if type(operator) in _COMPARED:
                    yield node, "compare", at
        elif how := _how(node):
            yield node, how, 0


def _how(node: ast.AST) -> str | None:
    match node:
        case ast.BinOp() | ast.AugAssign():
            return "compute" if type(node.op) in _COMPUTED else None
        case ast.Constant():
            return {bool: "flag", int: "number"}.get(type(node.value))
        case ast.Return():
            return None if node.value is None else "return"
        case _:
            return _WHOLE.get(type(node))


def changed(source: str, number: int) -> tuple[str, int, str]:
    """The source with one change; the line, and what stood there."""
    tree = ast.parse(source)
    found: Any
    found, how, at = list(changes(tree))[number]
    before = (ast.get_source_segment(source, found) or "").splitlines()[0]
    match how:
        case "compare":
            found.ops[at] = _COMPARED[type(found.ops[at])]()
        case "and_or":
            found.op = ast.Or() if isinstance(found.op, ast.And) else ast.And()
        case "compute":
            found.op = _COMPUTED[type(found.op)]()
        case "flag":
            found.value = not found.value
        case "number":
            found.value += 1
        case "return":
            found.value = ast.Constant(None)
        case "never":
            found.test = ast.Constant(value=False)
        case _:
            _silence(tree, found)
    return ast.unparse(ast.fix_missing_locations(tree)), found.lineno, f"{how}: {before}"


def _silence(tree: ast.Module, raising: ast.Raise) -> None:
    for node in ast.walk(tree):
        for _, value in ast.iter_fields(node):
            if isinstance(value, list) and raising in value:
                value[value.index(raising)] = ast.Pass(lineno=raising.lineno, col_offset=0)


class _Loader(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Gives one module another source."""

    def __init__(self, name: str, source: str) -> None:
        self._name = name
        self._source = source

    def find_spec(
        self, fullname: str, path: object, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """That module and no other."""
        del path, target
        return importlib.util.spec_from_loader(fullname, self) if fullname == self._name else None

    def exec_module(self, module: ModuleType) -> None:
        """Run the other source in its place."""
        exec(compile(self._source, self._name, "exec"), module.__dict__)  # noqa: S102 - our own text


# What tests load anyway is loaded once, before any fork: a child's start is most of its time.
_LOADED: Final = (
    *("asyncio", "http.client", "unittest.mock", "pydantic", "hypothesis.stateful"),
    *("hypothesis.internal.conjecture.engine", "cryptography.x509"),
    *("cryptography.hazmat.primitives.asymmetric.ec", "_pytest.assertion.rewrite"),
    "cryptography.hazmat.primitives.asymmetric.ed25519",
)


def noticed(module: str, source: str, tests: Sequence[str]) -> bool:
    """Whether the tests fail with this source; in a process of its own."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            quiet = os.open(os.devnull, os.O_WRONLY)
            os.dup2(quiet, 1)
            os.dup2(quiet, 2)
            signal.alarm(SECONDS)
            sys.meta_path.insert(0, _Loader(f"{ROOM}.{module}", source))
            # A busy machine is slow, and slow is not noticed: `SECONDS` alone says when to give up.
            settings.register_profile("mutating", deadline=None)
            settings.load_profile("mutating")
            plain = [
                "--noconftest",
                "-c",
                os.devnull,
                f"--rootdir={ROOT}",
                "-p",
                "no:cacheprovider",
            ]
            status = int(pytest.main([*plain, "-x", "-q", *tests]))
        finally:
            os._exit(status)
    _, ended = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(ended) != 0


def survivors(module: str, tests: Sequence[str]) -> Iterator[str]:
    """What can be changed in a module without any of these tests failing.

    Raises:
        RuntimeError: they fail without a change.
    """
    source = (ROOT / "infrastructure" / "proofs" / f"{module}.py").read_text(encoding="utf-8")
    plain = ast.unparse(ast.parse(source))
    if noticed(module, plain, tests):
        raise RuntimeError(f"the tests of {module} fail as it is")
    for number in range(len(list(changes(ast.parse(source))))):
        text, line, what = changed(source, number)
        if text != plain and not noticed(module, text, tests):
            yield f"{module}:{line} {what}"


def main() -> None:
    """Try the modules that are named, each with its tests: `module` or `module:test,test`."""
    os.chdir(ROOT)
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    for name in _LOADED:
        importlib.import_module(name)
    for word in sys.argv[1:]:
        module, _, names = word.partition(":")
        tests = [TESTS.format(name) for name in (names or module).split(",")]
        for one in survivors(module, tests):
            sys.stdout.write(f"{one}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
