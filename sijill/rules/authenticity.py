"""How refusals about requests for authenticity are told."""

from typing import Final

from sijill.rules.nouns import NounRules

RULES: Final = NounRules(
    refused={
        "request_unknown": "stream_mismatch",
        "finding_mismatch": "finding_false",
        "register_not_covered": "finding_false",
        "register_covered": "finding_false",
        "record_moved": "record_foreign",
    },
    taken={
        "request": "code_repeated",
        **dict.fromkeys(("code", "number", "register", "register-shelf"), "finding_false"),
    },
)
