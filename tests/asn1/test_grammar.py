import pytest

from asn1.events import COLUMNS, parse_path, reaches
from asn1.grammar import GrammarError, compile_plan, compiled_module, load_plan

EVENTS = load_plan().context_of("transferBatch", "callEventDetails")


def test_the_kept_plan_is_the_grammar() -> None:
    assert load_plan().contexts == compiled_module().contexts, "run python -m asn1.grammar"


def test_every_call_event_type_of_every_release_is_there() -> None:
    tags = {node.name: tag >> 2 for tag, node in EVENTS.nodes.items()}
    assert tags == {
        "mobileOriginatedCall": 9, "mobileTerminatedCall": 10, "supplServiceEvent": 11,
        "serviceCentreUsage": 12, "valueAddedService": 13, "gprsCall": 14,
        "contentTransaction": 17, "locationService": 297, "messagingEvent": 433,
        "mobileSession": 434, "aggregatedUsageRecord": 453,
    }


def test_a_tag_is_one_kind_of_value_wherever_it_stands() -> None:
    kinds: dict[int, set[tuple[str, int]]] = {}
    for context in load_plan().contexts:
        for tag, node in context.nodes.items():
            kinds.setdefault(tag, set()).add((node.kind, node.context))
    assert {tag: k for tag, k in kinds.items() if len(k) > 1} == {}


def test_a_tagged_choice_is_a_level_of_its_own() -> None:
    moc = load_plan().context_of(
        "transferBatch", "callEventDetails", "mobileOriginatedCall", "basicCallInformation"
    )
    assert moc.nodes[427 << 2 | 1].name == "chargeableSubscriber"
    inner = load_plan().contexts[moc.nodes[427 << 2 | 1].context]
    assert inner.shape == "choice"
    assert set(inner.nodes) == {199 << 2 | 1, 254 << 2 | 1}


def test_paths_of_columns_name_elements_of_the_grammar() -> None:
    names = {node.name for context in load_plan().contexts for node in context.nodes.values()}
    asked = {
        name
        for column in COLUMNS
        for path in column.paths
        for step, condition in parse_path(path)
        for name in (step, *([condition[0]] if condition else []))
    }
    assert asked - names == set()


@pytest.mark.parametrize("column", COLUMNS[4:], ids=lambda c: c.name)
def test_every_column_is_filled_by_some_event(column) -> None:
    plan = load_plan()
    assert any(
        reaches(plan, plan.contexts[node.context], parse_path(path))
        for path in column.paths
        for node in EVENTS.nodes.values()
    )


def test_two_elements_of_one_tag_are_refused() -> None:
    tagged = {"type": "INTEGER", "tag": {"class": "APPLICATION", "number": 5}}
    types = {
        "Root": {
            "type": "SEQUENCE",
            "members": [{"name": "a", "type": "A"}, {"name": "b", "type": "B"}],
        },
        "A": tagged,
        "B": tagged,
    }
    with pytest.raises(GrammarError, match="Root: b has the tag of a"):
        compile_plan(types, "Root")
