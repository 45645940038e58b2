"""The page, the dashboard and the rules for alerts speak of the metrics that there are."""

import json
import re
from pathlib import Path

import pytest
import yaml

from ratemill.metric_list import METRICS

DOCS = Path(__file__).parents[2] / "docs"
DASHBOARD = json.loads((DOCS / "dashboards" / "ratemill.json").read_text())
RULES = yaml.safe_load((DOCS / "dashboards" / "alerts.yml").read_text())["groups"][0]["rules"]
LABELS = {metric.name: set(metric.labels) for metric in METRICS}
NAME = re.compile(r"\bratemill_\w+")
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
TARGETS = [(panel["title"], target) for panel in PANELS for target in panel["targets"]]


def labels_of(expression):
    """Names in selectors and in `by`, of expressions that have no functions with labels."""
    within = re.findall(r"\{([^}]*)\}", expression)
    names = {name for inner in within for name in re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", inner)}
    return names | {name.strip() for inner in re.findall(r"\bby \(([^)]*)\)", expression)
                    for name in inner.split(",")}


def kept_labels(expression):
    """The labels that a result has: all of the metric's, or those of `by`."""
    named = re.search(r"\bby \(([^)]*)\)", expression)
    if named:
        return {name.strip() for name in named[1].split(",")}
    if re.match(r"(sum|max)\(", expression):
        return set()
    return set.intersection(*(LABELS[name] for name in NAME.findall(expression)))


@pytest.mark.parametrize(("title", "target"), TARGETS)
def test_each_panel_asks_for_what_there_is(title, target):
    expression = target["expr"]
    names = NAME.findall(expression)
    assert names, title
    for name in names:
        assert labels_of(expression) <= LABELS[name], name
    shown = set(re.findall(r"\{\{\s*(\w+)\s*\}\}", target["legendFormat"]))
    assert shown <= kept_labels(expression)


def test_the_dashboard_shows_every_metric():
    shown = {name for _, target in TARGETS for name in NAME.findall(target["expr"])}
    assert shown == set(LABELS)


def test_the_dashboard_can_be_loaded():
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(ids) == len(set(ids))
    taken = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        cells = {(x, y) for x in range(place["x"], place["x"] + place["w"])
                 for y in range(place["y"], place["y"] + place["h"])}
        assert not cells & taken, panel["title"]
        taken |= cells
    variables = {variable["name"] for variable in DASHBOARD["templating"]["list"]}
    text = json.dumps(DASHBOARD)
    assert set(re.findall(r"\$\{?(\w+)", text)) == variables
    assert "ratemill_files_received_total, partner" in text
    assert not re.search(r"https?://", text)


@pytest.mark.parametrize("rule", RULES, ids=[rule["alert"] for rule in RULES])
def test_each_rule_asks_for_what_there_is(rule):
    for name in NAME.findall(rule["expr"]):
        assert labels_of(rule["expr"]) <= LABELS[name]
    told = " ".join(rule["annotations"].values())
    used = set(re.findall(r"\$labels\.(\w+)", told))
    assert used <= kept_labels(rule["expr"])
    assert rule["labels"]["severity"] in {"warning", "critical"}
    assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}


def test_kinds_and_outcomes_of_the_rules_exist():
    from typing import get_args

    from ratemill.files import Kind

    said = {kind for rule in RULES for inner in re.findall(r'kind=~"([^"]*)"', rule["expr"])
            for kind in inner.split("|")}
    assert said <= set(get_args(Kind))


def test_the_page_lists_every_metric_as_it_is_declared():
    page = (DOCS / "observability.md").read_text()
    listed = re.findall(r"^\| `(ratemill_\w+)` \| (\w+) \| ([^|]*) \| (.+) \|$", page, re.MULTILINE)
    assert listed == [
        (metric.name, metric.kind, ", ".join(metric.labels), metric.doc) for metric in METRICS
    ]


def test_names_follow_the_rules_of_prometheus():
    for metric in METRICS:
        assert re.fullmatch(r"ratemill_[a-z_]+[a-z]", metric.name)
        assert metric.name.endswith("_total") == (metric.kind == "counter")
        assert metric.doc
    assert len(LABELS) == len(METRICS)
