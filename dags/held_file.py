"""Ask a person about a file that is held back: let it pass, or reject it.

Started once for each file that the gate, or the check of its number or of its end, puts into
quarantine. *ask* shows what is wrong with the file beside what the partner sends otherwise, and
waits: open *Required Actions*, give a reason, choose. Approved, the file is charged as it is;
rejected, it stays in quarantine for good and no alarm tells of it any more. Who decided and why is
in the ledger's audit trail. The run ends as well where the file was released on the command line.
"""

import os
from typing import Any

from airflow.sdk import dag, task

from ratemill import airflow_hold as hold
from ratemill import airflow_tasks as shared
from ratemill.airflow_alerts import deadline
from ratemill.home import Home


@dag(
    dag_id="held_file", dag_display_name="Held file: approve or reject", doc_md=__doc__,
    tags=["ratemill", "operator"], schedule=None, params=hold.FORM,
    deadline=deadline(hold.ANSWER_WITHIN_MIN, "nobody has answered"),
    **shared.DAG_DEFAULTS | {"max_active_runs": hold.QUESTIONS},
)
def held_file() -> None:
    """The tasks and their order."""
    asked = hold.AskAPerson(
        task_id="ask", task_display_name="ask a person",
        doc_md="Show what is wrong with the file, and wait for an answer with a reason.",
    )

    @task.short_circuit(
        pool="ledger", ignore_downstream_trigger_rules=False,
        doc_md="Keep the decision in the audit trail; stop here unless the file was approved.",
    )
    def decide(answer: dict[str, Any] | None, params: dict[str, Any]) -> bool:
        return hold.follow(Home.find(None, os.environ), params["file"], answer)

    @task(outlets=[shared.USAGE],
          doc_md="Mediate the approved file and announce it: rating_posting starts on it.")
    def mediate(params: dict[str, Any], outlet_events: dict[Any, Any]) -> list[str]:
        home = Home.find(None, os.environ)
        refs = hold.mediate(home, params["file"])
        outlet_events[shared.USAGE].extra = shared.announcement(home, refs)
        return refs

    @task(trigger_rule="all_done",
          doc_md="Say what became of the file; fail where nobody decided, or naming what is wrong.")
    def prove(params: dict[str, Any]) -> str:
        return hold.prove(Home.find(None, os.environ), params["file"])

    decide(asked.output) >> mediate() >> prove()


held_file()
