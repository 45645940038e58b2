"""Fetch what partners have put on their servers and turn it into usage.

Runs every five minutes. One partner that cannot be reached fails the run but holds up nobody
else: files that did arrive are mediated. Files left over by an earlier run are taken along.
"""

# Not named mediation.py: Airflow puts this folder on the import path, beside that package.

import os
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import dag, task

from ratemill import airflow_tasks as shared
from ratemill.home import Home
from ratemill.settings import clock


@dag(
    dag_id="mediation", dag_display_name="Mediation", doc_md=__doc__, tags=["ratemill"],
    schedule=timedelta(minutes=5), start_date=datetime(2026, 1, 1, tzinfo=UTC), catchup=False,
    max_active_runs=1, default_args=shared.DEFAULTS, params={"batch_files": shared.BATCH_FILES},
)
def mediation() -> None:
    """The tasks and their order."""

    @task(map_index_template="{{ label }}", doc_md="Fetch and archive one partner's new files.")
    def collect(partner: str) -> list[str]:
        from ratemill import pipeline

        shared.label(partner)
        home = Home.find(None, os.environ)
        return pipeline.collect(home, partner, now=clock(home.settings), environ=os.environ)

    @task(trigger_rule="all_done", doc_md="Cut all files with a step to do into batches.")
    def plan(params: dict[str, Any]) -> list[list[str]]:
        from ratemill import pipeline, recycle

        home = Home.find(None, os.environ)
        recycle.recycle_awaited(home)
        return shared.batches(pipeline.pending(home), params["batch_files"])

    @task(map_index_template="{{ label }}", doc_md="Decode, check and deduplicate a batch.")
    def mediate(refs: list[str]) -> list[str]:
        from ratemill import pipeline

        shared.label_batch(refs)
        return shared.told(pipeline.mediate(Home.find(None, os.environ), refs))

    @task(
        outlets=[shared.USAGE], trigger_rule="all_done_min_one_success",
        doc_md="Name the files that have usage: the DAG rating_posting starts on it.",
    )
    def announce(mediated: list[list[str]], outlet_events: dict[Any, Any]) -> int:
        refs = shared.unique(mediated)
        outlet_events[shared.USAGE].extra = {"refs": refs}
        return len(refs)

    arrived, planned = collect.expand(partner=shared.partner_names(os.environ)), plan()
    mediated = mediate.expand(refs=planned)
    finish = EmptyOperator(
        task_id="finish", trigger_rule="none_failed", doc_md="Fails when any task before failed.",
    )
    arrived >> planned
    [arrived, mediated, announce(mediated)] >> finish


mediation()
