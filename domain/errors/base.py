"""The one exception of the domain and its three broad families."""


class Refusal(Exception):
    """A rule says no. Subclasses are nouns, each with a fixed `code`.

    Args:
        params: what fills the placeholders of the translated sentence: codes, identifiers, numbers.
    """

    code = "refused"

    def __init__(self, **params: str | int) -> None:
        super().__init__(self.code)
        self.params: dict[str, str | int] = params

    def __init_subclass__(cls, code: str | None = None) -> None:
        super().__init_subclass__()
        if code is not None:
            cls.code = code

    def __str__(self) -> str:
        details = ", ".join(f"{name}={value}" for name, value in self.params.items())
        return f"{self.code} ({details})" if details else self.code


class Malformed(Refusal):
    """The statement cannot be accepted, whatever the ledger holds."""


class Forbidden(Refusal):
    """The signatures under the order do not entitle it to this act."""


class Unknown(Refusal):
    """Nothing of that name exists, as far as the asking agency may know."""
