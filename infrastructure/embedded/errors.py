"""The one error of the embedded server."""


class EmbeddedServerError(RuntimeError):
    """The server could not be found, started or stopped; the text says why and what to do.

    `code` is `binaries_not_found`, `root_refused`, `folder_unsafe`, `folder_in_use`,
    `start_failed` or `stop_timed_out`.
    """

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
