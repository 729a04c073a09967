"""Which codes the source can show to a person, found by reading it, so that none is forgotten."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from api.problems import STATUS
from api.suspicions import Suspected
from domain.errors import Refusal
from domain.values import Standing
from infrastructure.log.sealer import FROZEN_CODES
from infrastructure.proofs.findings import MEANINGS, NOT_CHECKED
from infrastructure.proofs.verdict import CodeState, Outcome, Reason
from sijill.doctor import CODES as DOCTOR_CODES

ROOT = Path(__file__).parents[2]
PACKAGES = ("domain", "infrastructure", "projections", "api", "sijill")
# The committer sends a deferred request again by itself; no caller ever sees the word.
NEVER_SHOWN = frozenset({"deferred"})
# How an act is co-signed is for programs; where a record stands has its texts under `state`.
NOT_WORDS = frozenset({"Cosigning", "OriginalStatus", "Standing", "Status"})


@cache
def trees() -> tuple[ast.Module, ...]:
    paths = (path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py")))
    return tuple(ast.parse(path.read_text(encoding="utf-8")) for path in paths)


def refusals() -> dict[str, str]:
    """The code of every class that is defined with one, by the name of the class."""
    return {
        node.name: code
        for tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        for code in _keyword_codes(node.keywords)
    }


@cache
def coded_errors() -> frozenset[str]:
    """The classes that take their code as the first argument."""
    return frozenset(
        node.name
        for tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and any(map(_takes_code, node.body))
    )


def problem_codes() -> set[str]:
    codes = {*STATUS, *FROZEN_CODES, Refusal.code, *refusals().values()}
    for tree in trees():
        for node in ast.walk(tree):
            codes.update(_codes(node))
    return codes - NEVER_SHOWN


def message_ids() -> set[str]:
    """Every id that must have a text in every language."""
    ids = {f"verdict.outcome.{outcome}" for outcome in Outcome}
    ids |= {f"verdict.{part}.{reason}" for reason in Reason for part in ("reason", "advice")}
    ids |= {f"state.certificate.{state}" for state in CodeState}
    ids |= {f"state.agency.{standing}" for standing in Standing}
    ids |= {
        f"problem.{code}.{part}"
        for code in problem_codes()
        for part in ("title", "detail", "advice")
    }
    ids |= {f"doctor.{code}" for code in DOCTOR_CODES}
    ids |= {f"finding.{code}" for code in MEANINGS} | {f"unchecked.{code}" for code in NOT_CHECKED}
    ids |= (
        set(domain_words()) | {f"page.headline.{reason}" for reason in Reason} | set(page_words())
    )
    ids |= {f"page.report.kind.{kind}" for kind in Suspected}
    return ids | {text for tree in trees() for node in ast.walk(tree) for text in _literals(node)}


def page_words() -> Iterator[str]:
    """Whatever a template or a script of a page names in full."""
    for folder, form in (("templates", "*.html"), ("static/pages", "*.js")):
        for path in sorted((ROOT / "api" / folder).glob(form)):
            yield from re.findall(r'\bt\(\s*"([a-z._]+[a-z])"', path.read_text(encoding="utf-8"))


def domain_words() -> Iterator[str]:
    """`word.<noun>.<enumeration>.<value>` for every list of words that the domain defines."""
    for path in sorted((ROOT / "domain").rglob("*.py")):
        noun = path.relative_to(ROOT / "domain").parts[0].removesuffix(".py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.ClassDef(name=name, bases=[ast.Name(id="StrEnum")], body=body):
                    if name not in NOT_WORDS:
                        snake = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
                        yield from (f"word.{noun}.{snake}.{value}" for value in _values(body))
                case _:
                    pass


def raised_params() -> Iterator[tuple[str, set[str]]]:
    """(code, names of the values it brings) for every place that makes a refusal."""
    by_name = refusals()
    for tree in trees():
        for node in ast.walk(tree):
            names = {keyword.arg for keyword in getattr(node, "keywords", []) if keyword.arg}
            match node:
                case ast.Call(keywords=keywords) if len(names) < len(keywords):
                    pass  # a call with **values tells nothing
                case ast.Call() if _name(node) in by_name:
                    yield by_name[_name(node)], names
                case ast.Call(args=[ast.Constant(value=str(code)), *_]) if (
                    _name(node) in coded_errors()
                ):
                    yield code, names
                case _:
                    pass


def _takes_code(statement: ast.stmt) -> bool:
    match statement:
        case ast.FunctionDef(name="__init__", args=ast.arguments(posonlyargs=first, args=then)):
            return [one.arg for one in (*first, *then)][1:2] == ["code"]
        case _:
            return False


def _values(body: list[ast.stmt]) -> Iterator[str]:
    for statement in body:
        match statement:
            case ast.Assign(value=ast.Constant(value=str(value))):
                yield value
            case _:
                pass


def _name(call: ast.Call) -> str:
    match call.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return ""


def _keyword_codes(keywords: list[ast.keyword]) -> Iterator[str]:
    for keyword in keywords:
        match keyword:
            case ast.keyword(arg="code", value=ast.Constant(value=str(code))):
                yield code
            case _:
                pass


def _codes(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Call(args=[ast.Constant(value=str(code)), *_]) if _name(node) in coded_errors():
            yield code
        case ast.Call(keywords=keywords):
            yield from _keyword_codes(keywords)
        case ast.ClassDef(body=body):
            for statement in body:
                match statement:
                    case ast.Assign(
                        targets=[ast.Name(id="code")], value=ast.Constant(value=str(code))
                    ):
                        yield code
                    case _:
                        pass
        case _:
            pass


def _literals(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Call(args=[_, ast.Constant(value=str(text)), *_]) if _name(node) == "translate":
            yield text
        case _:
            pass
