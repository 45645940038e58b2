"""Fetch what a partner has put on his server and turn it into usage.

One such DAG for each partner. It starts when the watch over his server sees a new file, and every
so often in any case (`watch_s` and `look_every` of his profile). Files left over by an earlier run
are taken along. A person is asked about each file that is put into quarantine. *reconcile* decides
whether the run succeeded: it names every file that was not mediated or whose records do not add up,
and fails where the server could not be reached.
"""

# Not named mediation.py: Airflow puts this folder on the import path, beside that package.

import os
from typing import Any

from airflow.sdk import dag, task

from ratemill import airflow_tasks as shared
from ratemill.airflow_watch import arrivals
from ratemill.home import Home
from ratemill.settings import clock


def mediation_of(partner: str) -> None:
    """The DAG of one partner."""
    @dag(
        dag_id=f"mediation_{partner}", dag_display_name=f"Mediation: {partner}", doc_md=__doc__,
        tags=["ratemill", "mediation", partner], schedule=arrivals(partner, os.environ),
        **shared.PIPELINE,
    )
    def mediation() -> None:
        """The tasks and their order."""

        @task(doc_md="Fetch and archive the partner's new files.")
        def collect() -> list[str]:
            from ratemill import pipeline

            home = Home.find(None, os.environ)
            return pipeline.collect(home, partner, now=clock(home.settings), environ=os.environ)

        @task(trigger_rule="all_done", doc_md="Cut the files not mediated yet into batches.")
        def plan(params: dict[str, Any]) -> list[list[str]]:
            home = Home.find(None, os.environ)
            return shared.in_batches(home, shared.to_mediate(home, partner), params)

        @task(map_index_template="{{ label }}", doc_md="Decode, check and deduplicate a batch.")
        def mediate(refs: list[str]) -> list[str]:
            from ratemill import pipeline

            shared.label_batch(refs)
            return shared.told(pipeline.mediate(Home.find(None, os.environ), refs))

        @task(outlets=[shared.USAGE], trigger_rule="all_done_min_one_success",
              doc_md="Name the mediated files, with their funnel: rating_posting starts on it.")
        def announce(done: list[list[str]], outlet_events: dict[Any, Any]) -> list[str]:
            home, refs = Home.find(None, os.environ), shared.unique(done)
            outlet_events[shared.USAGE].extra = shared.announcement(home, refs)
            return refs

        @task(doc_md="Find the files in quarantine of which no person knows yet.")
        def held(refs: list[str]) -> list[dict[str, Any]]:
            from ratemill import airflow_hold

            return airflow_hold.waiting(Home.find(None, os.environ), refs)

        @task(trigger_rule="all_done", doc_md="Prove the counts; fail naming what is missing.")
        def reconcile(collected: list[str] | None, planned: list[list[str]] | None) -> str:
            return shared.prove_mediated(Home.find(None, os.environ), collected, planned)

        collected, planned = collect(), plan()
        collected >> planned
        announced = announce(mediate.expand(refs=planned))
        shared.ask_people(held(announced))
        announced >> reconcile(collected, planned)

    mediation()


for name in shared.partner_names(os.environ):
    mediation_of(name)
