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
