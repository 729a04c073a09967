"""Why an append request was not recorded: refusals of one request, and failures of the store.

A refusal is final for the request as it stands and burns no index. A failure says nothing about
the request: whoever sends the same idempotency key again learns whether it was recorded.
"""

from uuid import UUID

from domain.errors import Refusal


class AppendRefused(Refusal):
    """The append procedure refused this request; its neighbours in the batch are untouched."""


class Conflict(AppendRefused, code="conflict"):
    """A stream has moved on since the decision: decide once more on what it holds now."""

    def __init__(self, stream: UUID) -> None:
        super().__init__()
        self.stream = stream


class ClaimTaken(AppendRefused, code="claim_taken"):
    """Something that must be unique is in use (or, for an absent guard, exists)."""

    def __init__(self, space: str, key: str) -> None:
        super().__init__(space=space)
        self.space = space
        self.key = key


class IdempotencyKeyReused(AppendRefused, code="idempotency_key_reused"):
    """The agency used this key for another method, path, statement root or grouping of lines.

    Also for the same ones under another signature, for lines that are not recorded yet.
    """


class OrderExpired(AppendRefused, code="order_expired"):
    """The leaf's time would be later than a signature allows."""


class OrderInFuture(AppendRefused, code="order_in_future"):
    """The leaf's time would be earlier than a signature allows."""


class OrderClosed(AppendRefused, code="order_closed"):
    """The order was refused while it waited for signatures."""


class ClockUnsafe(AppendRefused, code="clock_unsafe"):
    """Database, service and head disagree about the time by more than five minutes."""


class Deferred(AppendRefused, code="deferred"):
    """An earlier request of the same batch stands in the way: send it again with the next one.

    Never leaves the committer.
    """


class StoreFailure(Exception):
    """The store could not answer; whether the request was recorded is unknown to the caller."""

    code = "store_unavailable"
    retry_after_seconds = 1


class StoreUnavailable(StoreFailure):
    """The database cannot be reached, or did not answer in time."""


class StorageFull(StoreUnavailable):
    """The database has no room to write. Nothing of this was recorded."""

    code = "storage_full"
    retry_after_seconds = 10


class LogBehind(StoreUnavailable):
    """The database holds less than was acknowledged or signed: nothing is recorded upon it.

    An old backup was restored, or a standby promoted that had not received the end.
    """

    code = "log_frozen"
    retry_after_seconds = 60


class QueueFull(StoreFailure):
    """More work waits than can be recorded in reasonable time. Nothing of this was recorded."""

    code = "busy"

    def __init__(self, retry_after_seconds: int) -> None:
        super().__init__(f"retry after {retry_after_seconds} s")
        self.retry_after_seconds = retry_after_seconds


class AppendFailed(StoreFailure):
    """The database rejects this very request: it breaks a rule that callers are to keep.

    The text is the database's and is for developers. Nothing of this was recorded.
    """

    code = "internal"
