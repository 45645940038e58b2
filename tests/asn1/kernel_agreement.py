"""Records read by the kernel, after it was found that the walker reads the same."""

from polars.testing import assert_frame_equal

from asn1 import walker
from asn1.kernel_run import Padded, read_records
from asn1.layout import Layout
from asn1.records import Records, Span


def agreed(data: bytes, span: Span, layout: Layout, first_index: int = 0) -> Records:
    kernel = read_records(Padded.of(data), span, layout, first_index)
    plain = walker.read_records(data, span, layout, first_index)
    assert (kernel.count, kernel.end, kernel.lost) == (plain.count, plain.end, plain.lost)
    assert kernel.faults == plain.faults
    assert_frame_equal(kernel.unknown, plain.unknown)
    assert list(kernel.tables) == list(plain.tables)
    for name, table in kernel.tables.items():
        assert_frame_equal(table, plain.tables[name])
    return kernel
