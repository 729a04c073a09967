"""What people hand in: files and standard input, as JSON, and how it becomes statements.

Text is brought into Unicode's form NFC here, because a person who types a name does not choose how
her keyboard composes it; the ledger itself accepts no other form.
"""

import hashlib
import json
import re
import shutil
import sys
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, BinaryIO, Never
from unicodedata import category, normalize

from domain.acts import ACTS, Command, Cosigning, parse_command
from domain.errors import ActUnknown, Fault, StatementInvalid
from domain.values.comparison import UNSEEN, is_blank
from infrastructure.proofs import canonical, codes
from sijill.cli.faults import Unusable
from sijill.client import Draft

STDIN = "-"
_ISSUE = "certificate.issue"
_DIGEST = re.compile("[0-9a-f]{64}")
_DRAWN = frozenset({"act", "agency", "nonce", "claims", "valid_until"})
_JOINERS = "\u200c\u200d"
_CONTROLS = frozenset({"Cc", "Cf", "Zl", "Zp"})


def read_text(name: str) -> bytes:
    """The bytes of a file, or of standard input for `-`.

    Raises:
        OSError: the file cannot be read.
    """
    return sys.stdin.buffer.read() if name == STDIN else Path(name).read_bytes()


def read_line() -> str:
    """The first line of standard input, in form NFC.

    Raises:
        Unusable: `input_malformed`.
    """
    try:
        return str(composed(sys.stdin.buffer.readline().decode().rstrip("\r\n")))
    except ValueError as error:
        raise Unusable(code="input_malformed", detail=str(error), path=STDIN) from None


@contextmanager
def open_lines(name: str) -> Iterator["Lines"]:
    """The lines of a file or of standard input, to be gone through as often as one likes.

    Raises:
        OSError: the file cannot be read.
    """
    with TemporaryFile() if name == STDIN else Path(name).open("rb") as file:
        if name == STDIN:
            shutil.copyfileobj(sys.stdin.buffer, file)
        yield Lines(file)


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines with their numbers, from 1; empty ones are counted and passed over."""

    file: BinaryIO

    def __iter__(self) -> Iterator[tuple[int, bytes]]:
        """From the first line on, whoever has read before."""
        self.file.seek(0)
        for number, line in enumerate(self.file, 1):
            if stripped := line.strip():
                yield number, stripped


def read_json(data: bytes, name: str) -> Any:
    """A JSON value in form NFC, with every name once and no number that is none.

    Raises:
        Unusable: `input_malformed`.
    """
    try:
        return composed(json.loads(data, object_pairs_hook=_once, parse_constant=_no_number))
    except (ValueError, RecursionError) as error:
        raise Unusable(code="input_malformed", detail=str(error), path=name) from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = {normalize("NFC", name): value for name, value in pairs}
    if len(found) != len(pairs):
        # Nobody could tell which of the two values was meant.
        raise ValueError("a name occurs twice in one object")
    return found


def _no_number(literal: str) -> Never:
    raise ValueError(f"{literal} is no number")


def read_object(data: bytes, name: str) -> dict[str, Any]:
    """A JSON object in form NFC.

    Raises:
        Unusable: `input_malformed`.
    """
    return require_object(read_json(data, name), name)


def require_object(value: Any, name: str) -> dict[str, Any]:
    """The same value, if it is an object; `name` is the file it comes from.

    Raises:
        Unusable: `input_malformed`.
    """
    if not isinstance(value, dict):
        raise Unusable(code="input_malformed", detail="a JSON object is expected", path=name)
    return value


def composed(value: Any) -> Any:
    """The same JSON value with every text in form NFC.

    Raises:
        ValueError: a text holds half of a character, which no encoding has a place for.
    """
    match value:
        case str():
            value.encode()
            return normalize("NFC", value)
        case list():
            return [composed(one) for one in value]
        case dict():
            return {composed(name): composed(one) for name, one in value.items()}
        case _:
            return value


def folder_of(name: str) -> Path:
    """Where paths in an input are looked for: beside its file."""
    return Path.cwd() if name == STDIN else Path(name).parent


def digest_of(document: str, folder: Path) -> str:
    """A document's SHA-256 in hex: as given, or of the file with that name.

    Raises:
        OSError: there is no such file.
    """
    if _DIGEST.fullmatch(document):
        return document
    with (folder / document).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def normal_code(text: str) -> str:
    """A public code as stored, from what people write.

    Raises:
        ProofError: `code_malformed`.
    """
    return codes.normalise(text)


def command_class(act: str) -> type[Command]:
    """The command class of an act.

    Raises:
        ActUnknown: there is none.
    """
    if act not in ACTS:
        raise ActUnknown
    return ACTS[act]


def require_bulk(command: type[Command]) -> None:
    """Refuse an act that no bulk may hold: one such line would spoil its whole order.

    Raises:
        Unusable: `act_not_for_bulk`.
    """
    if not command.ACT.bulk:
        raise Unusable(code="act_not_for_bulk")


def draft_of(
    item: Mapping[str, Any], agency: str, folder: Path, valid_until: int | None = None
) -> Draft:
    """The draft that one input object asks for: a certificate to issue, or any act with its `act`.

    Raises:
        Refusal, ProofError: what the ledger would refuse for its form.
        Unusable: `input_malformed`. OSError: the document's file cannot be read.
    """
    said = dict(item)
    act = said.pop("act", _ISSUE)
    command = command_class(act)
    allowed = members_of(command)
    if "claims" in command.model_fields:
        allowed |= {"fields", "document"}
    check_members(said, allowed)
    for name in ("code", "by", "request", "certificate"):
        if isinstance(said.get(name), str):
            said[name] = codes.normalise(said[name])
    fields = stated(said.pop("fields", {}))
    document = said.pop("document", None)
    if isinstance(document, str):
        document = digest_of(document, folder)
    if act == _ISSUE:
        draft = Draft.issue(agency, fields, document=document, valid_until=valid_until, **said)
    elif "claims" in command.model_fields and "new_code" not in command.model_fields:
        path = path_of(command, said)
        draft = Draft.about(
            act, agency, path, fields, document=document, valid_until=valid_until, **said
        )
    elif "claims" in command.model_fields:
        path = path_of(command, said)
        draft = Draft.renew(
            act, agency, path, fields, document=document, valid_until=valid_until, **said
        )
    else:
        path = path_of(command, said)
        draft = Draft.plain(act, agency, path, valid_until=valid_until, **said)
    check(draft)
    return draft


def members_of(command: type[Command]) -> set[str]:
    """The members of an act that a person may name."""
    return command.model_fields.keys() - _DRAWN


def check_members(said: Mapping[str, Any], allowed: Collection[str]) -> None:
    """Refuse what nobody may hand in: it would be taken for a draft's own parameters.

    Raises:
        StatementInvalid: a member that is not allowed.
    """
    faults = tuple(Fault(f"/{name}", "extra_forbidden") for name in said if name not in allowed)
    if faults:
        raise StatementInvalid(tuple(sorted(faults)))


def path_of(command: type[Command], said: Mapping[str, Any]) -> str:
    """The path of an act on what its members name.

    Raises:
        StatementInvalid: a member that the path needs is missing.
    """
    try:
        return command.ACT.path.format_map(said)
    except KeyError as error:
        raise StatementInvalid((Fault(f"/{error.args[0]}", "missing"),)) from None


def check(draft: Draft) -> None:
    """Judge a draft as the ledger will judge its form.

    Raises:
        Refusal: what the ledger would say.
    """
    try:
        parse_command(canonical.parse(draft.statement, limit_bytes=canonical.STATEMENT_LIMIT_BYTES))
    except StatementInvalid as invalid:
        faults = invalid.faults
        if any(one.pointer == "/date" for one in faults):
            # The year follows from the date: it is mended with it, and nobody wrote it.
            faults = tuple(one for one in faults if one.pointer != "/year")
        raise StatementInvalid(faults) from None


def _is_unseen(character: str) -> bool:
    """Whether a reader sees nothing of it: controls, directions, fillers that count as letters.

    Joiners and variation selectors belong to how a name is written.
    """
    kind = category(character)
    if kind == "Lo":
        return UNSEEN.match(character) is not None
    return kind in _CONTROLS and character not in _JOINERS


def stated(value: Any) -> dict[str, str]:
    """Values by name, if each says something that a reader sees and can type again.

    Raises:
        Unusable: `input_malformed`, `input_value_blank`, `input_value_invisible`.
    """
    if not isinstance(value, dict):
        raise Unusable(code="input_malformed", detail="fields are texts by name", path="fields")
    for name, text in value.items():
        if not isinstance(text, str):
            raise Unusable(code="input_malformed", detail="a text is expected", path=name)
        if any(map(_is_unseen, text)):
            raise Unusable(code="input_value_invisible", detail=name, field=name)
        if is_blank(text):
            raise Unusable(code="input_value_blank", detail=name, field=name)
    return value


def waits(command: type[Command], item: Mapping[str, Any]) -> bool:
    """Whether an order of this act is known to wait for other signatures, before it is sent."""
    match command.ACT.cosigning:
        case Cosigning.NONE | Cosigning.COMPROMISE:
            return False
        case Cosigning.BY_TYPE:
            from domain.catalogue import TYPES

            known = TYPES.get(str(item.get("type")))
            return known is not None and known.officers > 1
        case _:
            return True
