"""Records out of the ordinary, wrong or merely rare, each a change of one good event."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from gen_events import Event, Sim

Fault = Callable[[Event], Event]

# Inside our own range, but no SIM in the catalog has it.
STRANGER = Sim("232999999999999", "436995559999999")
# A number of the catalog that went to another account, with a new card, on 12 September.
FORMER_OWNER = Sim("232991200000021", "436995550021")
NEW_OWNER = Sim("232991200000152", "436995550021")


def of(sim: Sim) -> Fault:
    """The event of this subscriber."""
    return lambda event: replace(event, sim=sim)


def stranger(event: Event) -> Event:
    """The event of a subscriber whom the catalog does not know."""
    return of(STRANGER)(event)


def nowhere(event: Event) -> Event:
    """A call to a country code that is not assigned."""
    return replace(event, other="99912345678")


def satellite(event: Event) -> Event:
    """A call to a satellite telephone, for which no tariff has a price."""
    return replace(event, other="88161234567")


def backwards(event: Event) -> Event:
    """A call of negative duration."""
    return replace(event, duration_s=-42)


def tomorrow(event: Event) -> Event:
    """An event months after the file's arrival."""
    return replace(event, started_at=event.started_at.replace(month=12))


def absurd(event: Event) -> Event:
    """A data session of four tebibytes."""
    return replace(event, down_bytes=1 << 42)


def withheld(event: Event) -> Event:
    """A received call whose caller hid the number: nothing is wrong with it."""
    return replace(event, other="")


def at(start: str, duration: timedelta) -> Fault:
    """A call with this start (UTC, ISO 8601) and duration."""
    moment, seconds = datetime.fromisoformat(start), int(duration.total_seconds())
    return lambda event: replace(event, started_at=moment, duration_s=seconds)


def spoil(events: list[Event], faults: tuple[tuple[str, Fault], ...]) -> list[Event]:
    """The events with each fault put on another event of the kind beside it."""
    spoiled, free = list(events), list(range(len(events)))
    for kind, fault in faults:
        places = [i for i in free if events[i].kind == kind]
        place = places[len(places) // 2]
        free.remove(place)
        spoiled[place] = fault(spoiled[place])
    return spoiled
