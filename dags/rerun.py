"""Run received files again from a chosen stage.

Pick the files (empty means all) and the stage, and say why. A dry run, the default, only lists
the files in the log and result of *select files*. Records that are posted stay as they were
posted; the others are looked at anew. The ledger never charges twice, and its audit trail has who
had which file run again, and why.
"""

import os
from typing import Any

from airflow.sdk import dag, task

from ratemill import airflow_again as again
from ratemill import airflow_tasks as shared
from ratemill.airflow_forms import rerun_form


@dag(
    dag_id="rerun", dag_display_name="Rerun files", doc_md=__doc__, tags=["ratemill", "operator"],
    schedule=None, **shared.DAG_DEFAULTS,
    params=rerun_form(shared.partner_names(os.environ)),
)
def rerun() -> None:
    """The tasks and their order."""

    @task(task_display_name="select files", doc_md="Find the files that the form describes.")
    def select(params: dict[str, Any]) -> list[list[str]]:
        return shared.batches(again.chosen(again.operators_home(), params), 50)

    @task(
        pool="ledger",
        doc_md="Write who and why to the audit trail; have the stage and later ones run again.",
    )
    def reset(planned: list[list[str]], params: dict[str, Any]) -> int:
        return again.reset(again.operators_home(), shared.unique(planned), params)

    planned, published = select(), again.publish()
    removed, processed = reset(planned), again.process.expand(refs=planned)
    planned >> again.in_earnest() >> removed >> processed >> again.post(processed) >> published
    again.reconcile(planned, published)


rerun()
