"""The stored plans are the grammars, and asn1tools reads and writes by the same grammars."""

from functools import cache
from typing import Any

import asn1tools
import pytest

from asn1.compile_grammar import (
    GrammarError,
    compile_plan,
    compiled_plan,
    parse_module,
    release_ranges,
    to_json,
)
from asn1.grammar import FILES, GrammarName, load_plan, plan_path

EVENTS = load_plan().context_of("transferBatch", "callEventDetails")
GRAMMARS = list(FILES)


@cache
def specification(name: GrammarName) -> Any:
    return asn1tools.compile_dict(parse_module(name), "ber")


def application(number: int) -> int:
    return number << 2 | 1


@pytest.mark.parametrize("name", GRAMMARS)
def test_the_kept_plan_is_the_grammar(name: GrammarName) -> None:
    compiled = compiled_plan(name)
    assert load_plan(name).contexts == compiled.contexts, "run python -m asn1.compile_grammar"
    assert plan_path(name).read_text(encoding="utf-8") == to_json(compiled)


def test_a_plan_is_loaded_once() -> None:
    assert load_plan() is load_plan("tap")
    assert load_plan("rap") is not load_plan("tap")


def test_every_call_event_type_of_every_release_is_there() -> None:
    tags = {node.name: tag >> 2 for tag, node in EVENTS.nodes.items()}
    assert tags == {
        "mobileOriginatedCall": 9, "mobileTerminatedCall": 10, "supplServiceEvent": 11,
        "serviceCentreUsage": 12, "valueAddedService": 13, "gprsCall": 14,
        "contentTransaction": 17, "locationService": 297, "messagingEvent": 433,
        "mobileSession": 434, "aggregatedUsageRecord": 453,
    }


@pytest.mark.parametrize("name", GRAMMARS)
def test_a_tag_is_one_kind_of_value_wherever_it_stands(name: GrammarName) -> None:
    kinds: dict[int, set[tuple[str, int]]] = {}
    for context in load_plan(name).contexts:
        for tag, node in context.nodes.items():
            kinds.setdefault(tag, set()).add((node.kind, node.context))
    assert {tag: k for tag, k in kinds.items() if len(k) > 1} == {}


@pytest.mark.parametrize("name", GRAMMARS)
def test_every_name_is_told_once_in_a_context_and_every_tag_is_of_the_application(
    name: GrammarName,
) -> None:
    for context in load_plan(name).contexts:
        names = [node.name for node in context.nodes.values()]
        assert len(names) == len(set(names)), context.type_name
        assert all(tag & 3 == 1 and 0 < tag >> 2 < 640 for tag in context.nodes)


def test_a_tagged_choice_is_a_level_of_its_own() -> None:
    moc = load_plan().context_of(
        "transferBatch", "callEventDetails", "mobileOriginatedCall", "basicCallInformation"
    )
    assert moc.nodes[application(427)].name == "chargeableSubscriber"
    inner = load_plan().contexts[moc.nodes[application(427)].context]
    assert inner.shape == "choice"
    assert set(inner.nodes) == {application(199), application(254)}


def test_points_in_time_are_a_kind_of_their_own() -> None:
    times = {
        (name, context.type_name, node.name)
        for name in GRAMMARS
        for context in load_plan(name).contexts
        for node in context.nodes.values()
        if node.kind == "time"
    }
    assert times == {
        *((n, t, "localTimeStamp") for n in ("tap", "rap") for t in ("DateTime", "DateTimeLong")),
        ("nrtrde", "Nrtrde", "fileAvailableTimeStamp"),
        *(("nrtrde", t, "callEventStartTimeStamp") for t in ("Moc", "Mtc", "Gprs")),
    }


def test_a_severe_return_holds_its_call_event_as_a_member() -> None:
    details = load_plan("rap").context_of("returnBatch", "returnDetails")
    assert (details.type_name, details.shape) == ("ReturnDetailList", "variants")
    assert {n.name: t >> 2 for t, n in details.nodes.items()} == {
        "stopReturn": 554, "missingReturn": 538, "fatalReturn": 539, "severeReturn": 540,
    }
    severe = load_plan("rap").context_of("returnBatch", "returnDetails", "severeReturn")
    events = {t: n.name for t, n in severe.nodes.items() if t in EVENTS.nodes}
    assert events == {t: n.name for t, n in EVENTS.nodes.items()}
    assert [n.name for t, n in severe.nodes.items() if t not in events] == [
        "fileSequenceNumber", "errorDetail", "operatorSpecList",
    ]


def test_what_a_return_holds_of_tap_is_what_tap_holds() -> None:
    tap = {context.type_name: context for context in load_plan().contexts}
    shared = [c for c in load_plan("rap").contexts if c.type_name in tap]
    assert len(shared) > 100
    for context in shared:
        mine = {t: (n.name, n.kind, n.since, n.until) for t, n in context.nodes.items()}
        theirs = tap[context.type_name].nodes
        assert mine == {t: (n.name, n.kind, n.since, n.until) for t, n in theirs.items()}


TIME = {"localTimeStamp": b"20260105101500", "utcTimeOffset": b"+0100"}
SMALL_FILES: dict[str, tuple[str, Any]] = {
    "tap": (
        "transferBatch",
        {
            "batchControlInfo": {"sender": b"AAA01", "fileCreationTimeStamp": TIME},
            "callEventDetails": [
                (
                    "mobileOriginatedCall",
                    {
                        "equipmentIdentifier": ("imei", bytes.fromhex("35123456789012")),
                        "operatorSpecInformation": [b"x"],
                    },
                ),
            ],
        },
    ),
    "rap": (
        "returnBatch",
        {
            "rapBatchControlInfoRap": {"sender": b"BBB01", "rapFileCreationTimeStamp": TIME},
            "returnDetails": [
                ("missingReturn", {"startMissingSeqNumber": b"00007"}),
                (
                    "severeReturn",
                    {
                        "fileSequenceNumber": b"00042",
                        "gprsCall": {"gprsServiceUsed": {"dataVolumeIncoming": 5}},
                        "errorDetail": [
                            {"errorContext": [{"pathItemId": 14, "itemLevel": 3}], "errorCode": 30},
                        ],
                    },
                ),
            ],
            "rapAuditControlInfo": {"totalSevereReturnValue": 12, "returnDetailsCount": 2},
        },
    ),
    "nrtrde": (
        "nrtrde",
        {
            "sender": b"AAA01",
            "fileAvailableTimeStamp": b"20260105101500",
            "callEvents": [
                ("moc", {"serviceCode": ("teleServiceCode", b"11"), "callReference": 300}),
                ("gprs", {"imsi": bytes.fromhex("238011234567890f"), "chargingId": 1 << 32}),
            ],
            "callEventsCount": 2,
        },
    ),
}


# a returned file holds call events, so that of TAP shows little more
@pytest.mark.parametrize("name", [
    pytest.param(name, marks=pytest.mark.slow) if name == "tap" else name for name in GRAMMARS
])
def test_asn1tools_reads_what_it_wrote_by_the_grammar(name: GrammarName) -> None:
    root = load_plan(name).contexts[0].type_name
    data = specification(name).encode(root, SMALL_FILES[name])
    assert specification(name).decode(root, data) == SMALL_FILES[name]


def test_ranges_are_read_from_comments_behind_code() -> None:
    text = """
-- Words -- until 3.10
Group ::= [APPLICATION 5] SEQUENCE {  -- from 3.4
    -- words about the next one
    early Early OPTIONAL,   -- until 3.3
    some  Some OPTIONAL,    -- 3.2 to 3.10
    one   One OPTIONAL,     -- only 3.9
    all   All OPTIONAL
}
Long ::=                    -- from 3.11
    [APPLICATION 6] INTEGER
"""
    assert release_ranges(text) == {
        ("Group", ""): (4, 12), ("Group", "early"): (1, 3), ("Group", "some"): (2, 10),
        ("Group", "one"): (9, 9), ("Long", ""): (11, 12),
    }


@pytest.mark.parametrize(
    ("comment", "message"),
    [
        (" old", "A b: behind an element stands its releases, not old"),
        (" from 3.5", "A b: no such releases: from 3.5"),
        (" 3.10 to 3.4", "A b: no such releases"),
    ],
)
def test_what_is_no_range_of_releases_is_refused(comment: str, message: str) -> None:
    with pytest.raises(GrammarError, match=message):
        release_ranges(f"A ::= SEQUENCE {{\n    b B OPTIONAL --{comment}\n}}\n")


def tagged(number: int) -> dict[str, Any]:
    return {"type": "INTEGER", "tag": {"class": "APPLICATION", "number": number}}


def sequence_of(**members: str) -> dict[str, Any]:
    return {
        "type": "SEQUENCE",
        "members": [{"name": name, "type": of} for name, of in members.items()],
    }


def test_an_element_is_where_its_type_and_its_place_both_are() -> None:
    types = {"Root": sequence_of(a="A", b="B"), "A": tagged(5), "B": tagged(6)}
    ranges = {("A", ""): (4, 12), ("Root", "a"): (1, 10), ("Root", "b"): (11, 12)}
    nodes = compile_plan(types, "Root", ranges).contexts[0].nodes.values()
    assert [(n.name, n.since, n.until) for n in nodes] == [("a", 4, 10), ("b", 11, 12)]


def test_an_element_of_no_release_is_refused() -> None:
    types = {"Root": sequence_of(a="A"), "A": tagged(5)}
    with pytest.raises(GrammarError, match="Root: no release has a"):
        compile_plan(types, "Root", {("A", ""): (1, 3), ("Root", "a"): (4, 12)})


@pytest.mark.parametrize(
    ("types", "message"),
    [
        ({"Root": sequence_of(a="A", b="B"), "A": tagged(5), "B": tagged(5)},
         "Root: b has the tag of a"),
        ({"Root": sequence_of(a="A"), "A": {"type": "INTEGER"}}, "a: A has no tag"),
        ({"Root": {"type": "SET", "members": []}}, "Root: SET is not read here"),
    ],
)
def test_what_cannot_be_compiled_is_refused(types: dict[str, Any], message: str) -> None:
    with pytest.raises(GrammarError, match=message):
        compile_plan(types, "Root")
