"""The figures about a home that monitoring gets, declared once: name, labels, meaning."""

from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal["gauge", "counter"]


@dataclass(frozen=True, slots=True)
class Metric:
    """One figure; the unit stands last in its name, a counter ends in `_total`."""

    name: str
    kind: Kind
    labels: tuple[str, ...]
    doc: str


@dataclass(frozen=True, slots=True)
class Sample:
    """A metric's value for some values of its labels, in their order."""

    metric: Metric
    labels: tuple[str, ...]
    value: int


_PARTNER: Final = ("partner",)

INFO: Final = Metric("ratemill_info", "gauge", ("version", "operator"),
                     "1; the labels say which program and whose home")
RECEIVED: Final = Metric("ratemill_files_received_total", "counter", _PARTNER,
                         "files received, copies not counted")
OCTETS: Final = Metric("ratemill_received_bytes_total", "counter", _PARTNER,
                       "octets of the files received")
LAST_FILE: Final = Metric("ratemill_last_file_age_seconds", "gauge", _PARTNER,
                          "since the newest file of the partner came")
FILES: Final = Metric("ratemill_files", "gauge", ("partner", "state"),
                      "files by the state in which their last finished stage left them")
PENDING: Final = Metric("ratemill_pending_files", "gauge", ("partner", "stage"),
                        "files that wait for a stage: mediate, rate, post or receipt")
OLDEST: Final = Metric("ratemill_oldest_pending_age_seconds", "gauge", _PARTNER,
                       "since the oldest file came that waits for a stage; 0 where none waits")
RECORDS_IN: Final = Metric("ratemill_records_received", "gauge", _PARTNER,
                           "records found in the files, good or bad")
RECORDS: Final = Metric(
    "ratemill_records", "gauge", ("partner", "outcome"),
    "records by where they are: posted, duplicate, suspended, dropped, or under_way between "
    "two stages; together they are those received",
)
REJECTS: Final = Metric("ratemill_rejects", "gauge", ("partner", "stage", "outcome", "code"),
                        "records turned away, by reject code")
FILE_REJECTS: Final = Metric("ratemill_file_rejects", "gauge", ("partner", "stage", "code"),
                             "whole files turned away, by reject code")
AT_RISK: Final = Metric("ratemill_money_at_risk_micros", "gauge", ("partner", "currency"),
                        "partners' charges of records in suspense, in millionths of the currency")
UNPRICED: Final = Metric("ratemill_suspended_without_charge", "gauge", _PARTNER,
                         "records in suspense that state no charge")
FINDINGS: Final = Metric("ratemill_findings", "gauge", ("partner", "kind"),
                         "what a person has to look at: gap, late, quarantine, refused, suspense")
CALL_TO_POST: Final = Metric(
    "ratemill_call_to_post_seconds", "gauge", ("partner", "figure"),
    "from the start of an event until its charge was posted, over files posted in the last 24 "
    "hours: median (of files' medians, by their records) and max",
)
ARRIVAL_TO_POST: Final = Metric(
    "ratemill_arrival_to_post_seconds", "gauge", ("partner", "figure"),
    "from a file's arrival until it was posted, over the same files: median (by their records) "
    "and max",
)
CHARGED: Final = Metric("ratemill_charged_micros", "gauge", ("leg", "currency"),
                        "all charges that stand on the ledger, in millionths of the currency")
ACCOUNTS: Final = Metric("ratemill_ledger_accounts", "gauge", (), "accounts, one per currency")
POSTINGS: Final = Metric("ratemill_ledger_postings", "gauge", (), "postings on the ledger")
DIFFERENCE: Final = Metric(
    "ratemill_ledger_difference_micros", "gauge", ("currency",),
    "balances minus what files and entries come to; anything but 0 is a fault",
)
HOLDS: Final = Metric("ratemill_ledger_holds", "gauge", (), "holds that keep charges from posting")
PROOF_FAULTS: Final = Metric("ratemill_ledger_proof_faults", "gauge", (),
                             "contradictions that the last proof of all sums found, 20 at most")
PROOF_AGE: Final = Metric("ratemill_ledger_proof_age_seconds", "gauge", (),
                          "since the last proof of all sums; absent before the first")
DISK_FREE: Final = Metric("ratemill_disk_free_bytes", "gauge", (), "free where the home is")
DISK_SIZE: Final = Metric("ratemill_disk_size_bytes", "gauge", (), "size of the disk of the home")

METRICS: Final = (
    INFO, RECEIVED, OCTETS, LAST_FILE, FILES, PENDING, OLDEST, RECORDS_IN, RECORDS, REJECTS,
    FILE_REJECTS, AT_RISK, UNPRICED, FINDINGS, CALL_TO_POST, ARRIVAL_TO_POST, CHARGED, ACCOUNTS,
    POSTINGS, DIFFERENCE, HOLDS, PROOF_FAULTS, PROOF_AGE, DISK_FREE, DISK_SIZE,
)
"""All of them, in the order in which they are told"""
