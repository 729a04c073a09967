"""Files to and from a ledger, one chunk in memory at a time.

An upload goes on where it was cut off: the id under which a file goes is kept in the state folder
before its first byte is sent, and the ledger says which chunks it lacks. A download counts only
when its bytes hash to what the log commits to, which is asked of the log and not of the download.
"""

import hashlib
import json
import os
import tempfile
import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Final

import httpx2

from infrastructure.keyfiles import sync_folder
from infrastructure.proofs import disclosures, signing
from infrastructure.proofs.uploads import JSON, OCTETS
from sijill.client import proven
from sijill.client.connection import Client
from sijill.client.errors import Refused, Untrustworthy
from sijill.client.wire import Unfinished

UPLOAD_SECONDS: Final = 300
PATH: Final = "/v1/attachments"
OnBytes = Callable[[int], None]


class NotRecorded(Exception):
    """An upload that no record has named yet: nothing says what it must be."""

    code = "attachment_not_recorded"


class Attachments:
    """What a client sends and fetches; needs the client's key."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def upload(self, path: Path, on_bytes: OnBytes = lambda _: None) -> dict[str, Any]:
        """Send a file, or what the ledger still lacks of it; `on_bytes` is told of each chunk.

        Returns where the upload stands, with the file's `sha256`.

        Raises:
            Refused: the ledger does not take it. Unreachable: not now; call it again.
            OSError: the file cannot be read, or changes while it is.
        """
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            size = file.tell()
            known, stands = self._begin(digest, size)
            address = f"{PATH}/{known}"
            while stands["missing"]:
                for number in stands["missing"]:
                    data = _chunk(file, number, stands["chunk_bytes"])
                    self._send("PUT", f"{address}/chunks/{number}", OCTETS, data)
                    on_bytes(len(data))
                stands = self._client.get(address)
        if stands["state"] == "open":
            stands = self._ask("POST", f"{address}/completion", b"{}")
        return {**stands, "sha256": digest}

    def drop(self, attachment: str) -> None:
        """Let an upload go that no record has."""
        self._send("DELETE", f"{PATH}/{attachment}", OCTETS, b"")

    def download(
        self, attachment: str, into: Path, on_bytes: OnBytes = lambda _: None
    ) -> dict[str, Any]:
        """Fetch a file into `into`, which appears whole and checked, or not at all.

        Returns what the ledger says of it.

        Raises:
            Refused: the ledger does not give it. Unreachable: not now.
            NotRecorded: no record has it yet.
            Untrustworthy: what came is not what the log commits to.
        """
        shown: dict[str, Any] = self._client.get(f"{PATH}/{attachment}")
        digest = self._committed(shown)
        folder = into.parent
        descriptor, name = tempfile.mkstemp(prefix=f".{into.name}.", dir=folder)
        temporary = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as file:
                found = self._fetch(attachment, file, shown["size"], on_bytes)
                file.flush()
                os.fsync(file.fileno())
            if found != digest:
                raise Untrustworthy("the file is not the one that the log commits to")
            temporary.replace(into)
        finally:
            temporary.unlink(missing_ok=True)
        sync_folder(folder)
        return shown

    def _begin(self, digest: str, size: int) -> tuple[str, dict[str, Any]]:
        """The id under which a file goes, the same as before where that is still of use."""
        name = self._name(digest, size)
        kept = self._kept(name)
        if kept is not None:
            try:
                stands = self._client.get(f"{PATH}/{kept}")
            except Refused as refused:
                if refused.code != "attachment_unknown":
                    raise
            else:
                if stands["state"] != "recorded":
                    return kept, stands
        drawn = str(uuid.uuid4())
        if self._client.state is not None and name is not None:
            self._client.state.write(name, json.dumps({"attachment": drawn}).encode())
        body = json.dumps({"digest": digest, "size": size}).encode()
        return drawn, self._ask("PUT", f"{PATH}/{drawn}", body)

    def _name(self, digest: str, size: int) -> str | None:
        state = self._client.state
        if state is None:
            return None
        mark = state.mark(f"upload {self._client.agency} {size} {digest}".encode())
        return f"uploads/{mark}.json"

    def _kept(self, name: str | None) -> str | None:
        state = self._client.state
        data = state.read(name) if state is not None and name is not None else None
        return None if data is None else str(json.loads(data)["attachment"])

    def _ask(self, method: str, path: str, body: bytes) -> Any:
        return self._client.wire.ask(self._signed(method, path, JSON, body))

    def _send(self, method: str, path: str, content_type: str, body: bytes) -> httpx2.Response:
        return self._client.wire.send(self._signed(method, path, content_type, body))

    def _signed(self, method: str, path: str, content_type: str, body: bytes) -> httpx2.Request:
        now = int(time.time())
        key = self._client.key
        if key is None:
            raise ValueError("an upload needs a key")
        headers = signing.sign_upload(
            key,
            method=method,
            path=path,
            ledger=self._client.identity.ledger,
            created=now,
            expires=now + UPLOAD_SECONDS,
            content_type=content_type,
            body=body,
        )
        return self._client.wire.request(method, path, content=body, headers=headers)

    def _fetch(self, attachment: str, file: BinaryIO, size: int, on_bytes: OnBytes) -> str:
        """Write what comes into a file; its SHA-256 in hex."""

        def read(response: httpx2.Response) -> str:
            file.seek(0)
            file.truncate()
            digest, come = hashlib.sha256(), 0
            for piece in response.iter_bytes():
                come += len(piece)
                if come > size:
                    raise Untrustworthy("more came than the ledger said")
                file.write(piece)
                digest.update(piece)
                on_bytes(len(piece))
            if come < size:
                raise Unfinished(f"{come} of {size} bytes")
            return digest.hexdigest()

        return self._client.wire.exchange(self._content(attachment), read)

    def _content(self, attachment: str) -> httpx2.Request:
        request = self._client.wire.request("GET", f"{PATH}/{attachment}/content")
        key = self._client.key
        if key is None:
            raise ValueError("a download needs a key")
        self._client.sign_read(request, key)
        return request

    def _committed(self, shown: Mapping[str, Any]) -> str:
        """The file's SHA-256 as the log commits to it, by the disclosure and the event's body.

        Raises:
            NotRecorded: no record has it yet.
            Untrustworthy: the disclosure is not the one that the event commits to.
            Refused: why the ledger discloses nothing.
        """
        if shown.get("state") != "recorded":
            raise NotRecorded
        if "disclosure" not in shown:
            raise self._undisclosed(shown["attachment"])
        index, text = shown["index"], shown["disclosure"]
        said = proven.body_at(self._client, index).parsed
        try:
            value = disclosures.parse(text)
            committed = said["claims"].get(shown["claim"])
            fits = disclosures.digest(text) == committed and value.name == shown["claim"]
        except (AttributeError, KeyError, ValueError) as error:
            raise Untrustworthy(f"the event at {index} does not vouch for the file") from error
        if not fits:
            raise Untrustworthy(f"the event at {index} commits to another file")
        return value.value

    def _undisclosed(self, attachment: str) -> Untrustworthy:
        """What a ledger is that gives a file of which it shows no digest.

        Raises:
            Refused: it gives none, and says why: the values were erased, or altered.
        """

        def read(_: httpx2.Response) -> Untrustworthy:
            return Untrustworthy("a file is given, and no digest of it is disclosed")

        return self._client.wire.exchange(self._content(attachment), read)


def _chunk(file: BinaryIO, number: int, size_bytes: int) -> bytes:
    file.seek(number * size_bytes)
    return file.read(size_bytes)
