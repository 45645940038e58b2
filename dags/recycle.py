"""Try records in suspense again, with the profiles, decisions and catalog as they are now.

Name a case (`ratemill suspense list` has them), one record, or a partner. A dry run, the default,
only says in the log of *look at suspense* what would become of each record. Then the files of
those records run again; what is posted stays as it is. What was rolled back comes again only when
its case is named. The audit trail has who had it done, and why.
"""

import os
from typing import Any

from airflow.sdk import dag, task

from ratemill import airflow_again as again
from ratemill import airflow_tasks as shared
from ratemill.airflow_forms import recycle_form


@dag(
    dag_id="recycle", dag_display_name="Recycle suspense", doc_md=__doc__,
    tags=["ratemill", "operator"], schedule=None, **shared.DAG_DEFAULTS,
    params=recycle_form(shared.partner_names(os.environ)),
)
def recycle() -> None:
    """The tasks and their order."""

    @task(
        task_display_name="look at suspense",
        doc_md="Find the records that the form describes. Log and XCom `now` say what would become "
        "of them; `waiting` counts all that wait of their files.",
    )
    def look(params: dict[str, Any], ti: Any) -> list[list[str]]:  # noqa: ANN401 (Airflow's)
        found = again.waiting(again.operators_home(), params)
        ti.xcom_push("waiting", found.records)
        ti.xcom_push("now", found.now)
        return shared.batches(found.refs, 50)

    @task(
        pool="ledger",
        doc_md="Write who and why to the audit trail; have the files of the records run again.",
    )
    def reset(planned: list[list[str]], params: dict[str, Any]) -> list[str]:
        return again.reopen(again.operators_home(), shared.unique(planned), params)

    @task(task_display_name="what left suspense", doc_md="Count what still waits of the files.")
    def outcome(planned: list[list[str]], before: int) -> str:
        return again.outcome(again.operators_home(), shared.unique(planned), before)

    planned, published = look(), again.publish()
    removed, processed = reset(planned), again.process.expand(refs=planned)
    posted = again.post(processed)
    planned >> again.in_earnest() >> removed >> processed >> posted >> published
    posted >> outcome(planned, planned["waiting"])
    again.reconcile(planned, published)


recycle()
