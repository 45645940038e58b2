"""Price new usage, put it on the ledger, and prove that every record ended in one place.

Starts when a partner's DAG announces usage, which names the files, and every quarter of an hour for
what was left over. Started by hand, it takes all files with a step to do. Records in suspense whose
waiting is over come along. *reconcile* alone decides whether the run succeeded.
"""

import os
from datetime import timedelta
from typing import Any

from airflow.sdk import dag, task

from ratemill import airflow_tasks as shared
from ratemill.airflow_watch import on_event_or_every
from ratemill.home import Home
from ratemill.settings import clock


@dag(
    dag_id="rating_posting", dag_display_name="Rating and posting", doc_md=__doc__,
    tags=["ratemill"],
    schedule=on_event_or_every(timedelta(minutes=15), shared.USAGE), **shared.PIPELINE,
)
def rating_posting() -> None:
    """The tasks and their order."""

    @task(doc_md="Mediate files anew whose records in suspense need wait no longer.")
    def recycle() -> list[str]:
        return shared.mediate_again(Home.find(None, os.environ))

    @task(trigger_rule="all_done",
          doc_md="Cut the files with a step to do, announced, left over or recycled, into batches.")
    def plan(
        recycled: list[str] | None, params: dict[str, Any],
        triggering_asset_events: dict[Any, Any], dag_run: Any,  # noqa: ANN401 (Airflow's)
    ) -> list[list[str]]:
        home, scheduled = Home.find(None, os.environ), dag_run.run_type == "scheduled"
        refs = shared.to_rate(home, triggering_asset_events, scheduled=scheduled)
        return shared.in_batches(home, shared.unique([refs, recycled or []]), params)

    @task(map_index_template="{{ label }}", doc_md="Price one batch of files.")
    def rate(refs: list[str]) -> list[str]:
        from ratemill import pipeline

        shared.label_batch(refs)
        home = Home.find(None, os.environ)
        return shared.told(pipeline.rate(home, refs, now=clock(home.settings)))

    @task(
        pool="ledger", trigger_rule="all_done_min_one_success", outlets=[shared.POSTED],
        doc_md="Put the charges of every rated file on the ledger, each exactly once; make charges "
        "anew where an event came after younger ones had drawn on a bundle.",
    )
    def post(rated: list[list[str]], outlet_events: dict[Any, Any]) -> list[str]:
        home = Home.find(None, os.environ)
        posted = shared.post(home, shared.unique(rated), clock(home.settings))
        outlet_events[shared.POSTED].extra = shared.announcement(home, posted)
        return posted

    @task(doc_md="Put a receipt for each posted file into its partner's outbox.")
    def deliver(refs: list[str]) -> None:
        from ratemill import pipeline

        pipeline.deliver(Home.find(None, os.environ), refs)

    @task(doc_md="Put receipts and RAP files on the servers of partners who want them.")
    def send() -> list[str]:
        return shared.send(Home.find(None, os.environ))

    @task(trigger_rule="all_done", doc_md="Prove the sums; fail naming what is missing.")
    def reconcile(planned: list[list[str]] | None, recycled: list[str] | None) -> str:
        return shared.prove(Home.find(None, os.environ), planned, recycle=recycled)

    planned = plan(recycled := recycle())
    deliver(post(rate.expand(refs=planned))) >> send() >> reconcile(planned, recycled)


rating_posting()
