"""The options that describe one event, shared by `ratemill rate` and `ratemill why-not`."""

from typing import Annotated

import typer

_UNITS = "How much was used"

NumberOption = Annotated[
    str | None, typer.Option("--number", help="MSISDN of the subscriber, or --imsi.")]
ImsiOption = Annotated[str | None, typer.Option("--imsi", help="IMSI of the subscriber.")]
AtOption = Annotated[
    str, typer.Option("--at", help="Local start, as 2026-11-20T18:55:00.", show_default=False)]
OffsetOption = Annotated[
    str | None,
    typer.Option("--offset", help="Local time minus UTC, as +01:00; default the network's zone.")]
NetworkOption = Annotated[
    str | None,
    typer.Option("--from-network", help="TADIG code of the serving network; default our own.")]
ToOption = Annotated[str | None, typer.Option("--to", help="The other party's number.")]
ServiceOption = Annotated[
    str | None,
    typer.Option("--service", help="voice, sms, mms, data, vas or units; default by the unit.")]
DirectionOption = Annotated[
    str, typer.Option("--direction", help="mo: made, mt: received, mf: forwarded.")]
SecondsOption = Annotated[
    int | None, typer.Option("--seconds", min=0, help=f"{_UNITS}: voice.")]
BytesOption = Annotated[int | None, typer.Option("--bytes", min=0, help=f"{_UNITS}: data.")]
KbOption = Annotated[
    int | None, typer.Option("--kb", min=0, help=f"{_UNITS}: data, by 1,024 bytes.")]
MbOption = Annotated[
    int | None, typer.Option("--mb", min=0, help=f"{_UNITS}: data, by 1,048,576 bytes.")]
EventsOption = Annotated[
    int | None, typer.Option("--events", min=0, help=f"{_UNITS}: all other services.")]
PartnerOption = Annotated[
    str | None, typer.Option("--partner", help="Who sends the record; default: retail only.")]
ChargeOption = Annotated[
    str | None, typer.Option("--charge", help="The charge that the partner states, as 1.23.")]
CurrencyOption = Annotated[
    str | None, typer.Option("--currency", help="Currency of the partner's charge.")]
