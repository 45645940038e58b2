"""What another catalog would have earned for records that are posted; no charge is touched.

Choose the records and a catalog (a folder below the home, or a version that is kept), and say why.
The log and result of *compare* show the difference by currency, product, zone, and by account in
ten groups. It fails where these do not come to the same sums. The audit trail has who asked, and
why.
"""

import os
from typing import Any

from airflow.sdk import dag, task

from ratemill import airflow_again as again
from ratemill import airflow_corrections as corrections
from ratemill import airflow_tasks as shared
from ratemill.airflow_forms import LONG, whatif_form


@dag(
    dag_id="whatif", dag_display_name="What if", doc_md=__doc__, tags=["ratemill", "operator"],
    schedule=None, **shared.DAG_DEFAULTS,
    params=whatif_form(shared.partner_names(os.environ), os.environ),
)
def whatif() -> None:
    """The tasks and their order."""

    @task(
        execution_timeout=LONG,
        doc_md="Price the records by the catalog and show the difference, its sums proven.",
    )
    def compare(params: dict[str, Any]) -> dict[str, Any]:
        return corrections.compare(again.operators_home(), params, "whatif")

    @task(
        pool="ledger", doc_md="Write who asked, and why, to the audit trail.",
    )
    def note(params: dict[str, Any]) -> None:
        corrections.note_what_if(again.operators_home(), params)

    compare() >> note()


whatif()
