"""`ratemill rate` and `ratemill why-not`: one event in words, with the rows behind it."""

import json

import pytest

from ratemill.cli_rate import why_not_command
from ratemill.errors import RatemillError

FRIDAY = "2026-11-20T18:55:00"
CALL = ("rate", "--number", "43699000001", "--at", FRIDAY, "--to", "+43 1 99", "--seconds", "601")


def test_a_call_over_the_border_of_two_bands(small, ratemill):
    shown = ratemill(*CALL, home=small)
    assert shown.returncode == 0, shown.stderr
    for line in (
        "voice mo with 43199 on network AUTRM at 2026-11-20 17:55:00 UTC",
        "  SIM 232990000000001 with 43699000001 belongs to account A1 (sims.csv:2)",
        "  account A1 of customer C1, prepaid, active (accounts.csv:2)",
        "  it has product flex (subscriptions.csv:2)",
        "  product flex is priced by tariff flex (products.csv:2)",
        "  network AUTRM is in zone home (networks.csv:2)",
        "  43199 begins with 43: Austria, zone home (number_plan.csv:2)",
        "  601 s used, 630 billed in steps of 60 then 30",
        "  set-up fee 0.05 EUR",
        "  peak: 300 s at 0.19 per 60 (rates.csv:2) = 0.95 EUR",
        "  off: 330 s at 0.123 per 60 (rates.csv:3) = 0.6765 EUR",
        "  rounding (event half_up 2) from 1.6765: +0.0035 EUR",
        "  tariff amount 1.68 EUR",
        "  net 1.68, tax 20 % (taxes.csv:2) 0.34, due 2.02 EUR",
        "  voice mo, zone home to zone home (Austria, prefix 43)",
    ):
        assert line in shown.stdout.splitlines(), shown.stdout
    assert "wholesale" not in shown.stdout
    assert not small.lake.exists()


def test_the_same_call_as_json_with_the_partner(small, ratemill):
    told = json.loads(
        ratemill(*CALL, "--partner", "nordtel", "--charge", "0.2", "--currency", "SDR", "--json",
                 home=small).stdout)
    retail, wholesale = told["charges"]
    assert (retail["leg"], retail["amount_micros"]) == ("retail", 2_020_000)
    assert (wholesale["source"], wholesale["amount_micros"]) == ("partner", 200_000)
    assert wholesale["expected_micros"] == 180_300
    assert told["matched"]["agreement"] == "iot"


def test_allowance_and_payer(small, ratemill):
    shown = ratemill("rate", "--imsi", "232990000000002", "--at", FRIDAY, "--to", "4312345",
                     "--seconds", "150", home=small).stdout
    for words in (
        "account A3 pays for it (accounts.csv:3)",
        "Charge, retail: A3 for A2 0.14 CHF",
        "120 of them covered by allowances",
        ("allowance minutes of sim:232990000000002, period from 2026-10-31 23:00 UTC: "
        "covers 120 s; 0 used before, 120 after"),
        "peak: 120 s covered (rates.csv:2)",
        "converted at 0.9412 CHF a EUR (exchange_rates.csv:2)",
    ):
        assert words in shown


@pytest.mark.parametrize(
    ("arguments", "place"),
    [
        (("--at", "2026-11-20T12:00:00"), "11:00:00 UTC"),
        (("--at", "2026-11-20T12:00:00", "--offset", "+03:00"), "09:00:00 UTC"),
        (("--at", "2026-11-20T12:00:00Z"), "12:00:00 UTC"),
        (("--at", "2026-07-20T12:00:00", "--from-network", "NORNT"), "10:00:00 UTC"),
    ],
)
def test_the_local_time_is_that_of_the_network(small, ratemill, arguments, place):
    shown = ratemill("rate", "--number", "43699000001", "--events", "1", "--to", "431",
                     "--service", "sms", *arguments, home=small)
    if "NORNT" in arguments:  # the tax class has no rate there
        assert "TAX_MISSING" in shown.stderr
    else:
        assert place in shown.stdout


def test_data_counts_in_powers_of_1024(small, ratemill):
    shown = ratemill("rate", "--number", "43699000001", "--at", FRIDAY, "--mb", "3", home=small)
    assert "3,145,728 bytes used" in shown.stdout
    assert "tariff amount 3.00 EUR" in shown.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--at", FRIDAY, "--seconds", "1"), "--number or --imsi"),
        (("--at", "soon", "--number", "1", "--seconds", "1"), "'soon' is no time"),
        (("--at", FRIDAY, "--number", "1"), "needs its units"),
        (("--at", FRIDAY, "--number", "1", "--seconds", "1", "--events", "1"), "needs its units"),
        (("--at", FRIDAY, "--number", "1", "--seconds", "1", "--service", "sms"),
         "--seconds: does not fit sms"),
        (("--at", FRIDAY, "--number", "1", "--events", "1", "--service", "voice"),
         "--events: does not fit voice"),
        (("--at", FRIDAY, "--number", "1", "--events", "1", "--service", "fax"), "'fax'"),
        (("--at", FRIDAY, "--number", "1", "--seconds", "1", "--direction", "up"), "'up'"),
        (("--at", FRIDAY, "--number", "x1", "--seconds", "1"), "'x1' is no number"),
        (("--at", FRIDAY, "--number", "1", "--seconds", "1", "--offset", "CET"), "'CET'"),
        (("--at", FRIDAY, "--number", "1", "--seconds", "1", "--charge", "1"), "go together"),
        (("--at", FRIDAY, "--number", "1", "--seconds", "1", "--charge", "1.0000001",
          "--currency", "SDR"), "is no amount"),
        (("--at", FRIDAY, "--number", "1", "--seconds", "1"), "SUBSCRIBER_UNKNOWN"),
    ],
)
def test_a_wrong_description_is_told_without_a_traceback(small, ratemill, arguments, words):
    shown = ratemill("rate", *arguments, home=small)
    assert shown.returncode == 2
    assert words in shown.stderr
    assert "Traceback" not in shown.stderr


def test_why_a_call_has_no_rate(small, ratemill):
    shown = ratemill("why-not", "--number", "43699000001", "--at", FRIDAY, "--to", "+1 555",
                     "--seconds", "10", home=small)
    assert shown.returncode == 0
    assert "No price: RATE_MISSING" in shown.stdout
    nearest = shown.stdout.partition("Nearest rates")[2].splitlines()
    assert any("rates.csv:2: " in line and "destination_zone" in line for line in nearest)
    assert "A line for rates.csv would do" in shown.stdout
    header, line = (text.strip().split(",") for text in shown.stdout.splitlines()[-2:])
    added = dict(zip(header, line, strict=True))
    assert (added["serving_zone"], added["destination_zone"]) == ("home", "world")
    assert (added["first_interval"], added["price"]) == ("60", "?")


@pytest.mark.parametrize(
    ("arguments", "code", "file"),
    [
        (("--number", "4355", "--to", "431", "--seconds", "1"), "SUBSCRIBER_UNKNOWN", "sims"),
        (("--number", "43699000001", "--to", "99", "--seconds", "1"), "DESTINATION_UNKNOWN",
         "number_plan"),
        (("--number", "43699000001", "--to", "431", "--seconds", "1", "--from-network", "XXXXX"),
         "NETWORK_UNKNOWN", "networks"),
        (("--number", "43699000001", "--to", "431", "--events", "1", "--from-network", "NORNT"),
         "TAX_MISSING", "taxes"),
        (("--number", "43699000001", "--events", "1", "--to", "431", "--partner", "other"),
         "WHOLESALE_RATE_MISSING", "agreements"),
        (("--number", "43699000001", "--events", "1", "--to", "431", "--partner", "nordtel"),
         "WHOLESALE_RATE_MISSING", "rates"),
    ],
)
def test_the_line_that_would_do(small, ratemill, arguments, code, file):
    told = json.loads(
        ratemill("why-not", *arguments, "--at", FRIDAY, "--json", home=small).stdout)
    assert (told["code"], told["add"]["file"]) == (code, f"{file}.csv")
    assert told["add"]["line"].count(",") == told["add"]["header"].count(",")


def test_an_account_without_a_product(small, ratemill, write_catalog):
    write_catalog(small.catalog, subscriptions="account,imsi,product,valid_from,valid_to\n")
    told = json.loads(
        ratemill("why-not", *CALL[1:], "--json", home=small).stdout)
    assert told["code"] == "PRODUCT_MISSING"
    assert told["add"]["line"] == "A1,,?,2026-11-20,"


def test_what_has_a_price_is_priced(small, ratemill):
    assert "Charge, retail" in ratemill("why-not", *CALL[1:], home=small).stdout


def test_ported_friends_and_groups_are_named(small, ratemill, write_catalog):
    write_catalog(small.catalog, groups="group,number,valid_from,valid_to\n"
                                        "g,43699000001,,\ng,4355555,,\n")
    shown = ratemill("why-not", "--number", "43699000001", "--at", FRIDAY, "--to", "4355555",
                     "--seconds", "9", home=small).stdout
    assert "4355555 is ported to Austria ported, zone eea (ported.csv:2)" in shown
    assert "both numbers are in group g (groups.csv:3)" in shown
    friend = ratemill("why-not", *CALL[1:5], "--to", "4312345", "--seconds", "9", home=small).stdout
    assert "4312345 is a friend of account A1 (friends.csv:2)" in friend


def test_what_is_no_record(small):
    with pytest.raises(RatemillError, match="is no record"):
        why_not_command("17", small.root, {}, as_json=False)
