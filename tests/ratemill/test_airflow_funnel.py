"""What operators see of a run's files: the funnel as a table and as sums."""

from ratemill.airflow_funnel import funnel_lines, funnel_sums


def row(partner, name, **counts):
    figures = dict.fromkeys(
        ("records", "rated", "posted", "duplicate", "suspended", "dropped")
    )
    return {"partner": partner, "name": name, "state": "mediated", **figures, **counts}


ROWS = [
    row("nordtel", "CD1", records=1200, duplicate=1, suspended=0, dropped=0),
    row("xmlcom", "a.xml", records=30, duplicate=0, suspended=2, dropped=1),
    row("nordtel", "CD2", records=5, duplicate=0, suspended=5, dropped=0),
]


def test_each_file_is_a_line_and_the_total_is_the_last():
    assert [[cell.strip() for cell in line.split("|")] for line in funnel_lines(ROWS)] == [
        ["partner", "file", "state", "records", "rated", "posted", "duplicate", "suspended",
         "dropped"],
        ["nordtel", "CD1", "mediated", "1,200", "", "", "1", "0", "0"],
        ["xmlcom", "a.xml", "mediated", "30", "", "", "0", "2", "1"],
        ["nordtel", "CD2", "mediated", "5", "", "", "0", "5", "0"],
        ["3 files", "", "", "1,235", "", "", "1", "7", "1"],
    ]


def test_columns_stand_below_each_other():
    bars = {tuple(at for at, c in enumerate(line) if c == "|") for line in funnel_lines(ROWS)}
    assert len(bars) == 1


def test_a_partners_name_for_a_file_cannot_forge_a_line_of_the_log():
    lines = funnel_lines([row("p", "x\nERROR \x1b[31mall lost\u202e")])
    assert len(lines) == 3
    assert "\\n" in lines[1]
    assert all(line.isprintable() for line in lines)


def test_sums_are_by_partner_and_leave_out_what_no_stage_has_counted():
    assert funnel_sums(ROWS) == {
        "nordtel": {"files": 2, "records": 1205, "duplicate": 1, "suspended": 5, "dropped": 0},
        "xmlcom": {"files": 1, "records": 30, "duplicate": 0, "suspended": 2, "dropped": 1},
    }
    assert funnel_sums([]) == {}


def test_no_file_is_a_table_too():
    assert [line.split("|")[0].strip() for line in funnel_lines([])] == ["partner", "0 files"]
