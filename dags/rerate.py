"""Charge posted records again by the catalog of today, or by another one.

Choose the records and the catalog, and say why. Without *Apply*, the default, only *compare* runs:
its log and result show what would change by currency, partner, zone and account. With *Apply* the
old charges are given back and the new ones posted, all in one go, and younger events follow where
they share allowances. The audit trail has who did it, and why.
"""

import os
from typing import Any

from airflow.sdk import dag, task

from ratemill import airflow_again as again
from ratemill import airflow_corrections as corrections
from ratemill import airflow_tasks as shared
from ratemill.airflow_forms import LONG, rerate_form


@dag(
    dag_id="rerate", dag_display_name="Re-rate", doc_md=__doc__, tags=["ratemill", "operator"],
    schedule=None, **shared.DAG_DEFAULTS,
    params=rerate_form(shared.partner_names(os.environ), os.environ),
)
def rerate() -> None:
    """The tasks and their order."""

    @task(
        execution_timeout=LONG,
        doc_md="Price the records by the catalog and show the difference; nothing is changed.",
    )
    def compare(params: dict[str, Any]) -> dict[str, Any]:
        return corrections.compare(again.operators_home(), params, "rerate")

    @task(
        pool="ledger", execution_timeout=LONG,
        doc_md="Post the difference, all of it or nothing; names the files that it concerned.",
    )
    def apply(params: dict[str, Any]) -> list[list[str]]:
        return corrections.apply(again.operators_home(), params)

    published = again.publish()
    planned = apply()
    compare() >> again.in_earnest() >> planned >> published
    again.reconcile(planned, published)


rerate()
