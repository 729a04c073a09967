"""Streams: an agency hears what happens in its inbox or outbox as it happens.

A stream ends by its own clock, however busy the log is; whoever goes on listening asks again. It
never outlives its key: that is judged again before anything is told, and at each beat. A beat tells
whoever stands between that somebody is there, and the listener from where on to ask next time.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import StreamingResponse

from api import letters
from api.i18n import negotiate, translate
from api.limits import Place
from api.orders import caller, read_head
from api.problems import Problem
from api.services import Services
from api.threads import off_loop
from domain.errors import Refusal
from projections import transfers
from projections.freshness import NoReadModel, status

BEAT_SECONDS = 15.0
# A busy log grows a hundred times a second, and each look is several statements.
LOOKS_APART_SECONDS = 1.0
HEARD_ROWS = 500


class EventStream(StreamingResponse):
    """Server-sent events."""

    media_type = "text/event-stream"


class Listening(BaseModel):
    """From where on somebody listens, and for how long."""

    model_config = ConfigDict(extra="forbid")

    after: Annotated[int | None, Field(ge=-1, le=2**53 - 1, description="Log index.")] = None
    seconds: Annotated[int, Field(ge=1, le=600, description="How long.")] = 300


async def listen(
    request: Request, services: Services, wanted: Listening, place: Place, *, incoming: bool
) -> EventStream:
    """The stream of the caller's inbox or outbox; it holds a place until it ends.

    Raises:
        ProofError, Refusal, Problem: nobody whom we know asks; `validation`; `busy`.
    """
    who = await caller(request, services, required=True)
    last = request.headers.get("last-event-id", "")
    if last and not (last.isascii() and last.isdigit() and len(last) <= 16):  # noqa: PLR2004 - digits of 2**53
        raise Problem("validation")
    after = int(last) if last else wanted.after
    if after is None:
        after = services.applied.position - 1
    agency = who.agency or ""
    await place.take(agency)
    listener = Listener(
        services,
        agency=agency,
        key=read_head(request).keyid,
        language=negotiate(request.headers.get("accept-language", "")),
        incoming=incoming,
        after=after,
    )
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return EventStream(listener.events(wanted.seconds), headers=headers)


@dataclass(slots=True)
class Listener:
    """Who listens: an agency by one of its keys, which has heard everything up to `after`."""

    services: Services
    agency: str
    key: str
    language: str
    incoming: bool
    after: int

    async def events(self, seconds: float) -> AsyncIterator[bytes]:
        """What is heard after an index, then whatever happens until the time or the key is over."""
        clock = asyncio.get_running_loop().time
        end = clock() + seconds
        beat = min(end, clock() + BEAT_SECONDS)
        yield b": listening\n\n"
        with suppress(Refusal, NoReadModel):
            while True:
                rested = clock() + LOOKS_APART_SECONDS
                heard = await self._look()
                for one in heard:
                    yield _event(one, self.language)
                if clock() >= beat:
                    await self._judge()
                    # An id alone is remembered for the next time, and wakes nobody.
                    yield f"id: {self.after}\n\n".encode()
                    if beat >= end:
                        return
                    beat = min(end, clock() + BEAT_SECONDS)
                if len(heard) < HEARD_ROWS:
                    await self.services.applied.reach(self.after + 2, beat - clock())
                    await asyncio.sleep(min(rested, beat) - clock())

    async def _look(self) -> list[transfers.Heard]:
        """The next that was not heard yet, for a key that may hear it.

        Raises:
            Refusal: it may not sign any more. NoReadModel: another release fills it now.
        """
        applied = self.services.applied.position
        if applied - 1 <= self.after:
            return []
        async with self.services.pool.connection() as connection:
            await status(connection)
            heard = await transfers.heard(
                connection,
                await transfers.stood_for(connection, self.agency),
                incoming=self.incoming,
                after=self.after,
                last=applied - 1,
                limit=HEARD_ROWS,
            )
        if heard:
            await self._judge()
        self.after = heard[-1].log_index if len(heard) == HEARD_ROWS else applied - 1
        return heard

    async def _judge(self) -> None:
        await off_loop(partial(self.services.caller_of, self.key))


def _event(one: transfers.Heard, language: str) -> bytes:
    data = {
        "index": one.log_index,
        "time": one.time,
        "event": one.kind,
        "words": translate(language, f"event.transfer.{one.kind}"),
        "agency": one.agency,
        "consignment": letters.named(one.consignment),
    }
    text = json.dumps(data, ensure_ascii=False)
    return f"id: {one.log_index}\nevent: {one.kind}\ndata: {text}\n\n".encode()
