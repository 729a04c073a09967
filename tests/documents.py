"""The documents as the tests see them: their links, their fenced blocks, the commands they name.

A fenced block's first word says what it is. `sh` is run by a test, in the order of its page;
`sh serve` is run beside it until the end; `sh elsewhere` needs another machine, and only its
commands are held against the command line. Everything else is for reading.
"""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
# In the order in which they build on one another.
RUN_PAGES = (
    "first-ledger",
    "issue-with-curl",
    "authenticity",
    "verify-offline",
    "verify-by-program",
    "attachments",
    "print",
    "without-a-connection",
    "letters",
    "bodies-and-courts",
    "check-a-log",
    "when-it-fails",
    "real-input",
    "rotate-and-recover-keys",
    "audit",
)
_FENCE = re.compile(r"^```(.*)\n((?:.*\n)*?)^```$", re.MULTILINE)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
# What the supervisor says is no command.
_SAID = "sijill ready "
_SPAN = re.compile(r"`([^`\n]+)`")
_HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A fenced block: the words behind its fence, and its text."""

    kind: str
    text: str


def pages() -> list[Path]:
    """Every document of the project."""
    return [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page, in order."""
    return [Block(kind, text) for kind, text in _FENCE.findall(page.read_text(encoding="utf-8"))]


def prose(page: Path) -> str:
    """A page without its fenced blocks."""
    return _FENCE.sub("", page.read_text(encoding="utf-8"))


def links(page: Path) -> list[str]:
    """Where a page points to."""
    return _LINK.findall(_SPAN.sub("", prose(page)))


def anchors(page: Path) -> set[str]:
    """The names of a page's headings, as repositories' web pages make them."""
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")
        for heading in _HEADING.findall(prose(page))
    }


def spans(page: Path) -> list[str]:
    """What stands between backquotes in a page's text."""
    return _SPAN.findall(prose(page))


def commands(page: Path) -> Iterator[list[str]]:
    """Every call of `sijill` that a page shows, in words."""
    for block in blocks(page):
        if block.kind.partition(" ")[0] == "sh":
            for line in re.sub(r"\\\n", " ", block.text).splitlines():
                if found := re.search(r"(?:^|\(|\| )(sijill [^)|>]*)", line.strip()):
                    yield _words(found[1])
    for span in spans(page):
        if re.match(r"sijill [a-z]", span) and not span.startswith(_SAID):
            yield _words(span)


def _words(text: str) -> list[str]:
    lexer = shlex.shlex(text.replace("\\", ""), posix=True, punctuation_chars=False)
    lexer.whitespace_split = True
    lexer.commenters = ""
    try:
        return list(lexer)[1:]
    except ValueError:
        return text.split()[1:]
