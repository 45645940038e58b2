"""`ratemill profile`: all faults at once, records side by side, a first profile from a sample."""

import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest

from mediation.profile import load_profile
from mediation.schema import ARRIVAL
from ratemill.home import Home
from ratemill.lake import Lake
from ratemill.profile_commands import name_of
from ratemill.profile_ready import READY, add_command, list_command, ready_profiles
from ratemill.profile_shape import at_line, line_numbers, read_shape

SAMPLE_DATA = Path(__file__).parents[2] / "sample_data"
PAGE = Path(__file__).parents[2] / "docs/profiles.md"
PARTNERS = SAMPLE_DATA / "home" / "partners"
ALPENFON = SAMPLE_DATA / "inbox/alpenfon/outgoing/ALPENFON_20260928_0009.csv"
FIXLINE = SAMPLE_DATA / "inbox/fixline/outgoing/FXL_20260904_0001.dat"
NORDTEL = SAMPLE_DATA / "inbox/nordtel/outgoing/CDNORNTAUTRM00001"


@pytest.fixture
def example(tmp_path):
    """A home with the example's settings and profiles, and no file yet."""
    shutil.copytree(SAMPLE_DATA / "home", tmp_path / "home")
    return Home(tmp_path / "home", "")


@dataclass
class Edited:
    """A partner's profile with texts replaced, as a file of its own."""

    folder: Path

    def __call__(self, partner, *replaced):
        text = (PARTNERS / f"{partner}.toml").read_text()
        for before, after in replaced:
            assert before in text
            text = text.replace(before, after)
        path = self.folder / f"{partner}.toml"
        path.write_text(text)
        return path


@pytest.fixture
def edited(tmp_path):
    return Edited(tmp_path)


def everything_in(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture
def told(ratemill, example):
    """The faults of a profile's file as (key, severity), with the sample if one is given."""

    def call(path, sample=None, code=2):
        more = ["--sample", sample] if sample else []
        shown = ratemill("profile", "check", path, *more, "--json", home=example)
        assert (shown.returncode, shown.stderr) == (code, "")
        return {(f["key"], f["severity"]): f for f in json.loads(shown.stdout)["faults"]}

    return call


def test_the_example_profiles_have_no_fault(ratemill, example):
    shown = ratemill("profile", "check", "--strict", home=example)
    assert shown.returncode == 0
    assert shown.stdout == "4 profiles: 0 errors, 0 warnings; sample: none\n"


@pytest.mark.parametrize("name", sorted(ready_profiles(READY)))
def test_a_ready_profile_has_no_fault(ratemill, example, name):
    shown = ratemill("profile", "check", ready_profiles(READY)[name], "--strict", home=example)
    assert (shown.returncode, shown.stdout) == (
        0, "1 profile: 0 errors, 0 warnings; sample: none\n")


def test_all_faults_of_the_shape_are_told_at_once(told, edited):
    path = edited(
        "alpenfon", ("title", "titel"), ("settle_s = 10", 'settle_s = "x"\nglub = 1'),
        ('read = "digits", column = "IMSI"', 'read = "digitz", column = "IMSI"'),
        ('equals = ["TST"]', "equals = [4]"), ("sms_mt", "sms_mx"),
        ("age_max_days = 60", "age_max_days = -1"),
    )
    found = told(path)
    assert set(found) == {
        (key, "error") for key in ("titel", "title", "drop[0].equals", "collect.settle_s",
                                   "collect.glub", "fields.imsi.read", "identity.sms_mx",
                                   "validity.age_max_days")
    } | {("identity", "warning")}
    assert found["titel", "error"]["hint"] == "did you mean title?"
    assert found["fields.imsi.read", "error"]["hint"] == "did you mean digits?"
    assert found["collect.glub", "error"]["where"] == "alpenfon.toml:12"


@pytest.mark.parametrize(
    ("before", "after", "key"),
    [
        ("imsi = { read", "imzi = { read", "fields.imzi"),
        ('read = "digits", column = "IMSI"', 'read = "integer", column = "IMSI"', "fields.imsi"),
        ('zone = "Europe/Prague"', 'zone = "Europe/Prag"', "fields.started_at"),
        ('format = "%d.%m.%Y %H:%M:%S"', 'format = "%d.%m.%Y %Q"', "fields.started_at"),
        ('SMO = "sms"', 'SMO = "smss"', "fields.service"),
        ('serving_network = { read = "const", value = "CZECL" }', "", "fields.serving_network"),
        ('partner_currency = { read = "const", value = "EUR" }', "",
         "fields.partner_charge_micros"),
        ('events = { read = "const", value = 1,', 'events = { read = "const", value = 1' + "0" * 20
         + ",", "fields.events"),
        ('equals = ["TST"]', 'equals = ["TST "]', "drop[0].equals"),
        ('where = { REC_TYPE = ["GPRS"] }', 'where = { REC_TYPE = [" GPRS"] }',
         "fields.volume_up_bytes.where.REC_TYPE"),
        (r"(\d{4})\.csv", r"(\d{4}\.csv", "control.sequence_from_name"),
        (r"(\d{4})\.csv", r"\d{4}\.csv", "control.sequence_from_name"),
        ("[identity]", 'charge = "trl.sum"\n[identity]', "control.charge"),
        ("[identity]", '[identity]\nmms_mo = ["started_at", "apn"]', "identity.mms_mo"),
        ("[identity]", '[identity]\nmms_mo = ["started_at", "file_id"]', "identity.mms_mo"),
        ("[identity]", '[identity]\nmms_mo = ["started_at", "imzi"]', "identity.mms_mo"),
        ("[identity]", "[identity]\nmms_mo = []", "identity.mms_mo"),
        ('delimiter = ";"', 'delimiter = "\\r"', "format.delimiter"),
    ],
)
def test_what_a_profile_cannot_mean(told, edited, before, after, key):
    assert (key, "error") in told(edited("alpenfon", (before, after)))


@pytest.mark.parametrize(
    ("partner", "before", "after", "key", "severity"),
    [
        ("xmlcom", 'column = "imsi"', 'column = "imzi"', "fields.imsi", "error"),
        ("xmlcom", 'imsi = "u:sub', 'imsi = "v:sub', "format.columns.imsi", "error"),
        ("xmlcom", '"hdr.sequence"', '"hdr.seqence"', "control.sequence", "error"),
        ("xmlcom", 'id = "@id"', 'id = "@id"\nmore = "@more"', "format.columns.more", "warning"),
        ("fixline", "IMSI = [29, 15]", "IMSI = [28, 15]", "format.lines[1].columns.IMSI",
         "warning"),
        ("fixline", 'starts_with = "20"', 'starts_with = "101"', "format.lines[2].starts_with",
         "error"),
        ("nordtel", "NORNT", "Nor", "sender", "error"),
        ("nordtel", '"started_at", "duration_s"', '"duration_s"', "identity.voice_mt", "warning"),
        ("alpenfon", "sms_mt =", "mms_mt =", "identity", "warning"),
        ("alpenfon", 'glob = "ALPENFON_*.csv*"', 'glob = "*.tmp"', "collect.exclude", "warning"),
        ("alpenfon", 'glob = "ALPENFON_*.csv*"', 'glob = "[A"', "collect.glob", "warning"),
    ],
)
def test_what_each_format_may_have_wrong(
    told, edited, partner, before, after, key, severity
):
    found = told(edited(partner, (before, after)), code=2 if severity == "error" else 0)
    assert (key, severity) in found


def test_a_sample_shows_columns_that_are_not_there_beside_other_faults(told, edited):
    path = edited("alpenfon", ('column = "IMSI"', 'column = "IMSJ"'), ("ALPENFON_*", "ALPEN_*"),
                  ("Europe/Prague", "Europe/Prag"), ('"TST"', '"TSX"'), ('["GPRS"]', '["GPRZ"]'))
    found = told(path, ALPENFON)
    assert {key for key, _ in found} == {
        "drop[0].equals", "collect.glob", "fields.imsi", "fields.started_at",
        "fields.volume_up_bytes.where.REC_TYPE", "fields.volume_down_bytes.where.REC_TYPE",
    }
    assert found["fields.imsi", "error"]["hint"] == "did you mean IMSI?"


def test_the_example_of_the_page(ratemill, example, edited):
    path = edited("alpenfon", ('column = "IMSI"', 'column = "IMSJ"'), ("ALPENFON_*", "ALPEN_*"),
                  ("Europe/Prague", "Europe/Prag"), ("drop = [{", "# drop = [{"))
    shown = ratemill("profile", "check", path, "--sample", ALPENFON, home=example).stdout
    assert f"```text\n{shown}```\n" in PAGE.read_text()


def test_a_sample_shows_what_would_be_turned_away(told, edited):
    found = told(edited("alpenfon"), ALPENFON, code=0)
    fault = found["fields.service", "warning"]
    assert fault["what"] == "1 of 170 records: VALUE_UNMAPPED"
    assert "record 30" in fault["hint"]
    assert "'FWD'" in fault["hint"]
    wrong = told(edited("alpenfon", ("%d.%m.%Y", "%Y-%m-%d")), ALPENFON)
    assert wrong["fields.started_at", "error"]["what"] == "169 of 170 records: FIELD_INVALID"


def test_a_sample_of_another_kind_is_an_error(told, edited, tmp_path):
    page = tmp_path / "ALPENFON_1.csv"
    page.write_text("<html></html>\n")
    assert ("format", "error") in told(edited("alpenfon"), page)


def test_the_last_collected_file_is_the_sample(ratemill, example):
    data = ALPENFON.read_bytes()
    kept = example.archived("alpenfon", "f" * 64)
    kept.parent.mkdir(parents=True)
    kept.write_bytes(data)
    row = {"arrival_id": "a" * 64, "partner": "alpenfon", "name": ALPENFON.name,
           "remote_path": "x", "size_bytes": len(data), "modified_at": 0, "received_at": 0,
           "file_id": "f" * 64, "file_number": 1}
    frame = ARRIVAL.fill(pl.DataFrame([row]))
    path = Lake(example.lake).arrival_path("alpenfon", "a" * 64)
    path.parent.mkdir(parents=True)
    frame.write_parquet(path)
    shown = ratemill("profile", "check", "alpenfon", home=example)
    assert shown.stdout.endswith(f"sample: alpenfon with {ALPENFON.name}\n")
    assert "fields.service: warning: 1 of 170 records: VALUE_UNMAPPED" in shown.stdout


@pytest.mark.parametrize("text", ["name = ", "name = 'a'\nname = 'b'", "\xff"])
def test_what_is_no_toml_is_one_fault(told, tmp_path, text):
    path = tmp_path / "broken.toml"
    path.write_bytes(text.encode("latin-1"))
    assert set(told(path)) == {("", "error")}


def test_faults_name_their_line():
    lines = line_numbers((PARTNERS / "fixline.toml").read_text())
    text = (PARTNERS / "fixline.toml").read_text().splitlines()
    assert text[lines["format.lines[2].columns.APN"] - 1] == "APN = [59, 20]"
    assert text[lines["fields.imsi"] - 1].startswith("imsi = ")
    where = at_line("f.toml", lines, "fields.imsi.where.X")
    assert where == f"f.toml:{lines['fields.imsi']}"
    assert at_line("f.toml", lines, "nothing") == "f.toml"


def test_a_name_that_is_not_the_files(told, edited):
    assert ("name", "error") in told(edited("alpenfon", ('"alpenfon"', '"alpenfone"')))


def test_every_part_that_is_sound_is_kept():
    shape = read_shape("p.toml", "alpenfon", (PARTNERS / "alpenfon.toml").read_bytes())
    assert shape.faults == []
    assert shape.profile == load_profile(PARTNERS / "alpenfon.toml")


def test_what_is_left_of_a_faulty_table_is_checked_too(told, edited):
    found = told(edited("alpenfon", ("settle_s = 10", "settle_s = -1"),
                        ('encoding = "latin-1"', 'encoding = "ebcdic"'),
                        ('glob = "ALPENFON_*.csv*"', 'glob = "*.tmp"'), ("Prague", "Prag")),
                 ALPENFON)
    assert set(found) == {
        ("collect.settle_s", "error"), ("format.encoding", "error"), ("fields.started_at", "error"),
        ("collect.exclude", "warning"),
    }


def test_a_struct_that_checks_itself_names_its_table(told, edited):
    found = told(edited("alpenfon", ('connection = "sftp_alpenfon"', "")))
    assert found["collect", "error"]["what"] == "give exactly one of connection and folder"


def test_two_profiles_that_take_the_same_files(ratemill, example):
    folder = example.root / "partners"
    text = (folder / "alpenfon.toml").read_text()
    (folder / "belfon.toml").write_text(text.replace('"alpenfon"', '"belfon"'))
    shown = ratemill("profile", "check", home=example)
    assert "belfon.toml: collect: warning: takes the same files as alpenfon;" in shown.stdout


def test_no_such_profile_and_no_such_file(ratemill, example, tmp_path):
    shown = ratemill("profile", "check", "nobody", home=example)
    assert shown.returncode == 2
    assert "there are alpenfon, fixline, nordtel, xmlcom" in shown.stderr
    assert ratemill("profile", "check", "none.toml", home=example).returncode == 2
    shown = ratemill("profile", "check", "--sample", ALPENFON, home=example)
    assert (shown.returncode, "name the profile" in shown.stderr) == (2, True)
    shown = ratemill("profile", "check", home=Home(tmp_path / "no", ""))
    assert (shown.returncode, "no partner profile" in shown.stderr) == (2, True)


def test_preview_shows_raw_text_and_value_and_writes_nothing(ratemill, example):
    before = everything_in(example.root)
    shown = ratemill("profile", "preview", ALPENFON, "--rows", 2, home=example)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "record 0 at octet 96" in shown.stdout
    assert "GPRS;A0315160106;28.09.2026 08:00:47;00:13:55;" in shown.stdout
    assert re.search(r"started_at +START +28.09.2026 08:00:47 +2026-09-28 06:00:47", shown.stdout)
    assert re.search(r"partner_charge_micros +NET_EUR +0,000889 +889 ", shown.stdout)
    assert re.search(r"utc_offset_s +time zone +7200", shown.stdout)
    assert "read by no field: PLACE 'Ústí nad Labem'" in shown.stdout
    assert "record 2 at" not in shown.stdout
    assert "170 records: 169 would become usage, 0 duplicate, 1 suspended, 0 dropped" in (
        shown.stdout)
    assert everything_in(example.root) == before


def test_preview_of_what_would_be_turned_away(ratemill, example):
    shown = ratemill("profile", "preview", ALPENFON, "--rejected", "--json", home=example)
    told = json.loads(shown.stdout)
    (record,) = told["records"]
    assert record["record_index"] == 30
    assert record["raw"].startswith("FWD;A0980021939;")
    assert (record["reject"]["stage"], record["reject"]["code"]) == ("normalize", "VALUE_UNMAPPED")
    service = next(line for line in record["usage"] if line["column"] == "service")
    assert service == {"column": "service", "source": "REC_TYPE", "text": "FWD", "value": None}
    assert told["ends"] == {"records": 170, "usage": 169, "duplicate": 0, "suspended": 1,
                            "dropped": 0}


def test_preview_tells_each_stage_that_turns_away(ratemill, example, tmp_path):
    lines = ALPENFON.read_text("latin-1").splitlines()
    late = lines[3].replace("28.09.2026", "28.09.2027")
    test = re.sub("^[A-Z]+", "TST", lines[4])
    other = [lines[0], lines[1], lines[1], "a;b", late, test]
    file = tmp_path / "ALPENFON_20260929_0010.csv"
    file.write_text("\n".join(other), "latin-1")
    shown = ratemill("profile", "preview", file, "--json", home=example)
    ends = [r["reject"] and (r["reject"]["stage"], r["reject"]["outcome"], r["reject"]["code"])
            for r in json.loads(shown.stdout)["records"]]
    assert ends == [
        None, ("dedupe", "duplicate", "DUPLICATE_IN_FILE"), ("decode", "suspended", "LINE_RAGGED"),
        ("validate", "suspended", "START_IN_FUTURE"), ("normalize", "dropped", "INTERNAL_TEST"),
    ]
    shown = ratemill("profile", "preview", file, home=example)
    assert "suspended by decode: LINE_RAGGED: the line has 2 columns" in shown.stdout
    assert "5 records: 1 would become usage, 1 duplicate, 2 suspended, 1 dropped" in shown.stdout


def test_preview_of_a_tap_file(ratemill, example):
    shown = ratemill("profile", "preview", NORDTEL, "--rows", 1, home=example)
    assert re.search(r"imsi +232991200000050", shown.stdout)
    assert "decoded: event 'mobileTerminatedCall'" in shown.stdout
    assert "230 records: 230 would become usage" in shown.stdout


def test_a_files_content_does_not_steer_the_screen(ratemill, example, tmp_path):
    lines = ALPENFON.read_text("latin-1").splitlines()
    lines[1] = lines[1].replace("468", "[red]:m:\x1b[31m")
    file = tmp_path / "ALPENFON_20260929_0010.csv"
    file.write_text("\n".join(lines[:2]), "latin-1")
    shown = ratemill("profile", "preview", file, home=example)
    assert "\x1b" not in shown.stdout
    assert shown.stdout.count(r"[red]:m:\x1b[31m") == 4


def test_preview_of_a_whole_file_that_is_none(ratemill, example, tmp_path):
    file = tmp_path / "ALPENFON_1.csv"
    file.write_text("<html></html>\n")
    shown = ratemill("profile", "preview", file, home=example)
    assert shown.returncode == 2
    assert "the whole file: NOT_A_CDR_FILE" in shown.stdout
    shown = ratemill("profile", "preview", tmp_path / "other.csv", home=example)
    assert (shown.returncode, "cannot be read" in shown.stderr) == (2, True)
    (tmp_path / "other.csv").write_text("a;b\n")
    shown = ratemill("profile", "preview", tmp_path / "other.csv", home=example)
    assert (shown.returncode, "profile guess" in shown.stderr) == (2, True)


@pytest.mark.parametrize("file", [ALPENFON, NORDTEL, FIXLINE,
                                  SAMPLE_DATA / "inbox/xmlcom/outgoing/XC_20260902_0001.xml"])
def test_a_guess_passes_check_and_previews_its_own_sample(ratemill, example, tmp_path, file):
    shown = ratemill("profile", "guess", file, "--name", "trial")
    assert (shown.returncode, shown.stderr) == (0, "")
    path = tmp_path / "trial.toml"
    path.write_text(shown.stdout)
    assert "# CHECK: " in shown.stdout
    checked = ratemill("profile", "check", path, "--sample", file, home=example)
    assert checked.returncode == 0
    assert "1 profile: 0 errors" in checked.stdout
    seen = ratemill("profile", "preview", file, "--profile", path, "--json", home=example)
    ends = json.loads(seen.stdout)["ends"]
    assert ends["usage"] >= ends["records"] * 0.95 > 50


@pytest.mark.parametrize(
    "file",
    [pytest.param(p, id=p.name) for name in ("asterisk", "broadworks", "cucm", "freeswitch")
     for p in sorted((READY / name / "sample").iterdir())
     if not p.name.endswith((".usage.csv", ".rejects.csv")) and "8cfe" not in p.name],
)
def test_a_guess_for_what_systems_write(ratemill, example, tmp_path, file):
    path = tmp_path / "trial.toml"
    path.write_text(ratemill("profile", "guess", file, "--name", "trial").stdout)
    checked = ratemill("profile", "check", path, "--sample", file, home=example)
    assert (checked.returncode, checked.stderr) == (0, ""), checked.stdout


def test_what_a_check_of_a_profile_asks_is_looked_at_too(told, edited):
    path = edited("alpenfon", ("\n[validity]\n", """
[[check]]
rule = "IMSI_INVALID"
says = "of ours"
where = { IMSI = { empty = true } }
[[check]]
rule = "NOTHING"
says = "asks nothing"
[[check]]
rule = "BLANK"
says = "can never be"
where = { IMSI = [" 1"] }
[validity]
"""))
    found = told(path)
    assert {key for key, _ in found} == {"check[0]", "check[1]", "check[2].where.IMSI"}
    assert found["check[0]", "error"]["what"].startswith("is a code of ours")


def test_a_guess_needs_a_name_and_a_sample_it_can_tell(ratemill, tmp_path):
    shown = ratemill("profile", "guess", ALPENFON, "--name", "Al Pen")
    assert (shown.returncode, "cannot name a profile" in shown.stderr) == (2, True)
    (tmp_path / "words.txt").write_text("just words\n")
    shown = ratemill("profile", "guess", tmp_path / "words.txt")
    assert (shown.returncode, "neither a delimiter" in shown.stderr) == (2, True)


@pytest.mark.parametrize(
    ("file", "name"),
    [("ALPENFON_20260928_0009.csv", "alpenfon"), ("a_8cfe.xml", "new_partner"),
     ("BW-CDR-2026.xml", "bw_cdr"), ("2026.csv", "new_partner"), ("x" * 50 + ".csv", "x" * 31)],
)
def test_a_profiles_name_out_of_a_files(file, name):
    assert name_of(Path(file)) == name


def test_a_ready_profile_is_added_under_its_own_name(example, capfd, tmp_path):
    ready = tmp_path / "ready" / "swift"
    ready.mkdir(parents=True)
    text = (PARTNERS / "alpenfon.toml").read_text().replace('"alpenfon"', '"swift"')
    (ready / "swift.toml").write_text(text)
    assert add_command("alpine", "swift", example.root, {}, ready.parent) == 0
    assert "ratemill profile check alpine" in capfd.readouterr().out
    added = load_profile(example.root / "partners" / "alpine.toml")
    assert (added.name, added.title) == ("alpine", "Alpenfon (Czech Republic), CSV")
    assert list_command(example.root, {}, as_json=True, folder=ready.parent) == 0
    rows = json.loads(capfd.readouterr().out)
    assert [(r["name"], r["where"], r["format"]) for r in rows] == [
        ("alpenfon", "home", "delimited"), ("alpine", "home", "delimited"),
        ("fixline", "home", "fixed"), ("nordtel", "home", "tap"), ("xmlcom", "home", "xml"),
        ("swift", "ready", "delimited"),
    ]


def test_a_profile_is_never_overwritten_by_a_ready_one(ratemill, example):
    (ready, *_) = ready_profiles(READY)
    before = everything_in(example.root)
    for name, hint in (("alpenfon", "is there already"), ("Al", "cannot name a profile")):
        shown = ratemill("profile", "add", name, "--from", ready, home=example)
        assert (shown.returncode, hint in shown.stderr) == (2, True)
    shown = ratemill("profile", "add", "new", "--from", "nothing", home=example)
    assert (shown.returncode, ready in shown.stderr) == (2, True)
    assert everything_in(example.root) == before
