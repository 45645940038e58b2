"""`python -m asn1.warm`: compile the kernel once, so that no later process has to."""

from asn1.kernel_run import Padded, read_records
from asn1.layout import load_layout
from asn1.records import Records, Span


def warm() -> Records:
    """What a list without records gives; the kernel is in its file afterwards."""
    return read_records(Padded.of(b""), Span(0, 0, 0), load_layout("tap"))


if __name__ == "__main__":
    warm()
