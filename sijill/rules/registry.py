"""How refusals about the ledger itself, agencies and keys are told."""

from typing import Final

from sijill.rules.nouns import NounRules

RULES: Final = NounRules(
    refused={
        "agency_exists": "agency_repeated",
        "agency_unknown": "stream_mismatch",
        "compromise_in_future": "compromise_in_future",
        "key_already_enrolled": "key_already_enrolled",
        "not_entitled": "signer_not_entitled",
    },
    taken={"agency": "agency_repeated", "key": "key_already_enrolled"},
)
