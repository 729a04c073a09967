"""The one error of the proofs room.

Everything in this package judges bytes that somebody else wrote. Whatever is wrong with them, the
caller learns it the same way, so that no malformation can slip past an ``except`` clause.
"""


class ProofError(ValueError):
    """Bytes that are malformed, or that do not prove what they claim to prove.

    ``code`` is stable snake_case, part of the contract with callers. ``detail`` is for developers
    and says what was expected; it never repeats the offending bytes, which may be secret or huge.
    """

    def __init__(self, code: str, detail: str = "") -> None:
        """Keep the two parts; the message is ``code`` or ``code: detail``."""
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code = code
        self.detail = detail

    def __reduce__(self) -> tuple[type["ProofError"], tuple[str, str]]:
        """Pickle by the two parts, because worker processes hand this error to their parent."""
        return (type(self), (self.code, self.detail))
