"""Collected files without a partner's server: octets put into a home's archive and registered."""

import hashlib
from datetime import datetime

from charging.ledger import Ledger
from mediation.collect import Fetched
from ratemill.arrivals import register
from ratemill.lake import Lake

RECEIVED = datetime.fromisoformat("2026-12-01")
PROFILE = """
name = "alpenfon"
title = "Alpenfon"
sender = "AUTRM"
recipient = "AUTRM"
[collect]
connection = "sftp_alpenfon"
[format]
kind = "delimited"
delimiter = ";"
[fields]
record_type = { column = "type" }
service = { read = "const", value = "voice" }
direction = { read = "const", value = "mo" }
imsi = { column = "imsi" }
other_party = { read = "number", column = "to", country_code = "43" }
serving_network = { column = "net" }
duration_s = { read = "duration", column = "secs", format = "s" }
partner_charge_micros = { read = "decimal_micros", column = "charge" }
partner_currency = { read = "const", value = "EUR" }
[fields.started_at]
read = "local_time"
column = "start"
format = "%Y-%m-%d %H:%M"
zone = "Europe/Vienna"
[identity]
voice_mo = ["imsi", "started_at", "duration_s"]
[gate]
reject_share_max = 1.0
"""
NORDTEL = """
name = "nordtel"
title = "NordTel"
sender = "NORNT"
recipient = "AUTRM"
[collect]
connection = "sftp_nordtel"
[format]
kind = "tap"
[identity]
voice_mo = ["imsi", "started_at"]
voice_mt = ["imsi", "started_at"]
sms_mt = ["imsi", "started_at"]
data_mo = ["imsi", "started_at", "charging_id"]
[gate]
reject_share_max = 1.0
"""
HEAD = "type;imsi;to;net;start;secs;charge"


def with_profile(home):
    """The home with the partner alpenfon, who sends CSV files."""
    (home.root / "partners").mkdir()
    (home.root / "partners" / "alpenfon.toml").write_text(PROFILE)
    return home


def with_nordtel(home, more=""):
    """The home with the partner nordtel, who sends TAP files; `more` goes into his profile."""
    (home.root / "partners").mkdir(exist_ok=True)
    (home.root / "partners" / "nordtel.toml").write_text(NORDTEL + more)
    return home


def collected(home, name, *lines):
    """The reference of a file of alpenfon with these lines."""
    return arrived(home, "alpenfon", name, "\n".join([HEAD, *lines, ""]).encode())


def arrived(home, partner, name, data):
    """The reference of a partner's file of these octets."""
    file_id = hashlib.sha256(data).hexdigest()
    path = home.archived(partner, file_id)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    fetched = Fetched(partner, name, f"outgoing/{name}", len(data), RECEIVED, file_id, path)
    with Ledger(home.ledger) as ledger:
        register(Lake(home.lake), ledger, fetched, RECEIVED)
    return f"{partner}/{file_id}"
