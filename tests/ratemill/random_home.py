"""A home that lives through random days: files of two partners, and what people do about them."""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import polars as pl
from collected_files import HEAD, PROFILE, RECEIVED

from charging.ledger import Ledger
from mediation.collect import Fetched
from mediation.decided import unfit
from ratemill import pipeline
from ratemill.arrivals import register
from ratemill.decisions import Author, decide, release, write_off
from ratemill.lake import STAGES, Lake
from ratemill.mediating import decoded
from ratemill.recycle import recycle_awaited, reopened
from ratemill.rerate import apply_difference
from ratemill.rerate_catalog import choose_catalog
from ratemill.rollback import find_file, roll_back_file
from ratemill.run import finish
from ratemill.settings import clock
from ratemill.suspense import suspended

PARTNERS = ("alpenfon", "bergfon")
RULES = """
file_charge_max_micros = 2_500_000
[[drop]]
rule = "TEST_CALL"
column = "type"
equals = ["TST"]
"""
SIMS = ("232990000000001", "232990000000002")
STRANGER = "232990000000009"
WEIGHTS = {
    "good": 8, "repeat": 3, "twin": 2, "stranger": 2, "nowhere": 2, "short": 1, "ragged": 1,
    "unread": 1, "unclear": 1, "test": 1, "free": 1, "dear": 1, "refund": 1,
}
SUBSCRIBERS = """iccid,imsi,msisdn,account,valid_from,valid_to
,232990000000001,43699000001,A1,2026-01-01,
,232990000000002,43699000002,A2,2026-01-01,
"""
PLAN = "prefix,destination,zone,valid_from,valid_to\n43,Austria,home,,\n"
CATALOGS = {
    "first": {},
    "sims": {"sims": f"{SUBSCRIBERS},{STRANGER},43699000009,A1,2026-01-01,\n"},
    "plan": {"number_plan": f"{PLAN}373,Moldova,eea,,\n"},
    "fewer": {"sims": SUBSCRIBERS.replace("232990000000002", "232990000000005"),
              "grants": "holder_kind,holder,allowance,valid_from,valid_to\n"},
}


class Quiet:
    """A progress that nobody watches."""

    def step(self, *_):
        """A context that does nothing."""
        return self

    def __enter__(self):
        return lambda: None

    def __exit__(self, *_):
        return None


@dataclass
class Line:
    """A line of a file, and the charge that it states in micro-units; None where none is read."""

    text: str
    charge: int | None


@dataclass
class World:
    """The home, what its files hold by reference, and the catalogs it may come to have."""

    home: object
    rng: Random
    catalogs: dict[str, Path]
    files: dict[str, list[Line]] = field(default_factory=dict)
    octets: dict[str, bytes] = field(default_factory=dict)
    count: int = 0

    @property
    def author(self):
        """Somebody now."""
        return Author("anna", "because", clock(self.home.settings))

    def act(self):
        """Let something happen; its name."""
        name = self.rng.choices(list(ACTIONS), list(ACTIONS.values()))[0]
        getattr(self, name)()
        return name

    def arrive(self):
        """A new file, which waits for the next run; now and then it is no file of records."""
        self.count += 1
        partner = self.rng.choice(PARTNERS)
        lines = [self._line() for _ in range(self.rng.randint(0, 9))]
        data = "\n".join([HEAD, *(line.text for line in lines), ""]).encode()
        if self.rng.random() < 0.05:
            lines, data = [], f"no records {self.count}\n".encode()
        self._deliver(partner, f"{partner}_{self.count}.csv", data, lines)

    def resend(self):
        """The same octets again, by the same partner or by the other."""
        if not self.octets:
            return
        ref = self.rng.choice(list(self.octets))
        self.count += 1
        self._deliver(self.rng.choice(PARTNERS), f"again_{self.count}.csv", self.octets[ref],
                      self.files[ref])

    def run(self):
        """Take every unfinished file to its end."""
        recycle_awaited(self.home)
        self._finish(pipeline.pending(self.home))

    def rerun(self):
        """Have some files run again, at once or with the next run."""
        refs = self._some()
        pipeline.reset(self.home, refs, self.rng.choice(STAGES))
        if self.rng.random() < 0.5:
            self._finish(refs)

    def roll_back(self):
        """A posted file rolled back."""
        rows = Lake(self.home.lake).file_rows().filter(state="posted", stage="post")
        if rows.is_empty():
            return
        row = rows.row(self.rng.randrange(rows.height), named=True)
        file = find_file(self.home, f"{row['partner']}/{row['file_id']}")
        with Ledger(self.home.ledger) as ledger:
            roll_back_file(self.home, ledger, file, self.author.at, who="anna", why="wrong")

    def recycle(self):
        """Some records in suspense, tried again."""
        if (rows := self._waiting()).height:
            self._finish(reopened(self.home, rows))

    def edit(self):
        """A column of a record in suspense corrected."""
        rows = self._waiting().drop_nulls("record_index").head(1)
        if rows.is_empty():
            return
        partner, file_id, index = rows.select("partner", "file_id", "record_index").row(0)
        ref = f"{partner}/{file_id}"
        column, value = self.rng.choice([
            ("imsi", SIMS[0]), ("secs", "60"), ("to", "06641234"), ("charge", "0.77"),
        ])
        if unfit(decoded(self.home, ref).records, index, column, value):
            return
        decide(self.home, ref, pl.DataFrame(
            [(index, "edit", column, value)], orient="row",
            schema={"record_index": pl.Int32, "action": pl.String, "column": pl.String,
                    "value": pl.String},
        ), self.author)
        if column == "charge":
            lines = self.files[ref] = list(self.files[ref])
            lines[index] = Line(lines[index].text, 770_000)
        self._again(rows)

    def give_up(self):
        """Records in suspense written off."""
        rows = self._waiting().drop_nulls("record_index")
        for (partner, file_id), of_file in rows.group_by("partner", "file_id"):
            write_off(self.home, f"{partner}/{file_id}", of_file["record_index"].to_list(),
                      self.author)
        self._again(rows)

    def let_pass(self):
        """A file that is held back, released."""
        held = Lake(self.home.lake).file_rows().filter(state="quarantined")
        if held.is_empty():
            return
        partner, file_id = held.select("partner", "file_id").row(self.rng.randrange(held.height))
        release(self.home, f"{partner}/{file_id}", self.author)
        self._again(suspended(self.home).filter(partner=partner, file_id=file_id))

    def change_catalog(self):
        """Another catalog; with it what is posted may be charged anew."""
        source = self.catalogs[self.rng.choice(list(self.catalogs))]
        for path in source.glob("*.csv"):
            (self.home.catalog / path.name).write_bytes(path.read_bytes())
        if self.rng.random() < 0.3:
            self._finish(pipeline.pending(self.home))
            apply_difference(self.home, "true", choose_catalog(self.home, None), self.author.at,
                             who="anna", why="new prices")

    def _line(self):
        kind = self.rng.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
        known = [line for lines in self.files.values() for line in lines]
        if kind in {"repeat", "twin"} and known:
            line = self.rng.choice(known)
            if kind == "repeat" or line.text.count(";") != HEAD.count(";"):
                return Line(line.text, charge_of(line.text))
            return _of(*line.text.split(";")[:-1], "0.55")
        day, hour, minute = (self.rng.randint(*among) for among in ((1, 28), (0, 23), (0, 59)))
        at = f"2026-11-{day:02d} {hour:02d}:{minute:02d}"
        parts = ["MOC", self.rng.choice(SIMS), "0664123456", "AUTRM", at,
                 str(self.rng.randint(1, 300)), f"{self.rng.randint(0, 99) / 100:.2f}"]
        changes = {
            "stranger": (1, STRANGER), "nowhere": (2, "003736800"), "short": (5, "-60"),
            "unread": (6, "abc"), "unclear": (5, "x"), "test": (0, "TST"), "free": (6, ""),
            "dear": (6, "2.40"), "refund": (6, "-0.30"), "ragged": (6, "1.00;more"),
        }
        if kind in changes:
            place, text = changes[kind]
            parts[place] = text
        return _of(*parts)

    def _deliver(self, partner, name, data, lines):
        file_id = hashlib.sha256(data).hexdigest()
        path = self.home.archived(partner, file_id)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        fetched = Fetched(partner, name, f"outgoing/{name}", len(data), RECEIVED, file_id, path)
        with Ledger(self.home.ledger) as ledger:
            new = register(Lake(self.home.lake), ledger, fetched, RECEIVED)
        if new:
            ref = f"{partner}/{file_id}"
            self.octets[ref] = data
            self.files[ref] = [Line(line.text, charge_of(line.text)) for line in lines]

    def _some(self):
        return self.rng.sample(list(self.files), min(len(self.files), self.rng.randint(1, 3)))

    def _waiting(self):
        """One to three records in suspense, at random."""
        rows = suspended(self.home)
        return rows.sample(min(rows.height, self.rng.randint(1, 3)),
                           seed=self.rng.randrange(1 << 30))

    def _again(self, rows):
        self._finish(reopened(self.home, rows.with_columns(stage=pl.lit("decide"))))

    def _finish(self, refs):
        done = finish(self.home, refs, now=clock(self.home.settings), progress=Quiet())
        assert done.not_posted is None, done.not_posted


ACTIONS = {
    "arrive": 10, "run": 5, "resend": 2, "rerun": 4, "roll_back": 3, "recycle": 2, "edit": 4,
    "give_up": 2, "let_pass": 3, "change_catalog": 3,
}


def charge_of(text):
    """The charge that a line states, in micro-units; None where it states none to be read."""
    parts = text.split(";")
    if len(parts) != HEAD.count(";") + 1 or parts[-1] in {"", "abc"}:
        return None
    return round(float(parts[-1]) * 100) * 10_000


def _of(*parts):
    text = ";".join(parts)
    return Line(text, charge_of(text))


def of_two_partners(home):
    """The home with two partners who send the same sort of file, and may send each other's."""
    (home.root / "partners").mkdir()
    for name in PARTNERS:
        profile = PROFILE.replace('"alpenfon"', f'"{name}"').rstrip()
        (home.root / "partners" / f"{name}.toml").write_text(profile + RULES)
    return home
