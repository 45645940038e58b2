"""What is said of alarms: once within the quiet time, by every channel, as one readable text."""

from datetime import datetime, timedelta

import pytest

from ratemill.alerts import Alarm, happened, printable, still_open, tell
from ratemill.errors import RatemillError, SettingsError
from ratemill.home import Home

NOW = datetime(2026, 10, 1, 6)
HOUR = timedelta(hours=1)
HOLD = Alarm(kind="hold", about="ledger", what="balances: account A1 is off by 3", same="1",
             since=NOW - 2 * HOUR)
GAP = Alarm(kind="gap", about="nordtel", what="00041 to 00043 missing between 00040 and 00044",
            same="00041-00043")
WAITS = Alarm(kind="suspense", about="alpenfon", what="120 records wait", same="suspense",
              records=120, money_micros={"EUR": 50_000_000})


class Ear:
    """A channel that remembers, or refuses."""

    def __init__(self):
        self.heard, self.refuses = [], False

    def send(self, message):
        if self.refuses:
            raise RatemillError("mail server h", "is down", retryable=True)
        self.heard.append(message)


@pytest.fixture
def home(tmp_path):
    (tmp_path / "ratemill.toml").write_text("""
        operator = "AUTRM"
        title = "Small"
        zone = "Europe/Vienna"
        [alerts]
        quiet_hours = { gap = 10 }
        """)
    return Home.find(tmp_path, {})


@pytest.fixture
def ear():
    return Ear()


def say(home, ear, found, now=NOW, *, whole=True):
    return tell(home, found, {"e-mail": ear}, now, whole=whole).get("e-mail")


def test_one_message_with_the_most_urgent_first(home, ear):
    told = say(home, ear, [GAP, WAITS, HOLD])
    assert told.subject == "Ratemill, Small: Posting is on hold (ledger), and 2 more"
    assert told.text == """\
Small, 2026-10-01 08:00 CEST

Posting is on hold
  To do: `ratemill ledger check` says what is wrong; mend it, then `ratemill ledger release`.
  - ledger: balances: account A1 is off by 3 (since 2026-10-01 06:00 CEST)

Files are missing
  To do: `ratemill files PARTNER --gaps`; ask the partner for them.
  - nordtel: 00041 to 00043 missing between 00040 and 00044

Records wait for long
  To do: `ratemill suspense list` says for what.
  - alpenfon: 120 records wait (120 records, 50.00 EUR)
"""
    assert ear.heard == [told]


def test_nothing_is_said_twice_within_its_quiet_time(home, ear):
    assert say(home, ear, [GAP, HOLD])
    assert say(home, ear, [GAP, HOLD], NOW + 4 * HOUR - timedelta(seconds=1)) is None
    again = say(home, ear, [GAP, HOLD], NOW + 4 * HOUR)
    assert again.alarms == [HOLD]
    assert "Still open, said before: 1 of “Files are missing” (nordtel)." in again.text
    assert say(home, ear, [GAP, HOLD], NOW + 10 * HOUR).alarms == [HOLD, GAP]
    assert len(ear.heard) == 3


def test_what_is_over_is_told_with_the_next_message_and_new_when_it_comes_again(home, ear):
    say(home, ear, [GAP, HOLD])
    assert say(home, ear, [HOLD], NOW + HOUR) is None
    told = say(home, ear, [HOLD, WAITS], NOW + 2 * HOUR)
    assert "Over since the last message: 1 of “Files are missing” (nordtel)." in told.text
    assert say(home, ear, [HOLD, WAITS, GAP], NOW + 3 * HOUR).alarms == [GAP]


def test_what_doubles_is_said_in_spite_of_the_quiet_time(home, ear):
    say(home, ear, [WAITS])
    more = Alarm(kind="suspense", about="alpenfon", what="239 records wait", same="suspense",
                 records=239, money_micros={"EUR": 99_999_999})
    assert say(home, ear, [more], NOW + HOUR) is None
    money = Alarm(kind="suspense", about="alpenfon", what="239 records wait", same="suspense",
                  records=239, money_micros={"EUR": 100_000_000})
    assert say(home, ear, [money], NOW + HOUR).alarms == [money]


def test_a_channel_that_is_down_hears_it_later_and_the_others_at_once(home, ear):
    deaf = Ear()
    deaf.refuses = True
    with pytest.raises(RatemillError, match="is down") as error:
        tell(home, [GAP], {"e-mail": deaf, "webhook": ear}, NOW, whole=True)
    assert error.value.retryable
    deaf.refuses = False
    sent = tell(home, [GAP], {"e-mail": deaf, "webhook": ear}, NOW + HOUR, whole=True)
    assert list(sent) == ["e-mail"]
    assert len(deaf.heard) == len(ear.heard) == 1


def test_an_event_alone_ends_nothing(home, ear):
    say(home, ear, [GAP])
    failed = Alarm(kind="run", about="publish", what="warehouse: disk full", same="disk full")
    told = say(home, ear, [failed], NOW + HOUR, whole=False)
    assert "Over" not in told.text
    assert say(home, ear, [GAP, failed], NOW + 2 * HOUR) is None


def test_what_happens_again_is_one_thing(home):
    failed = Alarm(kind="run", about="publish", what="warehouse: disk full", same="disk full",
                   since=NOW)
    happened(home, failed, NOW)
    later = Alarm(kind="run", about="publish", what="warehouse: disk full", same="disk full",
                  since=NOW + HOUR)
    happened(home, later, NOW + HOUR)
    (one,) = still_open(home, NOW + 2 * HOUR)
    assert (one.times, one.since) == (2, NOW)
    assert still_open(home, NOW + timedelta(days=2) + HOUR) == []


def test_a_damaged_memory_says_it_again(home, ear):
    say(home, ear, [GAP])
    (home.root / "alerts" / "said.json").write_text("{")
    assert say(home, ear, [GAP]) is not None


def test_names_of_partners_steer_no_chat_and_no_mail(home, ear):
    evil = Alarm(kind="refused", about="nordtel", same="1",
                 what="<!channel> <http://evil|click>\r\nBcc: x\u202egpj.exe")
    told = say(home, ear, [evil])
    assert not set(told.text) & set("<>\r\u202e")
    assert "\nBcc" not in told.text
    assert printable("a\nb\tc\x1b[1m") == "a b c?[1m"


def test_a_long_list_ends_in_a_count(home, ear):
    many = [Alarm(kind="gap", about="nordtel", what=f"{n} missing", same=str(n))
            for n in range(75)]
    assert say(home, ear, many).text.endswith("\n… and 45 more.\n")


def test_kinds_in_the_settings_are_those_of_alarms(home):
    path = home.root / "ratemill.toml"
    path.write_text(path.read_text().replace("gap = 10", "gaps = 10"))
    with pytest.raises(SettingsError, match="gaps"):
        assert Home.find(home.root, {}).settings
