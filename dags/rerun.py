"""Run received files again from a chosen stage.

Pick the files (empty means all) and the stage, and say why. A dry run, the default, only lists
the files in the log and result of *select*. Records that are posted stay as they were posted; the
others are looked at anew. The ledger never charges twice.
"""

import os
from typing import Any

from airflow.sdk import dag, task

from ratemill import airflow_tasks as shared
from ratemill.home import Home
from ratemill.settings import clock


@dag(
    dag_id="rerun", dag_display_name="Rerun files", doc_md=__doc__, tags=["ratemill", "operator"],
    schedule=None, max_active_runs=1, default_args=shared.DEFAULTS,
    params=shared.rerun_form(shared.partner_names(os.environ)),
)
def rerun() -> None:
    """The tasks and their order."""

    @task(doc_md="Find the files that the form describes and list them.")
    def select(params: dict[str, Any]) -> list[list[str]]:
        return shared.batches(shared.chosen(Home.find(None, os.environ), params), 50)

    @task.short_circuit(doc_md="Stop here on a dry run.")
    def in_earnest(params: dict[str, Any]) -> bool:
        return not params["dry_run"]

    @task(pool="ledger", doc_md="Have the chosen stage and later ones run again.")
    def reset(planned: list[list[str]], params: dict[str, Any]) -> None:
        from ratemill import pipeline

        pipeline.reset(Home.find(None, os.environ), shared.unique(planned), params["stage"])

    @task(map_index_template="{{ label }}", doc_md="Mediate again, where it was reset, and price.")
    def process(refs: list[str]) -> list[str]:
        from ratemill import pipeline

        shared.label_batch(refs)
        home = Home.find(None, os.environ)
        pipeline.mediate(home, refs)
        return shared.told(pipeline.rate(home, refs, now=clock(home.settings)))

    @task(pool="ledger", doc_md="Post what changed and write the receipts.")
    def post(processed: list[list[str]]) -> None:
        from ratemill import pipeline

        home = Home.find(None, os.environ)
        refs = shared.post(home, shared.unique(processed), clock(home.settings))
        pipeline.deliver(home, refs)

    @task(pool="warehouse", doc_md="Replace the analysts' DuckDB file by a new one.")
    def publish() -> str:
        from ratemill import pipeline

        return str(pipeline.publish(Home.find(None, os.environ)))

    @task(trigger_rule="all_done", doc_md="Prove the sums; fail naming what is missing.")
    def reconcile(planned: list[list[str]], published: str | None) -> str:
        return shared.prove(Home.find(None, os.environ), planned, published)

    planned, published = select(), publish()
    removed, processed = reset(planned), process.expand(refs=planned)
    planned >> in_earnest() >> removed >> processed >> post(processed) >> published
    reconcile(planned, published)


rerun()
