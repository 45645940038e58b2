"""The command line as a person and a script meet it."""

import json
from pathlib import Path

import pytest

from ratemill.demo import SAMPLE
from ratemill.lake import Lake

INBOX = SAMPLE / "inbox"


def test_status_shows_a_row_per_file_and_the_promise(example, ratemill):
    shown = ratemill("status", home=example)
    assert shown.returncode == 0
    assert "CDNORNTAUTRM00002.resent" in shown.stdout
    assert " in = " in shown.stdout
    assert "\x1b" not in shown.stdout


def test_status_as_json(example, ratemill):
    files = json.loads(ratemill("status", "--json", home=example).stdout)
    assert sum(f["posted"] for f in files["files"]) == files["totals"]["posted"] > 4_000


def test_rejects_by_reason_and_one_by_one(example, ratemill):
    assert "SUBSCRIBER_UNKNOWN" in ratemill("rejects", home=example).stdout
    one = ratemill("rejects", "--code", "subscriber_unknown", home=example)
    assert "sims.csv" in one.stdout
    listed = json.loads(ratemill("rejects", "--json", "--partner", "nordtel", home=example).stdout)
    assert {r["partner"] for r in listed} == {"nordtel"}


def record_of(example, name, index):
    rows = Lake(example.lake).file_rows().filter(name=name)
    return f"{rows['file_id'].item()[:10]}:{index}"


def test_explain_from_octets_to_postings(example, ratemill):
    shown = ratemill("explain", record_of(example, "CDNORNTAUTRM00006", 115), home=example).stdout
    for words in ("callEventStartTimeStamp", "usage_key", "peak: ", "off-peak: ", "Postings",
                  "partner:nordtel"):
        assert words in shown
    told = json.loads(
        ratemill("explain", record_of(example, "CDNORNTAUTRM00006", 115), "--json",
                 home=example).stdout)
    assert {c["leg"] for c in told["charges"]} == {"retail", "wholesale"}
    # what was charged before is given back: each leg comes to its last charge
    last = {charge["leg"]: charge["amount_micros"] for charge in told["charges"]}
    for leg, amount in last.items():
        assert amount == -sum(p["amount_micros"] for p in told["postings"] if p["leg"] == leg)


def test_explain_says_why_a_record_waits(example, ratemill):
    shown = ratemill("explain", record_of(example, "CDNORNTAUTRM00007", 0), home=example).stdout
    assert "Suspended at gate: FILE_INCOMPLETE" in shown


def test_why_not_says_what_a_record_lacks(example, ratemill):
    found = json.loads(ratemill("rejects", "--json", home=example).stdout)
    for code in ("SUBSCRIBER_UNKNOWN", "FILE_INCOMPLETE"):
        one = next(r for r in found if r["code"] == code and r["record_index"] is not None)
        shown = ratemill("why-not", f"{one['file_id'][:12]}:{one['record_index']}", home=example)
        assert code in shown.stdout + shown.stderr
        assert "Traceback" not in shown.stderr


@pytest.mark.parametrize(
    ("partner", "name", "words"),
    [
        ("nordtel", "CDNORNTAUTRM00001", "totalCharge"),
        ("alpenfon", "ALPENFON_20260903_0001.csv", "168"),
        ("fixline", "FXL_20260904_0001.dat", "150 records read"),
        ("xmlcom", "XC_20260913_0003.xml", "XML_BROKEN"),
    ],
)
def test_inspect_shows_every_format(example, partner, name, words, ratemill):
    shown = ratemill("inspect", INBOX / partner / "outgoing" / name, home=example)
    assert shown.returncode == 0
    assert words in shown.stdout
    told = ratemill("inspect", INBOX / partner / "outgoing" / name, "--json", "--limit", 5,
                    home=example)
    assert json.loads(told.stdout)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("explain", "zz:1"), 2, "no file begins so"),
        (("explain", "17"), 2, "FILE_ID:INDEX"),
        (("run", "--partner", "nobody"), 2, "no profile of nobody"),
        (("status", "--partner", "nobody"), 2, "no profile of nobody"),
        (("inspect", "missing.csv"), 2, "No such file"),
        (("frobnicate",), 2, "No such command"),
    ],
)
def test_wrong_input_is_told_without_a_traceback(example, arguments, code, words, ratemill):
    home = None if arguments[0] == "frobnicate" else example
    shown = ratemill(*arguments, home=home)
    assert shown.returncode == code
    assert words in shown.stderr
    assert "Traceback" not in shown.stderr


def test_a_home_that_is_none(tmp_path, ratemill):
    shown = ratemill("run", "--home", tmp_path)
    assert shown.returncode == 2
    assert "ratemill demo" in shown.stderr


def test_a_broken_profile_names_file_and_place(tmp_path, ratemill):
    from ratemill.demo import prepare_home

    home = prepare_home(tmp_path / "home")
    profile = Path(home.root, "partners", "alpenfon.toml")
    profile.write_text(profile.read_text().replace("[collect]", "[collect]\nspeed = 9"))
    shown = ratemill("run", home=home)
    assert shown.returncode == 2
    assert "alpenfon.toml" in shown.stderr
    assert "speed" in shown.stderr


def test_ctrl_c_says_how_to_go_on(example, monkeypatch, ratemill):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("ratemill.cli_look.file_status", interrupted)
    shown = ratemill("status", home=example)
    assert shown.returncode == 130
    assert "run the same command again" in shown.stderr
