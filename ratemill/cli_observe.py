"""`ratemill metrics` and `ratemill health`: nothing heavy is imported before they run."""

import os
from typing import Annotated

import typer

from ratemill.cli_apps import HomeOption, JsonOption

AirflowOption = Annotated[
    str,
    typer.Option("--airflow", metavar="URL",
                 help="Ask this Airflow for its health too, as http://127.0.0.1:8080."),
]


def metrics(
    statsd: Annotated[
        str, typer.Option("--statsd", metavar="HOST:PORT", help="Send them to StatsD, with tags.")
    ] = "",
    otlp: Annotated[
        str, typer.Option("--otlp", metavar="URL", help="Send them to an OpenTelemetry collector.")
    ] = "",
    serve: Annotated[
        str, typer.Option("--serve", metavar="HOST:PORT",
                          help="Serve /metrics and /health over HTTP until interrupted.")
    ] = "",
    airflow: AirflowOption = "",
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Files, records, rejects, lags, money at risk, queue and ledger, as Prometheus reads them."""
    from ratemill.observe_commands import Wanted, metrics_command

    wanted = Wanted(statsd, otlp, serve, airflow)
    raise typer.Exit(metrics_command(home, os.environ, wanted, as_json=json))


def health(airflow: AirflowOption = "", home: HomeOption = None, json: JsonOption = False) -> None:
    """Whether the home can do its work: settings, disk, lake, ledger, proof, queue, Airflow."""
    from ratemill.observe_commands import health_command

    raise typer.Exit(health_command(home, os.environ, airflow, as_json=json))


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(metrics)
    app.command()(health)
