"""`sijill mirror`: follow for ever, and serve what was proven."""

import threading
from pathlib import Path

from sijill.cli import codes
from sijill.cli.faults import tell
from sijill.cli.output import Output
from sijill.client import Client, Refused, Unreachable, Untrustworthy
from sijill.client.wire import QUESTION
from sijill.export.following import CopyInUse, Following, Grown
from sijill.export.layout import Exported, NotExported
from sijill.export.origins import HttpOrigin, not_a_ledger
from sijill.export.serving import Mirror
from sijill.export.sinks import TilesSink
from sijill.standalone import serve
from sijill.supervisor import listen


class Mirroring:
    """One mirror: where it follows, where it keeps the copy, and to whom it speaks."""

    def __init__(
        self, source: str, folder: Path, output: Output, *, every_seconds: float = 5.0
    ) -> None:
        self._source = source
        self._folder = folder
        self._output = output
        self._every_seconds = every_seconds
        self._stopped = threading.Event()

    def step(self) -> Grown:
        """Take what the origin has gained.

        Raises:
            Untrustworthy: it contradicts itself, or what is held. Unreachable, Refused: not now.
            CopyInUse: somebody else follows into the folder.
            OSError, NotExported: the folder cannot be written, or has lost what is gone on from.
        """
        with Client(self._source, state=self._folder / ".state", patience=QUESTION) as client:
            following = Following(HttpOrigin(client), self._folder, TilesSink(self._folder))
            try:
                return following.run()
            except (AttributeError, LookupError, TypeError, ValueError) as error:
                # JSON without the members that are due, somewhere among the answers.
                raise not_a_ledger() from error

    def run(self, host: str, port: int | None) -> int:
        """Follow until the log contradicts itself, or with a port serve until told to stop."""
        if port is None:
            return self._follow()
        listener = listen(host, port)
        shown = f"[{host}]" if ":" in host else host
        address = f"http://{shown}:{listener.getsockname()[1]}"
        thread = threading.Thread(target=self._follow, daemon=True)
        thread.start()
        try:
            serve(Mirror(Exported(self._folder)).application(), listener, address)
        finally:
            self.stop()
            thread.join(self._every_seconds)
        return codes.DONE

    def stop(self) -> None:
        """Follow no further, once the step that is under way has ended."""
        self._stopped.set()

    def _follow(self) -> int:
        failing: type[Exception] | None = None
        while not self._stopped.is_set():
            try:
                grown = self.step()
            except Untrustworthy as error:
                return tell(error, self._output)
            except (CopyInUse, NotExported, OSError, Refused, Unreachable) as error:
                # Said once: an origin that is gone may be gone for ever, and a disk be full till
                # somebody looks. Nothing is contradicted, so it is tried again.
                if failing is not type(error):
                    tell(error, self._output)
                failing = type(error)
            else:
                failing = None
                if grown.size > grown.before:
                    events = grown.size - grown.before
                    text = self._output.words("cli.exported", events=events, size=grown.size)
                    self._output.say(text)
            self._stopped.wait(self._every_seconds)
        return codes.DONE
