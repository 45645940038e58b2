"""Which rows of the catalog an event meets, each with its line: for people, one event at a time."""

from datetime import datetime
from typing import Any, NamedTuple

import msgspec
import polars as pl

from rating.catalog import Catalog
from rating.catalog_tables import ANY, FRIEND, GROUP


class Row(NamedTuple):
    """A row of the catalog: what it says of the event, and its file:line."""

    says: str
    where: str


class Matched(msgspec.Struct):
    """What the catalog knows of an event; a field stays empty where no row matches."""

    rows: list[Row] = []
    account: str = ""
    msisdn: str = ""
    product: str = ""
    tariff: str = ""
    tax: str = ""
    currency: str = ""
    serving_zone: str = ""
    destination_zone: str = ""
    relation: str = ""
    agreement: str = ""
    """tariff agreed with the partner"""

    @property
    def complete(self) -> bool:
        """Whether a rate can be asked for."""
        return bool(self.tariff and self.serving_zone and self.destination_zone)


def matched_rows(catalog: Catalog, usage: dict[str, Any]) -> Matched:
    """The rows that a row of table usage meets, in the order of docs/rating.md, section 1."""
    matched = Matched(rows=[])
    look = _Look(catalog, usage["started_at"], matched)
    _who(look, usage)
    _where(look, usage)
    _whom(look, usage)
    if row := look.up("agreements", partner=usage["partner"]):
        matched.agreement = row["tariff"]
        look.note("agreements", row, f"partner {row['partner']} is paid by tariff {row['tariff']}")
    return matched


class _Look(NamedTuple):
    catalog: Catalog
    at: datetime
    matched: Matched

    def valid(self, table: str) -> pl.DataFrame:
        """The table's rows that hold at the event's start."""
        frame = self.catalog.frames[table]
        if "valid_from" not in frame.columns:
            return frame
        return frame.filter(pl.col("valid_from") <= self.at, pl.col("valid_to") > self.at)

    def up(self, table: str, **equal: object) -> dict[str, Any] | None:
        """The first row that holds and has the values."""
        found = self.valid(table).filter(*(pl.col(k) == v for k, v in equal.items()))
        return next(found.iter_rows(named=True), None)

    def note(self, table: str, row: dict[str, Any], says: str) -> None:
        """Keep what a row says of the event."""
        self.matched.rows.append(Row(says, f"{table}.csv:{row['line']}"))


def _who(look: _Look, usage: dict[str, Any]) -> None:
    """SIM, account, payer, subscription, product."""
    m = look.matched
    name = "msisdn" if usage["imsi"] is None else "imsi"
    sim = look.up("sims", **{name: usage[name] or ""})
    if sim is None:
        return
    m.account, m.msisdn = sim["account"], usage["msisdn"] or sim["msisdn"]
    look.note("sims", sim, f"SIM {sim['imsi']} with {sim['msisdn']} belongs to account "
                           f"{m.account}")
    account = look.up("accounts", account=m.account) or {}
    look.note("accounts", account, f"account {m.account} of customer {account['customer']}, "
                                   f"{account['mode']}, {account['status']}")
    if account["payer"]:
        look.note("accounts", account, f"account {account['payer']} pays for it")
        account = look.up("accounts", account=account["payer"]) or account
    m.currency, m.tax = account["currency"], account["tax"]
    subscription = (look.up("subscriptions", account=m.account, imsi=sim["imsi"])
                    or look.up("subscriptions", account=m.account, imsi=""))
    if subscription is None:
        return
    m.product = subscription["product"]
    look.note("subscriptions", subscription, f"it has product {m.product}")
    if product := look.up("products", product=m.product):
        m.tariff, m.tax = product["tariff"], m.tax or product["tax"]
        look.note("products", product, f"product {m.product} is priced by tariff {m.tariff}")


def _where(look: _Look, usage: dict[str, Any]) -> None:
    if network := look.up("networks", tadig=usage["serving_network"]):
        look.matched.serving_zone = network["zone"]
        look.note("networks", network, f"network {network['tadig']} is in zone {network['zone']}")


def _whom(look: _Look, usage: dict[str, Any]) -> None:
    """Destination and relation."""
    m, number = look.matched, usage["other_party"] or ""
    m.destination_zone = ANY
    called = usage["service"] in {"voice", "sms", "mms"} and usage["direction"] in {"mo", "mf"}
    if called or usage["service"] == "vas":
        m.destination_zone = _destination(look, number)
    mine = look.valid("groups").filter(number=m.msisdn)
    theirs = look.valid("groups").filter(number=number)
    shared = theirs.join(mine, on="group", how="semi")
    if shared.height:
        row = shared.row(0, named=True)
        m.relation += GROUP
        look.note("groups", row, f"both numbers are in group {row['group']}")
    if friend := look.up("friends", account=m.account, number=number):
        m.relation += FRIEND
        look.note("friends", friend, f"{number} is a friend of account {m.account}")


def _destination(look: _Look, number: str) -> str:
    if ported := look.up("ported", number=number):
        look.note("ported", ported, f"{number} is ported to {ported['destination']}, zone "
                                    f"{ported['zone']}")
        return str(ported["zone"])
    prefixes = [number[:length] for length in range(1, len(number) + 1)]
    found = look.valid("number_plan").filter(pl.col("prefix").is_in(prefixes))
    if found.is_empty():
        return ""
    row = found.sort(pl.col("prefix").str.len_bytes()).row(-1, named=True)
    look.note("number_plan", row, f"{number} begins with {row['prefix']}: {row['destination']}, "
                                  f"zone {row['zone']}")
    return str(row["zone"])
