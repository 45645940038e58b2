"""Deeds that move no money by themselves, in the ledger's audit trail: who had it done, and why."""

from collections.abc import Iterable, Mapping

import msgspec
from sqlalchemy import select

from charging.audit import Deed, record_all
from charging.ledger import Ledger
from charging.ledger_schema import AUDIT
from ratemill.decisions import Author
from ratemill.home import Home


def note(
    home: Home, action: str, subjects: Iterable[str], author: Author, after: Mapping[str, object]
) -> int:
    """How many rows were added to the audit trail: one a subject, unless it says the same already.

    `after` names the run, so that a task that is tried again says nothing twice.
    """
    said = msgspec.json.encode(after, order="sorted").decode()
    known = select(AUDIT.c.subject).where(AUDIT.c.action == action, AUDIT.c.after == said)
    with Ledger(home.ledger) as ledger, ledger.writing() as connection:
        noted = set(connection.scalars(known))
        deeds = [
            Deed(author.who, action, subject, author.why, after=after)
            for subject in dict.fromkeys(subjects) if subject not in noted
        ]
        if deeds:
            record_all(connection, author.at, deeds)
    return len(deeds)
