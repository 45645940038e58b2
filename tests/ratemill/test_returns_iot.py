"""Records that charge more than agreed, given back with the evidence, and taken back."""

import json
import sys
from pathlib import Path

import pytest

from asn1.encode import encode_transfer_batch
from asn1.tap import read
from asn1.tree import tree
from charging.ledger import Ledger
from ratemill import pipeline, returns_iot
from ratemill.decisions import Author
from ratemill.errors import RatemillError
from ratemill.lake import Lake
from ratemill.reconcile import reconcile
from ratemill.returns import returned
from ratemill.returns_iot import return_variances
from ratemill.run import finish
from ratemill.settings import clock
from ratemill.suspense import suspended

sys.path.insert(0, str(Path(__file__).parents[1] / "mediation"))
sys.path.insert(0, str(Path(__file__).parent))

from collected_files import arrived, with_nordtel
from corrected_home import prove
from random_home import Quiet
from tap_faults import CHARGE, DETAIL, MOC_BASIC, changed, sound

DATED = """
[validity]
age_max_days = 3650
[tap]
age_max_days = 3650
"""
SIM = {f"{MOC_BASIC}.chargeableSubscriber.simChargeableSubscriber": {"imsi": "232990000000001"}}
MENDED = {
    **SIM, f"{DETAIL}.charge": 18, f"{CHARGE}.taxInformation.0.taxValue": 2,
    "batchControlInfo.fileSequenceNumber": "00008", "auditControlInfo.totalCharge": 218,
    "auditControlInfo.totalTaxValue": 2,
}
OPENED = {"A1": 10_000_000}
PATH_TO_THE_CHARGE = ["1", "3", "9", "38", "39", "70", "69", "64", "63", "62"]


@pytest.fixture
def home(small, write_catalog, unpublished):
    with_nordtel(small, DATED)
    write_catalog(small.catalog, agreements="""
        partner,tariff,valid_from,valid_to
        nordtel,iot,2026-08-01,
        """, taxes="""
        tax,serving_zone,percent,valid_from,valid_to
        vat,home,20,,
        vat,eea,0,,
        """)
    return small


@pytest.fixture
def dear(home, begun):
    """A file of one record that charges more than agreed, run to its end: reference and octets."""
    return begun(home, "dear", lambda: brought(home, 7, SIM))


@pytest.fixture
def given(home, begun):
    """The file's reference and the row of what gave its record back."""
    def made():
        ref, _ = brought(home, 7, SIM)
        return ref, given_back(home, ref)

    return begun(home, "given back", made)


def finished(home, refs):
    assert finish(home, refs, now=clock(home.settings), progress=Quiet()).not_posted is None


def brought(home, number, changes):
    """A TAP file of this number, run to its end: its reference and octets."""
    data = encode_transfer_batch(changed(sound(), changes))
    ref = arrived(home, "nordtel", f"CDNORNTAUTRM0000{number}", data)
    finished(home, [ref])
    return ref, data


def anna(home):
    return Author("anna", "not agreed", clock(home.settings))


def balances(home):
    with Ledger(home.ledger) as ledger:
        return dict(ledger.balances().select("account", "balance_micros").iter_rows())


def given_back(home, ref):
    return return_variances(home, ref, anna(home), Quiet())


def state(home, ref):
    """What the file's record that charges too much came to, after all proofs."""
    prove(home)
    reconcile(home, [ref])
    row = Lake(home.lake).file_rows("post").filter(file_id=ref.split("/")[1]).row(0, named=True)
    away = suspended(home).filter(code="CHARGE_NOT_AGREED")
    return row["posted"], away["record_index"].to_list(), away["money_at_risk_micros"].to_list()


def test_a_record_that_charges_too_much_is_given_back_and_taken_back(home, dear, ratemill):
    ref, data = dear
    assert state(home, ref) == (1, [], [])
    assert balances(home)["partner:nordtel"] == -1_100_000  # with the tax
    row = given_back(home, ref)
    assert (row["kind"], row["subject"], row["details"], row["charge_micros"]) == (
        "iot", f"iot:{ref.split('/')[1]}", 1, 1_000_000)
    octets, tap = (home.outbox / "nordtel" / row["name"]).read_bytes(), read(data)
    assert [tap.raw(n) in octets for n in range(3)] == [True, False, False]
    header = read(octets).header
    assert (header.audit_total_value, header.audit_total_tax, header.audit_count) == (1000, 100, 1)
    said = [(line.name, line.value_text) for line in tree(octets)]
    assert [value for name, value in said if name == "pathItemId"] == PATH_TO_THE_CHARGE
    assert [value for name, value in said if name == "errorCode"] == ["200"]
    for text in (b"IOTDate:20260801", b"ExpCharge:18",
                 b"Calculation:60 s of voice mo by tariff iot"):
        assert text in octets
    assert state(home, ref) == (0, [0], [1_000_000])
    assert {name: micros for name, micros in balances(home).items() if micros} == OPENED
    assert "anna: not agreed" in suspended(home).filter(code="CHARGE_NOT_AGREED")["detail"][0]


@pytest.mark.parametrize("stage", ["mediate", "rate", "post"])
def test_what_was_given_back_is_charged_by_no_rerun(home, given, stage):
    (ref, row), after = given, balances(home)
    pipeline.reset(home, [ref], stage)
    finished(home, [ref])
    assert given_back(home, ref) == row
    assert (state(home, ref)[:2], balances(home)) == ((0, [0]), after)
    assert returned(home).height == 1


def test_the_mended_record_is_charged(home, given):
    mended, _ = brought(home, 8, MENDED)
    assert state(home, mended)[0] == 1
    assert balances(home)["partner:nordtel"] == -20_000  # with the tax
    with pytest.raises(RatemillError, match="no record that charges more than agreed"):
        given_back(home, mended)


@pytest.mark.parametrize("cut", ["_take_back", "apply", "reset", "finish", "made"])
def test_cut_short_it_goes_on_where_it_stopped(home, dear, monkeypatch, cut):
    ref, _ = dear

    def killed(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(returns_iot, cut, killed)
        with pytest.raises(KeyboardInterrupt):
            given_back(home, ref)
    assert returned(home).is_empty()
    row = given_back(home, ref)
    assert (row["name"], row["details"]) == ("RCAUTRMNORNT00001", 1)
    assert state(home, ref) == (0, [0], [1_000_000])


def test_a_file_that_was_reset_in_between_is_run_first(home, dear, monkeypatch):
    ref, _ = dear

    def killed(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(returns_iot, "_take_back", killed)
        with pytest.raises(KeyboardInterrupt):
            given_back(home, ref)
    pipeline.reset(home, [ref], "mediate")
    given_back(home, ref)
    assert state(home, ref) == (0, [0], [1_000_000])
    assert balances(home)["partner:nordtel"] == 0


def test_the_command_gives_back_what_iot_lists(home, dear, ratemill):
    ref, _ = dear
    assert "1 records beyond the tolerance" in ratemill("iot", ref, home=home).stdout
    shown = ratemill("rap", "iot", ref, "--why", "not agreed", home=home).stdout
    assert "RCAUTRMNORNT00001: 1 records given back for their charges, 1.00 SDR" in shown
    listed = json.loads(ratemill("rap", "list", "--json", home=home).stdout)
    assert [row["kind"] for row in listed] == ["iot"]
