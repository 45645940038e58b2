"""Files that are held back: the question about one, and what follows from each answer."""

import sys
from datetime import datetime
from pathlib import Path

import polars as pl
import pytest

from charging.checks import check
from charging.ledger import Ledger
from mediation.outcome import ConservationError
from mediation.schema import FILE
from ratemill import pipeline
from ratemill.decisions import Author, of_file
from ratemill.errors import RatemillError
from ratemill.files import findings
from ratemill.funnel import file_status
from ratemill.held import answered, held, outcome, question, reopened
from ratemill.lake import Lake
from ratemill.refs import split
from ratemill.run import finish
from ratemill.screen import Bars
from ratemill.settings import clock

sys.path.insert(0, str(Path(__file__).parent))

from collected_files import collected, with_profile

GOOD = "MOC;232990000000001;0664123456;AUTRM;2026-11-{:02} 10:00;60;0.10"
NAME = "A_`2`|<b>.csv"
NOW = datetime(2026, 12, 2)
ANNA = Author("anna", "the fair was in town", NOW)
BORIS = Author("boris", "the partner sends it again", NOW)


@pytest.fixture
def dear(small, begun):
    """A home with an accepted file and one whose charge is above the partner's limit."""
    def made():
        home = with_profile(small)
        profile = home.root / "partners" / "alpenfon.toml"
        profile.write_text(profile.read_text().replace(
            "reject_share_max = 1.0", "file_charge_max_micros = 150_000"))
        accepted = collected(home, "A_1.csv", GOOD.format(1))
        ref = collected(home, NAME, GOOD.format(2), GOOD.format(3), GOOD.format(4))
        finish(home, [accepted, ref], now=clock(home.settings), progress=Bars())
        return accepted, ref

    accepted, ref = begun(small, "held", made)
    return small, accepted, ref


def states(home):
    """The state of each file, and the records posted."""
    return {row.name: (row.state, row.posted) for row in file_status(home)}


def run_on(home, ref):
    """What the DAGs do with a file that has to be mediated."""
    finish(home, [ref], now=clock(home.settings), progress=Bars())
    with Ledger(home.ledger) as ledger:
        assert check(ledger) == []


def test_the_question_has_the_figures_and_nothing_of_the_partner_is_markup(dear):
    home, accepted, ref = dear
    assert [row["name"] for row in held(home, [accepted, ref])] == [NAME]
    assert question(home, accepted) is None
    asked = question(home, ref)
    assert asked.subject == f"alpenfon: {NAME} is held. Approve it?"
    lines = asked.body.splitlines()
    assert lines[0].startswith("**GATE_FAILED**: ")
    assert ("- `the accepted records charge 300000 micro-units in all, "
            "file_charge_max_micros is 150000`") in lines
    assert "| records | 3 | 1 | 1 | 1 |" in lines
    assert "| charge stated, EUR | 0.30 | 0.10 | 0.10 | 0.10 |" in lines
    assert "| *accepted files before it: 1* |  |  |  |  |" in lines
    assert "| file charge | 0.30 |  | 0.15 |" in lines
    assert any(line.endswith("Money that waits: 0.30 EUR.") for line in lines)
    assert f"File id `{ref.partition('/')[2]}`." in lines


def noted(home, ref, *notes):
    """The body of the question about a file that has these notes."""
    lake = Lake(home.lake)
    row = lake.load(FILE, *split(ref), "post").with_columns(notes=pl.lit("\n".join(notes)))
    lake.write(FILE, lake.path(FILE, *split(ref), "post"), row)
    return question(home, ref).body


def test_text_of_a_partner_stays_within_its_code(dear):
    home, _, ref = dear
    body = noted(home, ref, "[a](http://x) <b>", "GATE_FAILED: x`y|z; \x1b[2J").splitlines()
    assert "- note: `[a](http://x) <b>`" in body
    assert [line for line in body if line.startswith("- `")] == ["- `x'y\\|z`", "- `\\x1b[2J`"]


def test_limits_are_shown_of_what_the_gate_holds_alone(dear):
    home, _, ref = dear
    heads = "| limit | observed | at least | at most |"
    assert heads in noted(home, ref, "GATE_FAILED: too dear")
    body = noted(home, ref, "SEQUENCE_REUSED: number 5 was in another file")
    assert body.startswith("**SEQUENCE_REUSED**: ")
    assert heads not in body


def test_a_release_lets_the_file_pass_with_name_and_reason(dear):
    home, _, ref = dear
    assert not reopened(home, ref)
    for _ in range(2):
        answered(home, ref, let_pass=True, author=ANNA)
        assert reopened(home, ref)
    run_on(home, ref)
    assert states(home)[NAME] == ("posted", 3)
    assert not reopened(home, ref)
    assert outcome(home, ref) == (
        f"{NAME} was released by anna at 2026-12-02 00:00 UTC: the fair was in town; it is posted"
    )
    with Ledger(home.ledger) as ledger:
        deeds = [(row["who"], row["action"], row["why"], row["subject"]) for row in trail(ledger)]
    assert deeds == [("anna", "release", "the fair was in town", ref)]


def trail(ledger):
    """The rows of the audit trail about files that are held."""
    from sqlalchemy import select

    from charging.ledger_schema import AUDIT

    with ledger.reading() as connection:
        rows = connection.execute(select(AUDIT)).mappings().all()
    return [row for row in rows if row["action"] in ("release", "reject")]


def test_a_rejection_keeps_it_held_and_is_told_of_no_more(dear):
    home, _, ref = dear
    assert {"quarantine", "suspense"} <= {one.kind for one in findings(home, NOW)}
    for _ in range(2):
        answered(home, ref, let_pass=False, author=BORIS)
        assert not reopened(home, ref)
    assert question(home, ref) is None
    assert {"quarantine", "suspense"}.isdisjoint(one.kind for one in findings(home, NOW))
    assert states(home)[NAME] == ("quarantined", 0)
    assert outcome(home, ref).startswith(f"{NAME} was rejected by boris at 2026-12-02")
    with Ledger(home.ledger) as ledger:
        assert [(row["who"], row["action"]) for row in trail(ledger)] == [("boris", "reject")]
    # mediated anew it is held as before, and nobody is asked again
    pipeline.reset(home, [ref], "mediate")
    run_on(home, ref)
    assert states(home)[NAME] == ("quarantined", 0)
    assert held(home, [ref]) == []


def test_what_was_decided_first_stands(dear, ratemill):
    home, _, ref = dear
    assert ratemill("suspense", "release", ref, "--why", "by hand", "--who", "carla",
                    home=home).returncode == 0
    assert question(home, ref) is None
    answered(home, ref, let_pass=False, author=BORIS)
    assert outcome(home, ref).startswith(f"{NAME} was released by carla")
    assert states(home)[NAME] == ("posted", 3)


def test_a_file_that_was_rejected_may_be_released_later(dear, ratemill):
    home, accepted, ref = dear
    shown = ratemill("suspense", "reject", ref, "--why", "twice", "--who", "boris", home=home)
    assert (shown.returncode, "stays in quarantine" in shown.stdout) == (0, True)
    assert of_file(Lake(home.lake), ref).who == "boris"
    shown = ratemill("suspense", "reject", accepted, "--why", "twice", home=home)
    assert (shown.returncode, "not quarantined" in shown.stderr) == (2, True)
    assert ratemill("suspense", "release", ref, "--why", "they insist", "--who", "carla",
                    home=home).returncode == 0
    assert of_file(Lake(home.lake), ref).action == "release"
    assert states(home)[NAME] == ("posted", 3)


def test_an_outcome_is_an_error_until_somebody_decided_and_it_is_mediated(dear):
    home, accepted, ref = dear
    with pytest.raises(RatemillError, match="nobody decided"):
        outcome(home, ref)
    assert outcome(home, accepted) == "A_1.csv is posted: nothing was to be decided"
    answered(home, ref, let_pass=True, author=ANNA)
    with pytest.raises(RatemillError, match=r"released by anna .* is still held"):
        outcome(home, ref)
    assert reopened(home, ref)
    with pytest.raises(ConservationError, match="not mediated"):
        outcome(home, ref)
    with pytest.raises(RatemillError, match="no file is called so"):
        question(home, "nothing")
