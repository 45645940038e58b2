"""References to files, `partner/file_id`: what travels between tasks instead of rows."""

from pathlib import Path

from ratemill.home import Home


def split(ref: str) -> tuple[str, str]:
    """Partner and file id of a reference."""
    partner, _, file_id = ref.partition("/")
    return partner, file_id


def receipt_path(home: Home, partner: str, file_id: str) -> Path:
    """Where the receipt of a file waits for delivery."""
    return home.outbox / partner / f"{file_id}.receipt.json"


def removed_mark(home: Home, partner: str, file_id: str) -> Path:
    """What stands in the archive for the octets of a file whose time to be kept is over."""
    return home.archived(partner, file_id).with_suffix(".removed")
