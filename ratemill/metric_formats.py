"""Figures as text for Prometheus, and as datagrams for StatsD."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Final

from ratemill.metric_list import Sample

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
"""What the text for Prometheus is, over HTTP"""
_DATAGRAM: Final = 1400
"""Octets of a datagram that pass any network whole"""
_ESCAPES: Final = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})
_DOC_ESCAPES: Final = str.maketrans({"\\": r"\\", "\n": r"\n"})
_TAG_SIGNS: Final = str.maketrans(dict.fromkeys(",|#:\n\r@", "_"))


def prometheus_text(samples: Sequence[Sample]) -> str:
    """The samples in Prometheus' text format; those of one metric stand together."""
    lines: list[str] = []
    for metric, of_metric in groupby(samples, key=lambda sample: sample.metric):
        lines += [f"# HELP {metric.name} {metric.doc.translate(_DOC_ESCAPES)}",
                  f"# TYPE {metric.name} {metric.kind}"]
        lines += [f"{metric.name}{_labels(sample)} {sample.value}" for sample in of_metric]
    return "\n".join(lines) + "\n"


def _labels(sample: Sample) -> str:
    named = zip(sample.metric.labels, sample.labels, strict=True)
    text = ",".join(f'{name}="{value.translate(_ESCAPES)}"' for name, value in named)
    return f"{{{text}}}" if text else ""


def statsd_datagrams(samples: Iterable[Sample]) -> Iterator[bytes]:
    """The samples as gauges with tags, as many in a datagram as it holds.

    Counters are gauges too: StatsD's own counters take what was added, and we know sums.
    """
    lot: list[bytes] = []
    size = 0
    for line in (line.encode() for sample in samples for line in _statsd_lines(sample)):
        if lot and size + len(line) > _DATAGRAM:
            yield b"\n".join(lot)
            lot, size = [], 0
        lot.append(line)
        size += len(line) + 1
    if lot:
        yield b"\n".join(lot)


def _statsd_lines(sample: Sample) -> Iterator[str]:
    named = zip(sample.metric.labels, sample.labels, strict=True)
    tags = ",".join(f"{name}:{value.translate(_TAG_SIGNS)}" for name, value in named)
    end = f"|g|#{tags}" if tags else "|g"
    if sample.value < 0:
        # a sign means "less than now": from 0 it is the value
        yield f"{sample.metric.name}:0{end}"
    yield f"{sample.metric.name}:{sample.value}{end}"
