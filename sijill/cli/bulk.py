"""Many acts from one file: signed in chunks, sent, and never doubled.

Each line is known by a mark (a keyed digest of what it says, and how often it has stood above), so
that a second run sends only what was not recorded, even if the file was corrected in between.
Whatever an interrupted run had signed is finished first, as the same bytes.
"""

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from infrastructure.keyfiles import load_private_key
from infrastructure.proofs.codes import for_people
from sijill.cli import codes
from sijill.cli.chunks import Asked, Chunk, must_wait
from sijill.cli.crediting import credit
from sijill.cli.faults import Unusable, problem_of
from sijill.cli.ordering import WAIT_SECONDS
from sijill.cli.output import Output, Progress
from sijill.cli.reading import (
    command_class,
    draft_of,
    folder_of,
    open_lines,
    read_object,
    require_bulk,
    waits,
)
from sijill.client import Client, Draft, Late, Prepared, Refused
from sijill.client.answers import OTHER_LINE, is_open

BULK_PATH = "/v1/certificates/bulk"
Numbered = Iterable[tuple[int, bytes]]
"""Lines with their numbers, from 1, to be gone through as often as one likes."""


class Source(Protocol):
    """Where the lines of a bulk come from, as often as they are gone through."""

    @property
    def into(self) -> bytes:
        """What tells these lines from the same ones elsewhere; a part of their marks."""

    def opened(self) -> AbstractContextManager[Numbered]:
        """Every line with its number, from 1."""

    def item(self, line: bytes) -> dict[str, Any]:
        """What a line asks for.

        Raises:
            Unusable: it says nothing that could be asked for.
        """


@dataclass(frozen=True, slots=True)
class ObjectLines:
    """A file of JSON objects, one a line."""

    name: str
    into: bytes = b""

    def opened(self) -> AbstractContextManager[Numbered]:
        """The lines of the file, or of standard input."""
        return open_lines(self.name)

    def item(self, line: bytes) -> dict[str, Any]:
        """The object itself."""
        return read_object(line, self.name)


class Bulk:
    """One run over one file."""

    def __init__(
        self,
        client: Client,
        output: Output,
        name: str,
        *,
        cosigners: Sequence[Path] = (),
        source: Source | None = None,
        path: str = BULK_PATH,
    ) -> None:
        self._source = source or ObjectLines(name)
        self._path = path
        self._client = client
        self._output = output
        self._name = name
        self._cosigners = [load_private_key(path) for path in cosigners]
        self._counts: Counter[str] = Counter()
        self._progress = Progress(output)
        self._numbers: dict[str, int] = {}
        self._done: set[str] = set()
        self._to_wait: set[str] = set()
        self._held: list[tuple[int | None, Mapping[str, Any]]] = []
        self._receipts: list[str] = []
        self._codes: list[str] = []
        self._credentials: int | None = None

    def rehearse(self) -> int:
        """Have every line judged and nothing recorded; exit 6 when lines are bad."""
        with self._source.opened() as lines:
            for chunk in self._chunks(lines, frozenset()):
                self._rehearse(chunk)
        return self._end(bad=codes.FINDINGS)

    def record(self, *, atomic: bool = False, credential: bool = False) -> int:
        """Send what is not recorded yet, then credentials if wanted; exit 5 if any was refused."""
        with self._source.opened() as lines:
            self._numbers = {mark: number for number, mark, _ in self._marked(lines)}
            self._finish_interrupted()
            known = self._recorded_before()
            if atomic:
                self._send_together(lines, known)
            else:
                for chunk in self._chunks(lines, known):
                    self._send(chunk)
        if credential:
            made, refused = credit(self._client, self._codes, self._output)
            self._credentials = made
            self._counts["refused"] += refused
        return self._end(bad=codes.REFUSED)

    def _marked(self, lines: Numbered) -> Iterator[tuple[int, str, bytes]]:
        """Every line with its number and its mark."""
        seen: Counter[bytes] = Counter()
        state = self._client.state
        if state is None:
            raise ValueError("a bulk needs a state folder")
        whose = (self._client.agency or "").encode() + self._source.into
        for number, line in lines:
            seen[line] += 1
            yield number, state.mark(b"%b\n%d\n%b" % (whose, seen[line], line)), line

    def _chunks(self, lines: Numbered, known: frozenset[str] | set[str]) -> Iterator[Chunk]:
        """What is to be sent, in orders; bad lines are told on the way."""
        open_chunks = {wait: Chunk(wait) for wait in (False, True)}
        for number, mark, line in self._marked(lines):
            if mark in known:
                continue
            ready = self._read(number, mark, line)
            if ready is None:
                continue
            asked, draft = ready
            if not open_chunks[asked.wait].fits(draft):
                yield open_chunks[asked.wait]
                open_chunks[asked.wait] = Chunk(asked.wait)
            open_chunks[asked.wait].add(asked, draft)
        yield from (chunk for chunk in open_chunks.values() if chunk.drafts)

    def _read(self, number: int, mark: str, line: bytes) -> tuple[Asked, Draft] | None:
        """The line's draft; None, and told, if it cannot become one."""
        try:
            item = self._source.item(line)
            command = command_class(str(item.get("act", "certificate.issue")))
            require_bulk(command)
            asked = Asked(number, mark, item, waits(command, item))
            return asked, self._draft(asked, wait=asked.wait)
        except Exception as error:
            known = problem_of(error, self._output)
            if known is None:
                raise
            self._tell_refused(number, known[0])
            return None

    def _draft(self, asked: Asked, *, wait: bool) -> Draft:
        until = int(time.time()) + WAIT_SECONDS if wait else None
        return draft_of(asked.item, self._client.agency or "", folder_of(self._name), until)

    def _rehearse(self, chunk: Chunk) -> None:
        answers = self._client.check(chunk.envelopes, path=self._path)
        later = Chunk(wait=True)
        for asked, answer in zip(chunk.asked, answers, strict=True):
            problem = answer.get("problem")
            before = answer.get("depends_on")
            other = None if before is None else chunk.asked[before].number
            if problem is None:
                self._counts["accepted"] += 1
                if other is not None:
                    words = self._output.words("cli.line_depends", line=asked.number, other=other)
                    said = {"line": asked.number, "accepted": True, "depends_on": other}
                    self._output.item(said, words)
            elif problem.get("code") == "valid_until_missing" and not chunk.wait:
                later.add(asked, self._draft(asked, wait=True))
                continue
            else:
                self._tell_refused(asked.number, problem, other)
            self._progress.step()
        if later.drafts:
            self._rehearse(later)

    def _send_together(self, lines: Numbered, known: set[str]) -> None:
        before = self._counts["refused"]
        chunks = list(self._chunks(lines, known))
        pairs = [pair for chunk in chunks for pair in zip(chunk.asked, chunk.drafts, strict=True)]
        whole = Chunk(wait=any(chunk.wait for chunk in chunks))
        for asked, draft in sorted(pairs, key=lambda pair: pair[0].number):
            if not whole.fits(draft):
                raise Unusable(code="input_too_large", path=self._name)
            whole.add(asked, draft)
        if whole.drafts and self._counts["refused"] == before:
            self._send(whole, atomic=True)

    def _send(self, chunk: Chunk, *, atomic: bool = False) -> None:
        self._to_wait.clear()
        self._held.clear()
        self._deliver(self._prepare(chunk, atomic=atomic))
        if not self._to_wait:
            for number, problem in self._held:
                self._tell_refused(number, problem)
            return
        # Others have to sign, too: only the ledger knows of what type a certificate is.
        asked = [one for one in chunk.asked if atomic or one.mark in self._to_wait]
        drafts = [self._draft(one, wait=True) for one in asked]
        again = Chunk(wait=True, asked=asked, drafts=drafts)
        self._deliver(self._prepare(again, atomic=atomic))

    def _prepare(self, chunk: Chunk, *, atomic: bool) -> Prepared:
        return self._client.prepare(
            self._path,
            chunk.envelopes,
            bulk=True,
            atomic=atomic,
            cosigned=chunk.wait,
            marks=[asked.mark for asked in chunk.asked],
        )

    def _deliver(self, prepared: Prepared, *, again: bool = False) -> None:
        """Send an order, tell every line's answer, and only then forget the request.

        `again`: an earlier run had signed it.
        """
        drafts = [Draft.read(prepared.path, line) for line in prepared.lines]

        def on_line(answer: Mapping[str, Any]) -> None:
            if not again or "problem" not in answer:
                self._tell_line(prepared, drafts, answer)
            else:
                self._tell_gone(prepared, answer)

        answer = self._client.send(prepared, on_line=on_line, settle=False)
        if is_open(answer) and self._cosigners:
            for key in self._cosigners:
                self._client.approve(answer["order"], key=key)
            answer = self._client.send(prepared, on_line=on_line, settle=False)
        if is_open(answer):
            self._tell_waiting(prepared, drafts, answer)
            return
        if isinstance(answer, list) and self._client.state is not None:
            self._receipts.append(str(self._client.state.answers_path(prepared)))
        self._client.settle(prepared)

    def _finish_interrupted(self) -> None:
        """Send again what an earlier run had signed: it may or may not have been recorded.

        What was not is sent anew with the others, and told then, if it still stands in the file.
        """
        state = self._client.state
        for prepared in [*state.journaled(), *state.waiting()] if state else []:
            if prepared.path == self._path and prepared.marks:
                self._output.say(self._output.words("cli.interrupted"))
                try:
                    self._deliver(prepared, again=True)
                except Late as late:
                    # The lines that were not recorded are sent anew.
                    for number in late.lines:
                        self._tell_gone(prepared, late.answers[number])
                    self._client.settle(prepared)
                except Refused as refused:
                    # As a whole it was not recorded, and its time is over.
                    if not refused.out_of_time:
                        raise

    def _tell_gone(self, prepared: Prepared, answer: Mapping[str, Any]) -> None:
        """Tell a refused line of an earlier run that stands in the file no more."""
        if prepared.marks[answer["line"]] not in self._numbers:
            self._tell_refused(None, answer["problem"])

    def _recorded_before(self) -> set[str]:
        """Marks of lines that need not be sent; told, unless this very run has told them."""
        state = self._client.state
        wanted = self._numbers.keys() - self._done
        found = state.recorded(set(wanted)) if state else {}
        for mark, answer in sorted(found.items(), key=lambda pair: self._numbers[pair[0]]):
            self._counts["recorded_before"] += 1
            said = _told(answer, self._numbers[mark])
            self._note(said)
            self._output.item(said, self._line("cli.line_before", said))
        return self._done | found.keys()

    def _tell_line(
        self, prepared: Prepared, drafts: Sequence[Draft], answer: Mapping[str, Any]
    ) -> None:
        line = answer["line"]
        mark, draft = prepared.marks[line], drafts[line]
        number = self._numbers.get(mark)
        problem = answer.get("problem")
        if problem is not None and must_wait(draft, problem):
            self._to_wait.add(mark)
            return
        if problem is not None and problem["code"] == OTHER_LINE:
            self._held.append((number, problem))
            return
        self._progress.step()
        if problem is not None:
            self._tell_refused(number, problem)
            return
        self._done.add(mark)
        self._counts["recorded"] += 1
        said = _told(answer, number)
        if draft.code is not None:
            said["code"] = draft.code
        if draft.holder_secret is not None:
            said["holder_secret"] = draft.holder_secret
            self._note(said)
        self._output.item(said, self._line("cli.line_recorded", said))

    def _note(self, said: Mapping[str, Any]) -> None:
        """Remember a code that a line is about; credentials are made for such as are new."""
        if "code" in said:
            self._codes.append(str(said["code"]))

    def _tell_waiting(
        self, prepared: Prepared, drafts: Sequence[Draft], answer: Mapping[str, Any]
    ) -> None:
        for mark, draft in zip(prepared.marks, drafts, strict=True):
            self._done.add(mark)
            self._counts["waiting"] += 1
            said: dict[str, Any] = {"line": self._numbers.get(mark), "order": answer["order"]}
            if draft.code is not None:
                said["code"] = draft.code
            if draft.holder_secret is not None:
                said["holder_secret"] = draft.holder_secret
            self._output.item(said, self._line("cli.line_waiting", said))

    def _tell_refused(
        self, number: int | None, problem: Mapping[str, Any], other: int | None = None
    ) -> None:
        self._counts["refused"] += 1
        words = self._output.words("cli.line_refused", line=number or 0, title=problem["title"])
        pointers = "".join(
            f" {one.get('pointer')}: {one.get('code')}" for one in problem.get("errors", ())
        )
        # Which field or column it is; where pointers are told, they say so already.
        note = f": {problem['note']}" if problem.get("note") and not pointers else ""
        text = f"{words} ({problem['code']}{note}){pointers}"
        said: dict[str, Any] = {"line": number, "problem": dict(problem)}
        if other is None:
            self._output.item(said, text)
        else:
            after = self._output.words("cli.line_after", other=other)
            self._output.item({**said, "depends_on": other}, f"{text}; {after}")

    def _line(self, text: str, said: Mapping[str, Any]) -> str:
        words = self._output.words(
            text,
            line=said["line"] or 0,
            index=said.get("index", ""),
            order=said.get("order", ""),
        )
        parts = [words]
        if "code" in said:
            parts.append(for_people(str(said["code"])))
        if "holder_secret" in said:
            parts.append(str(said["holder_secret"]))
        return "  ".join(parts)

    def _end(self, *, bad: int) -> int:
        self._progress.end()
        counted = {name: self._counts[name] for name in _COUNTED}
        text = self._output.words("cli.bulk_end", **counted)
        if self._credentials is not None:
            text += " " + self._output.words("cli.bulk_credentials", made=self._credentials)
        if self._output.json:
            seconds = self._progress.seconds
            summary: dict[str, Any] = {
                **counted,
                "seconds": round(seconds, 3),
                "lines_a_minute": round(60 * self._progress.done / max(seconds, 0.001)),
                "receipts": self._receipts,
            }
            if self._credentials is not None:
                summary["credentials"] = self._credentials
            self._output.item({"summary": summary})
        self._output.say(text)
        return bad if self._counts["refused"] else codes.DONE


_COUNTED = ("recorded", "recorded_before", "waiting", "accepted", "refused")
_TOLD = ("index", "leaf_hash", "time", "code", "statement_digest", "replayed")


def _told(answer: Mapping[str, Any], number: int | None) -> dict[str, Any]:
    """What is said of a recorded line; its receipt lies in the state folder."""
    return {"line": number, **{name: answer[name] for name in _TOLD if name in answer}}
