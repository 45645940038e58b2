"""Price new usage, put it on the ledger, and prove that every record ended in one place.

Starts when the DAG mediation announces usage; the announcement names the files. Started by hand,
it takes all files with a step to do. *reconcile* alone decides whether the run succeeded.
"""

import os
from typing import Any

from airflow.sdk import dag, task

from ratemill import airflow_tasks as shared
from ratemill.home import Home
from ratemill.settings import clock


@dag(
    dag_id="rating_posting", dag_display_name="Rating and posting", doc_md=__doc__,
    tags=["ratemill"], schedule=[shared.USAGE], max_active_runs=1, default_args=shared.DEFAULTS,
    params={"batch_files": shared.BATCH_FILES},
)
def rating_posting() -> None:
    """The tasks and their order."""

    @task(doc_md="Cut the announced files (by hand: all with a step to do) into batches.")
    def plan(params: dict[str, Any], triggering_asset_events: dict[Any, Any]) -> list[list[str]]:
        from ratemill import pipeline

        named = shared.announced(triggering_asset_events)
        refs = named or pipeline.pending(Home.find(None, os.environ))
        return shared.batches(refs, params["batch_files"])

    @task(map_index_template="{{ label }}", doc_md="Price one batch of files.")
    def rate(refs: list[str]) -> list[str]:
        from ratemill import pipeline

        shared.label_batch(refs)
        home = Home.find(None, os.environ)
        return shared.told(pipeline.rate(home, refs, now=clock(home.settings)))

    @task(
        pool="ledger", trigger_rule="all_done_min_one_success",
        doc_md="Put the charges of every rated file on the ledger, each exactly once; make charges "
        "anew where an event came after younger ones had drawn on a bundle.",
    )
    def post(rated: list[list[str]]) -> list[str]:
        home = Home.find(None, os.environ)
        return shared.post(home, shared.unique(rated), clock(home.settings))

    @task(doc_md="Put a receipt for each posted file into its partner's outbox.")
    def deliver(refs: list[str]) -> None:
        from ratemill import pipeline

        pipeline.deliver(Home.find(None, os.environ), refs)

    @task(doc_md="Put receipts and RAP files on the servers of partners who want them.")
    def send() -> list[str]:
        return shared.send(Home.find(None, os.environ))

    @task(pool="warehouse", doc_md="Replace the analysts' DuckDB file by a new one.")
    def publish() -> str:
        from ratemill import pipeline

        return str(pipeline.publish(Home.find(None, os.environ)))

    @task(trigger_rule="all_done", doc_md="Prove the sums; fail naming what is missing.")
    def reconcile(planned: list[list[str]], published: str | None) -> str:
        return shared.prove(Home.find(None, os.environ), planned, published)

    planned = plan()
    published = publish()
    delivered = deliver(post(rate.expand(refs=planned)))
    delivered >> [published, (sent := send())]
    sent >> reconcile(planned, published)


rating_posting()
