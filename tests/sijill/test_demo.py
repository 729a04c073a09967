"""What the demonstration proposes next: nothing that asks a service which has stopped."""

from pathlib import Path

from sijill import demo

URL = "http://127.0.0.1:8080"


def test_a_ledger_that_is_served_on_is_asked() -> None:
    told = {"url": URL, "verdicts": [{"code": "7Q0A0000000000000"}]}

    assert all(URL in line for line in demo._served(told))


def test_a_folder_that_was_kept_is_served_and_checked() -> None:
    assert demo._stopped(Path("a folder")) == [
        "sijill serve --data 'a folder'",
        "sijill log fsck --data 'a folder'",
    ]


def test_without_a_folder_one_is_proposed() -> None:
    assert all("--data sijill-demo" in line for line in demo._stopped(None))
