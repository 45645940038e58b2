"""`ratemill explain` of a duplicate: the record that came before stands beside it."""

import json
import sys
from pathlib import Path

from ratemill.run import finish
from ratemill.screen import Bars
from ratemill.settings import clock

sys.path.insert(0, str(Path(__file__).parent))

from collected_files import collected, with_profile

CALL = "MOC;232990000000001;0664123456;AUTRM;2026-11-10 10:00;60;0.10"
SAME = CALL.replace("0.10", "0.20")


def test_a_duplicate_is_shown_beside_its_original(small, ratemill):
    home = with_profile(small)
    first = collected(home, "A_1.csv", CALL)
    second = collected(home, "A_2.csv", SAME, SAME.replace("10:00", "11:00"),
                       CALL.replace("10:00", "11:00"))
    finish(home, [first, second], now=clock(home.settings), progress=Bars())
    ids = [ref.split("/")[1][:8] for ref in (first, second)]
    for record, code, original, raw in (
        (f"{ids[1]}:0", "DUPLICATE_OF_FILE", f"Record {ids[0]}:0 of A_1.csv", CALL),
        (f"{ids[1]}:2", "DUPLICATE_IN_FILE", f"Record {ids[1]}:1 of A_2.csv",
         SAME.replace("10:00", "11:00")),
    ):
        shown = ratemill("explain", record, home=home).stdout
        own, _, before = shown.partition("\nIt came before as\n")
        assert f"Record {record} of A_2.csv" in own
        assert code in own
        assert original in before
        assert raw in before
        assert "Postings" in before
    told = json.loads(ratemill("explain", f"{ids[1]}:0", "--json", home=home).stdout)
    assert told["original"]["file"]["name"] == "A_1.csv"
    assert bytes.fromhex(told["original"]["raw"]).decode().strip() == CALL
    assert told["original"]["original"] is None
    alone = ratemill("explain", f"{ids[0]}:0", home=home).stdout
    assert "It came before" not in alone
