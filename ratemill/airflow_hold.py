"""Held files in Airflow: who is asked, the question with its form, and what follows."""

import logging
import os
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, NoReturn

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import Param
from airflow.sdk.exceptions import TaskAwaitingInput
from airflow.sdk.execution_time.hitl import upsert_hitl_detail

from ratemill.home import Home

if TYPE_CHECKING:
    from airflow.sdk import Context

log = logging.getLogger(__name__)

APPROVE: Final = "Approve"
REJECT: Final = "Reject"
"""The choices, by the words for which Airflow's pages say *approval required*"""
LOOK_AGAIN: Final = timedelta(hours=1)
"""How often an open question is looked at again: a file may be released on the command line too.
A look costs a few seconds of one processor"""
ANSWER_WITHIN_MIN: Final = 240
"""When an open question is alerted of: half a working day, as partners are told the day after"""
QUESTIONS: Final = 500
"""Questions open at the same time: more are no longer decided one by one"""
_DIGITS: Final = 16
"""Of a file id in the id of a run: enough to be no other's"""
_REASON_LEAST: Final = 5
FORM: Final[dict[str, Param]] = {
    "file": Param(type="string", minLength=1, title="File",
                  description="Its name, its reference, or the first digits of its id"),
}
"""The form of the DAG, for a question asked again by hand"""


def waiting(home: Home, refs: Iterable[str]) -> list[dict[str, Any]]:
    """For each of the files that is held back undecided the run that asks about it.

    As TriggerDagRunOperator takes it. The id of the run is the file's, so that it is asked once.
    """
    from ratemill.held import headline, held

    return [
        {
            "trigger_run_id": f"held__{row['partner']}__{row['file_id'][:_DIGITS]}",
            "conf": {"file": f"{row['partner']}/{row['file_id']}"},
            "note": headline(row),
        }
        for row in held(home, refs)
    ]


class AskAPerson(HITLOperator):  # type: ignore[misc]
    """Waits for a person's answer about the file of the run's form; nothing else ends the wait.

    Gives the answer: `let_pass`, `who` and `why`; None where nothing was to be decided, or where
    somebody has decided elsewhere meanwhile.
    """

    def __init__(self, **kwargs: object) -> None:
        """The question comes with the file, when the task runs."""
        fixed = {
            "subject": "A held file", "options": [APPROVE, REJECT],
            "response_timeout": LOOK_AGAIN, "execution_timeout": None,
        }
        super().__init__(**kwargs | fixed)

    @property
    def serialized_params(self) -> dict[str, dict[str, Any]]:
        """The form beside the question.

        No parameter of the task, which has to have a value before anybody can give one.
        """
        return {"reason": Param(
            None, type="string", minLength=_REASON_LEAST, maxLength=200, title="Reason",
            description="Goes into the ledger's audit trail and the file's notes, with your name. "
            "Five characters at least",
        ).serialize()}

    def execute(self, context: "Context") -> None:
        """Ask, unless there is nothing to decide."""
        from ratemill.held import question

        asked = question(Home.find(None, os.environ), context["params"]["file"])
        if asked is None:
            log.info("%s is not held, or was decided about", context["params"]["file"])
            return
        self.subject, self.body = asked.subject, asked.body
        super().execute(context)

    def execute_complete(
        self, context: "Context", event: Mapping[str, Any]
    ) -> dict[str, Any] | None:
        """The answer; the wait goes on where there is none yet, or one without a reason."""
        from ratemill.held import question

        asked = question(Home.find(None, os.environ), context["params"]["file"])
        if asked is None:
            log.info("somebody has decided elsewhere")
            return None
        if "error" in event:
            self._wait()
        reason = str((event["params_input"] or {}).get("reason") or "").strip()
        if len(reason) < _REASON_LEAST or not event["chosen_options"]:
            log.warning("an answer needs a reason of %d characters at least", _REASON_LEAST)
            upsert_hitl_detail(  # which takes the answer back
                ti_id=context["task_instance"].id, options=self.options, subject=asked.subject,
                body=asked.body, params=self.serialized_params,
            )
            self._wait()
        who = event["responded_by_user"]["name"]
        return {"let_pass": event["chosen_options"] == [APPROVE], "who": who, "why": reason}

    def _wait(self) -> NoReturn:
        raise TaskAwaitingInput(method_name="execute_complete", timeout=LOOK_AGAIN)


def follow(home: Home, file: str, answer: Mapping[str, Any] | None) -> bool:
    """Whether the file has to be mediated now, once the answer about it is kept."""
    from ratemill.decisions import Author
    from ratemill.held import answered, reopened
    from ratemill.settings import clock

    if answer is not None:
        author = Author(answer["who"], answer["why"], clock(home.settings))
        answered(home, file, let_pass=answer["let_pass"], author=author)
    return reopened(home, file)


def mediate(home: Home, file: str) -> list[str]:
    """The reference of the released file, mediated."""
    from ratemill import pipeline
    from ratemill.rollback import find_file

    row = find_file(home, file)
    refs = [f"{row['partner']}/{row['file_id']}"]
    pipeline.mediate(home, refs)
    return refs


def prove(home: Home, file: str) -> str:
    """What became of the file, by whom and why; an error where nobody decided."""
    from ratemill.held import outcome

    said = outcome(home, file)
    log.info("%s", said)
    return said
