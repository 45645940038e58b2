"""What is due once a day: charges for periods, what has ended, the proof of all sums, old files.

Every task may run twice without harm. *ledger_check* proves the ledger, and the lake against it; a
contradiction puts posting on hold. *summary* alone decides whether the run succeeded. What a person
has to see to is told by the DAG alarms.
"""

import os
from datetime import timedelta

from airflow.sdk import CronTriggerTimetable, dag, task

from ratemill import airflow_daily as steps
from ratemill import airflow_tasks as shared
from ratemill.home import Home


@dag(
    dag_id="daily", dag_display_name="Daily", doc_md=__doc__, tags=["ratemill"],
    schedule=CronTriggerTimetable("30 3 * * *", timezone=steps.zone(os.environ)),
    **shared.DAG_DEFAULTS,
)
def daily() -> None:
    """The tasks and their order."""

    @task(pool="ledger", doc_md="Charge periods of recurring charges that are due, each once.")
    def recurring_charges() -> str:
        return steps.recurring(Home.find(None, os.environ))

    @task(
        pool="ledger", trigger_rule="all_done",
        doc_md="Bring accounts to the state they have by date and balance; give up reservations "
        "past their end.",
    )
    def life_cycle() -> str:
        return steps.life_cycle(Home.find(None, os.environ))

    @task(
        pool="ledger", trigger_rule="all_done", execution_timeout=timedelta(hours=4),
        doc_md="Prove all sums within the ledger and against the lake. A contradiction stops all "
        "posting and says where it is.",
    )
    def ledger_check() -> str:
        return steps.check(Home.find(None, os.environ))

    @task(doc_md="List gaps, partners who are late, files that are held or could not be read.")
    def files() -> str:
        return steps.files(Home.find(None, os.environ))

    @task(doc_md="List records in suspense by age, with the money that waits.")
    def suspense() -> str:
        return steps.suspense(Home.find(None, os.environ))

    @task(doc_md="List what partners stated in the last week beyond their agreements.")
    def agreements() -> str:
        return steps.agreements(Home.find(None, os.environ))

    @task(doc_md="Remove received files whose time to be kept is over, and what is left over.")
    def retention() -> str:
        return steps.retention(Home.find(None, os.environ))

    @task(trigger_rule="all_done", doc_md="Fail naming each step that did not end well.")
    def summary(told: dict[str, str | None]) -> str:
        return steps.summary(told)

    charged, ended, proven = recurring_charges(), life_cycle(), ledger_check()
    charged >> ended >> proven
    summary({
        "recurring_charges": charged, "life_cycle": ended, "ledger_check": proven,
        "files": files(), "suspense": suspense(), "agreements": agreements(),
        "retention": retention(),
    })


daily()
