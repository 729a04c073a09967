"""Verbs of the act table: made from the command classes, so that an act is described once.

A command's fields become options, the member that its path names becomes the argument, lists of
words become choices, and its docstring is the help. What only a client may draw (codes, nonces,
secrets) has no option.
"""

import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from inspect import Parameter as Argument
from inspect import Signature, cleandoc
from pathlib import Path
from string import Formatter
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from cyclopts import App, Parameter
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from domain.acts import ACTS, Act, Command, Cosigning
from sijill.cli.faults import verb
from sijill.cli.options import Cosigners, Desk, Queue, Sure

_DRAWN = frozenset({"act", "agency", "nonce", "valid_until", "claims", "new_code"})
# Acts that have verbs of their own, because they read a file or are a ceremony.
OWN = frozenset(
    {
        "agency.add",
        "authenticity.answer",
        "authenticity.receive",
        "authenticity.request",
        "agency.split",
        "certificate.issue",
        "certificate.correct",
        "certificate.credential",
        "key.enrol",
        "register.capture",
        "register.close",
        "register.count",
        "transfer.annotate",
        "transfer.dispatch",
        "transfer.receive_on_paper",
        "transfer.rectify_note",
        "transfer.refer",
        "transfer.refer_onward",
        "transfer.register_outgoing",
        "transfer.send_on_paper",
        "report.publish",
    }
)
# What cannot be undone asks once more.
GRAVE = frozenset(
    {
        "agency.close",
        "agency.merge",
        "certificate.erase",
        "key.retire",
        "key.compromise",
        "transfer.cancel",
    }
)
_DOCUMENT = "A file that is the document, or its SHA-256 in hex: to be comparable from now on."


@dataclass(frozen=True, slots=True)
class Option:
    """One option of a verb and the member of the statement that it fills: a path of names."""

    argument: Argument
    member: tuple[str, ...]


def acts_of(noun: str) -> Iterator[tuple[str, type[Command]]]:
    """The verbs that are made for a noun: name on the command line, and command class."""
    for name, command in ACTS.items():
        owner, _, act = name.partition(".")
        if owner == noun and name not in OWN:
            yield act.replace("_", "-"), command


def add_verbs(app: App, noun: str) -> None:
    """Register every verb that the act table has for a noun."""
    for name, command in acts_of(noun):
        app.command(make_verb(command), name=name)


def make_verb(command: type[Command]) -> Callable[..., int]:
    """The function that orders an act, with the signature that its command asks for."""
    options = [option for name in command.model_fields for option in _options(command, name)]
    extras = list(_extras(command))

    def act(*args: Any, **kwargs: Any) -> int:
        given = signature.bind(*args, **kwargs)
        given.apply_defaults()
        return _order(command, options, given.arguments)

    arguments = sorted([option.argument for option in options] + extras, key=_rank)
    signature = Signature(arguments, return_annotation=int)
    act.__name__ = command.ACT.name.replace(".", "_")
    act.__doc__ = cleandoc(command.__doc__ or "")
    act.__annotations__ = {one.name: one.annotation for one in arguments} | {"return": int}
    act.__signature__ = signature  # type: ignore[attr-defined]  # what inspect.signature looks for
    return verb(act)


def _rank(argument: Argument) -> tuple[int, bool]:
    """Arguments before options, required before optional, else as the command names them."""
    return argument.kind.value, argument.default is not Argument.empty


def _options(command: type[Command], name: str) -> Iterator[Option]:
    field = command.model_fields[name]
    if name in _DRAWN or _follows(command, name):
        return
    if name in path_members(command.ACT):
        help_text = field.description or name
        # A thumbprint may begin with any letter of base64url.
        about = Parameter(help=help_text, allow_leading_hyphen=True)
        number = _plain(field.annotation) is int
        kind: Any = Annotated[int, about] if number else Annotated[str, about]
        yield Option(Argument(name, Argument.POSITIONAL_ONLY, annotation=kind), (name,))
        return
    inner = _plain(field.annotation)
    if isinstance(inner, type) and issubclass(inner, BaseModel):
        for part, details in inner.model_fields.items():
            yield _option(f"{name}_{part}", details, (name, part))
        return
    yield _option(name, field, (name,))


def _follows(command: type[Command], name: str) -> bool:
    """Whether a member follows from another: a year from the date."""
    return name == "year" and "date" in command.model_fields


def path_members(act: Act) -> set[str]:
    """The members of the statement that the act's path names."""
    return {name for _, name, _, _ in Formatter().parse(act.path) if name}


def _option(name: str, field: FieldInfo, member: tuple[str, ...]) -> Option:
    inner = _plain(field.annotation)
    details = Parameter(help=field.description, negative="", show_default=False)
    required = field.is_required()
    kind = _choices(inner)
    default = Argument.empty if required else False if kind is bool else None
    whole = kind if required or kind is bool else kind | None
    argument = Argument(
        name, Argument.KEYWORD_ONLY, default=default, annotation=Annotated[whole, details]
    )
    return Option(argument, member)


def _choices(kind: Any) -> Any:
    """What the command line takes for a member's type; its words where it is a list of words."""
    if isinstance(kind, type) and issubclass(kind, Enum):
        return Literal[tuple(one.value for one in kind)]
    return kind if kind in {bool, int} else str


def _plain(kind: Any) -> Any:
    """A member's type without `None` and without what pydantic adds to it."""
    if get_origin(kind) is Annotated:
        return _plain(get_args(kind)[0])
    if get_origin(kind) in {Union, types.UnionType}:
        return _plain(next(one for one in get_args(kind) if one is not type(None)))
    return kind


def _extras(command: type[Command]) -> Iterator[Argument]:
    """Options that do not stand in the statement."""
    keyword = Argument.KEYWORD_ONLY
    if "claims" in command.model_fields:
        details = Parameter(help=_DOCUMENT)
        yield Argument("document", keyword, default=None, annotation=Annotated[str | None, details])
    if command.ACT.cosigning is not Cosigning.NONE:
        yield Argument("cosigner", keyword, default=(), annotation=Cosigners)
    if command.ACT.name in GRAVE:
        yield Argument("yes", keyword, default=False, annotation=Sure)
    yield Argument("queue", keyword, default=False, annotation=Queue)
    yield Argument("desk", keyword, annotation=Desk)


def _order(command: type[Command], options: list[Option], given: Mapping[str, Any]) -> int:
    from sijill.cli.asking import require_sure
    from sijill.cli.ordering import Order, perform
    from sijill.cli.reading import draft_of, waits

    desk: Desk = given["desk"]
    said: dict[str, Any] = {}
    for option in options:
        value = given[option.argument.name]
        if value is None or value is False:
            continue
        *outer, last = option.member
        place = said
        for name in outer:
            place = place.setdefault(name, {})
        place[last] = value
    if given.get("document"):
        said["document"] = given["document"]
    if _follows(command, "year") and "date" in said:
        year = str(said["date"])[:4]
        said["year"] = int(year) if year.isdecimal() else 0
    item = {"act": command.ACT.name, **said}
    if command.ACT.name in GRAVE:
        require_sure(desk, given["yes"], said)

    order = Order(
        act=command.ACT.name,
        said=said,
        draft=lambda agency, until: draft_of(item, agency, Path.cwd(), until),
        waits=waits(command, item),
        cosigners=given.get("cosigner", ()),
    )
    if given["queue"]:
        from sijill.cli.outbox import queue

        return queue(desk, order)
    return perform(desk, order)
