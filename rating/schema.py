"""The tables that rating writes: charge, and what it keeps of allowances between files."""

from mediation.tables import Column as C
from mediation.tables import Table

CHARGE = Table(
    "charge",
    "one priced leg (retail or wholesale) of one usage",
    (
        C("partner", "word", "partner profile name"),
        C("file_id", "word", "sha256 of the received bytes"),
        C("record_index", "int32", "position of the record in its file"),
        C("leg", "word", "retail: what the account pays; wholesale: what the partner is owed"),
        C("revision", "int32", "0 for the first rating, +1 for each re-rating"),
        C("usage_key", "text", "business identity of the usage"),
        C("account", "text", "account that is charged; partner:NAME on the wholesale leg"),
        C("used_by", "text", "account of the SIM, which another account may pay for"),
        C("product", "word", "product of the SIM's account (retail)", null=True),
        C("currency", "word", "currency of the amounts due"),
        C("amount_micros", "int64", "amount due: net and tax"),
        C("net_micros", "int64", "amount due before tax, in currency"),
        C("tax_micros", "int64", "tax within the amount due"),
        C("tax_ppm", "int64", "tax rate in millionths; null where no tax class applies",
          null=True),
        C("tax_line", "int32", "line in taxes.csv of the tax rate", null=True),
        C("source", "word", "tariff: priced by us; partner: the charge the partner states"),
        C("expected_micros", "int64", "wholesale: what the agreement's tariff gives before tax, "
          "in currency", null=True),
        C("service", "word", "voice, sms, mms, data, vas or units"),
        C("direction", "word", "mo, mt or mf"),
        C("started_at", "time", "start of the event, UTC"),
        C("tariff", "word", "tariff that priced the event: of the product (retail) or of the "
          "agreement (wholesale)", null=True),
        C("rate_line", "int32", "line in rates.csv of the rate at the event's start", null=True),
        C("serving_zone", "word", "zone of the serving network"),
        C("destination", "word", "destination by ported number or longest prefix", null=True),
        C("destination_line", "int32", "line in number_plan.csv of the prefix that matched; null "
          "for a ported number", null=True),
        C("destination_zone", "word", "zone of the destination, * where it plays no part"),
        C("relation", "word", "@group, @friend or @group@friend where one holds", null=True),
        C("unit", "word", "s, bytes, event or unit"),
        C("used_units", "int64", "units used, before rounding to intervals"),
        C("billed_units", "int64", "units after rounding to intervals, covered ones too"),
        C("covered_units", "int64", "billed units that allowances cover"),
        C("first_interval", "int64", "first interval in units", null=True),
        C("next_interval", "int64", "every further interval in units", null=True),
        C("setup_fee_micros", "int64", "fee per event, in tariff_currency"),
        C("adjustment_micros", "int64", "what raises to the minimum or lowers to the maximum, in "
          "tariff_currency"),
        C("discount_micros", "int64", "all discounts, zero or less, in tariff_currency"),
        C("rounding_micros", "int64", "what rounding adds, in tariff_currency"),
        C("tariff_currency", "word", "currency of the tariff", null=True),
        C("tariff_amount_micros", "int64", "fee, parts, adjustment, discount and rounding, in "
          "tariff_currency", null=True),
        C("unrounded_nanos", "int64", "the exact amount before rounding in billionths of "
          "tariff_currency, cut off", null=True),
        C("exchange_rate", "word", "what one unit of tariff_currency is in currency", null=True),
        C("exchange_row", "word", "file:line of the exchange rate", null=True),
        C("rounding", "word", "stage, mode and decimals of the tariff", null=True),
        C("parts", "parts", "in order: billed units of one band, rate and tier, price as a ratio, "
          "amount in tariff_currency; covered units have no price"),
        C("draws", "draws", "in order: units covered by one allowance's period, and what it had "
          "used before and gave, in 1/scale of its unit; a counter covers none; holder is null "
          "for the account used_by"),
        C("catalog_version", "word", "content hash of the catalog used"),
    ),
)

ALLOWANCE_USE = Table(
    "allowance_use",
    "what one holder has used of one period of an allowance or counter",
    (
        C("holder", "text", "account:NAME, sim:IMSI or pool:NAME"),
        C("allowance", "text", "allowance or counter"),
        C("period_start", "time", "start of the period, UTC"),
        C("used", "int64", "quantity used, in 1/scale of the allowance's base unit"),
        C("scale", "int64", "parts that one base unit is counted in"),
    ),
)
