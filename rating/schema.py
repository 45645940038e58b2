"""The table that rating writes: charge."""

from mediation.tables import Column as C
from mediation.tables import Table

CHARGE = Table(
    "charge",
    "one priced leg (retail or wholesale) of one usage",
    (
        C("partner", "text", "partner profile name"),
        C("file_id", "text", "sha256 of the received bytes"),
        C("record_index", "int32", "position of the record in its file"),
        C("leg", "text", "retail: what the account pays; wholesale: what the partner is owed"),
        C("revision", "int32", "0 for the first rating, +1 for each re-rating"),
        C("usage_key", "text", "business identity of the usage"),
        C("account", "text", "account that is charged; partner:NAME on the wholesale leg"),
        C("currency", "text", "currency of every amount in this row"),
        C("amount_micros", "int64", "charge, the sum of set-up fee and the bands' amounts"),
        C("source", "text", "tariff: priced by us; partner: the charge the partner states"),
        C("expected_micros", "int64", "wholesale: what the IOT agreement gives, where it has a "
          "rate in this currency", null=True),
        C("service", "text", "voice, sms or data"),
        C("direction", "text", "mo or mt"),
        C("started_at", "time", "start of the event, UTC"),
        C("tariff", "text", "tariff (retail) or agreement (wholesale)"),
        C("rate_row", "text", "file:line of the catalog row that matched", null=True),
        C("serving_zone", "text", "zone of the serving network"),
        C("destination", "text", "destination name by longest prefix", null=True),
        C("destination_prefix", "text", "the prefix that matched", null=True),
        C("destination_zone", "text", "zone of the destination, * where it plays no part"),
        C("unit", "text", "s, bytes or event"),
        C("used_units", "int64", "units used, before rounding"),
        C("billed_units", "int64", "units after first/next interval rounding"),
        C("first_interval", "int64", "first interval in units", null=True),
        C("next_interval", "int64", "every further interval in units", null=True),
        C("setup_fee_micros", "int64", "fee per event, within the amount"),
        C("bands", "bands", "per time band in order: billed units, price as a ratio, amount"),
        C("catalog_version", "text", "content hash of the catalog used"),
    ),
)
