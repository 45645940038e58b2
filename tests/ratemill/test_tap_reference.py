"""The reference of TAP tables names every table, column and place, and how each is filled."""

import re

import pytest

from asn1.grammar import GrammarName
from asn1.layout import load_layout
from ratemill.tap_reference import tap_tables

PAGE = tap_tables("")
TITLES: dict[GrammarName, str] = {"tap": "## TAP ", "rap": "## RAP ", "nrtrde": "## NRTRDE "}
COLUMN = re.compile(r"^\| `(\w+)` \| (?:Int64|String|Binary|Datetime) \| `", re.MULTILINE)
PLACE = re.compile(r"^\| `([\w.]+)` \| `", re.MULTILINE)


def sections(name: GrammarName) -> dict[str, str]:
    """Of one kind of file, the text of each table."""
    start = PAGE.index(TITLES[name])
    end = PAGE.find("\n## ", start)
    parts = PAGE[start : end if end > 0 else None].split("\n### ")[1:]
    return {title: text for title, _, text in (p.partition("\n") for p in parts)}


@pytest.mark.parametrize("name", TITLES)
def test_all_tables_columns_and_places_are_there(name):
    layout = load_layout(name)
    shown = sections(name)
    assert tuple(shown) == layout.tables
    for table, text in shown.items():
        if "of the table of this name above" in text:
            assert {c.name for c in layout.columns_of(table)} == {
                c.name for c in load_layout("tap").columns_of(table)}
        else:
            found = COLUMN.findall(text)
            assert found == [c.name for c in layout.columns_of(table)]
    kinds = len(layout.record_names)
    told = set(PLACE.findall(PAGE))
    assert {place for place in layout.places[kinds:] if place not in told} == set()
    for kind in layout.record_names:
        assert f"`{kind}`" in shown[layout.tables[0]]


def test_paths_carry_their_releases_and_rows():
    tap = sections("tap")
    assert (
        "| `called_number` | String | `basicCallInformation.destination.calledNumber` from 3.11 of "
        "mobileOriginatedCall<br>`basicCallInformation.destination.calledNumberUntil310` until "
        "3.10 of mobileOriginatedCall |"
    ) in tap["event"]
    assert "`valueAddedService` until 3.10" in tap["event"]
    assert "| `charge` | Int64 | `charge` |" in tap["charge_detail"]
    assert "| `charge_information.charge_detail` | `chargeDetailList.chargeDetail` |" in tap[
        "charge_detail"]
    assert "| `rec_entity_code` | Int64 | `recEntityCode` |" in tap["rec_entity_code"]
