"""Targets about attachments: the head of an upload, and what announces one."""

from api.problems import Problem
from api.uploading import announced
from infrastructure.proofs import uploads
from infrastructure.proofs.errors import ProofError
from tests.infrastructure.proofs.vectors import load

_REQUESTS = load("upload")["requests"]
HEADS = tuple(
    "\n".join(
        [f"{one['method']} {one['path']}", *(f"{k}: {v}" for k, v in one["headers"].items())]
    ).encode()
    for one in _REQUESTS
)
ANNOUNCEMENTS = (bytes.fromhex(_REQUESTS[0]["body"]),)


def upload(data: bytes) -> None:
    """Header lines, as `name: value`, after the request line."""
    first, *lines = data.decode("latin-1").split("\n")
    method, _, path = first.partition(" ")
    headers = [(name, value) for name, _, value in (line.partition(": ") for line in lines)]
    request = uploads.parse_upload(method, path, headers)
    assert uploads.parse_upload_base(request.base.decode(), request.signature) == request


def announcement(data: bytes) -> None:
    """What is accepted is a digest and a size that some file has."""
    try:
        said = announced(data)
    except Problem as problem:
        raise ProofError(problem.code) from problem
    assert len(bytes.fromhex(said.digest)) == 32
    assert said.digest == said.digest.lower()
    assert 0 < said.size <= 1 << 40
