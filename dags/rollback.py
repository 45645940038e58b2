"""Give back all that a file charged, allowances included, as if it had never come.

Name the file and say why. A dry run, the default, only shows in the log and result of *look* what
would be given back: money by currency, units of allowances, and the files whose records had been
turned away as duplicates of this one. A file that was rolled back is charged again by *Rerun
files*, and by nothing else. The audit trail has who did it, and why.
"""

from typing import Any

from airflow.sdk import dag, task

from ratemill import airflow_again as again
from ratemill import airflow_corrections as corrections
from ratemill import airflow_tasks as shared
from ratemill.airflow_forms import rollback_form


@dag(
    dag_id="rollback", dag_display_name="Roll back file", doc_md=__doc__,
    tags=["ratemill", "operator"], schedule=None, **shared.DAG_DEFAULTS,
    params=rollback_form(),
)
def rollback() -> None:
    """The tasks and their order."""

    @task(doc_md="Show what would be given back; nothing is changed.")
    def look(params: dict[str, Any]) -> list[dict[str, Any]]:
        return corrections.given_back(again.operators_home(), params)

    @task(
        pool="ledger", task_display_name="roll back",
        doc_md="Give it back, on the ledger and in the lake; done again, it does nothing.",
    )
    def roll_back(found: list[dict[str, Any]], params: dict[str, Any]) -> list[list[str]]:
        return corrections.roll_back(again.operators_home(), found, params["reason"])

    found, published = look(), again.publish()
    planned = roll_back(found)
    found >> again.in_earnest() >> planned >> published
    again.reconcile(planned, published)


rollback()
