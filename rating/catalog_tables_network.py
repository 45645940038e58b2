"""Catalog tables of where and whom: zones, networks, numbers, friends, groups, calendars."""

from typing import Final

from rating.catalog_column import VALIDITY, CatalogTable
from rating.catalog_column import Column as C

NETWORK_TABLES: Final = (
    CatalogTable("zones", "one zone: networks or destinations with the same prices", (
        C("zone", "text", "zone id"),
        C("parent", "text", "zone above it, whose rates hold where it has none; empty: none",
          empty=True, refers="zones.zone"),
        C("name", "text", "name"),
    ), (("zone",),), required=True),
    CatalogTable("networks", "one network that serves our subscribers", (
        C("tadig", "text", "TADIG code"),
        C("mcc_mnc", "digits", "mobile country and network code"),
        C("country", "text", "ISO 3166 code of the country"),
        C("zone", "text", "serving zone", refers="zones.zone"),
        C("timezone", "timezone", "IANA zone of the network's main place"),
        *VALIDITY,
    ), (("tadig",),), required=True),
    CatalogTable("number_plan", "one prefix; the longest that matches a number wins", (
        C("prefix", "digits", "leading digits in E.164, without +"),
        C("destination", "text", "name of the destination"),
        C("zone", "text", "destination zone", refers="zones.zone"),
        *VALIDITY,
    ), (("prefix",),), required=True),
    CatalogTable("ported", "one whole number that goes before all prefixes", (
        C("number", "digits", "number in E.164, without +"),
        C("destination", "text", "name of the destination"),
        C("zone", "text", "destination zone", refers="zones.zone"),
        *VALIDITY,
    ), (("number",),)),
    CatalogTable("friends", "one number an account calls at friends' prices (@friend)", (
        C("account", "text", "account", refers="accounts.account"),
        C("number", "digits", "number in E.164, without +"),
        *VALIDITY,
    ), (("account", "number"),)),
    CatalogTable("groups", "one member of a closed user group (@group)", (
        C("group", "text", "group id"),
        C("number", "digits", "MSISDN of the member, without +"),
        *VALIDITY,
    ), (("group", "number"),)),
    CatalogTable("calendars", "one stretch of days in one time band; a calendar has no gaps", (
        C("calendar", "text", "calendar id"),
        C("days", "days", "weekdays, as sat or mon-fri, or holiday: the dates of holidays.csv"),
        C("from", "clock", "local time of its begin"),
        C("to", "clock", "local time of its end, not included; 24:00 is the day's end"),
        C("band", "text", "name of the time band"),
    )),
    CatalogTable("holidays", "one date that is a holiday in a calendar, whatever its weekday", (
        C("calendar", "text", "calendar", refers="calendars.calendar"),
        C("date", "day", "local date"),
        C("name", "text", "name"),
    ), (("calendar", "date"),)),
)
