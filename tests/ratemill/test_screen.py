"""What reaches the screen: a partner's text is shown as it is, and steers nothing."""

import sys
from pathlib import Path

from rich.console import Console

from ratemill.columns import columns, show
from ratemill.run import finish
from ratemill.screen import Bars, Screen, harmless, plain_table
from ratemill.settings import clock

sys.path.insert(0, str(Path(__file__).parent))

from collected_files import collected, with_profile

EVIL = "[red]x[b]:skull:"
"""Markup, and an emoji of rich"""
STEERING = "\x1b[31mred\x1b]0,title\x07"


def drawn(*what, **how):
    """What a console prints, on a terminal that knows colours."""
    console = Screen(force_terminal=True, width=80, highlight=False, emoji=False, _environ={})
    with console.capture() as capture:
        console.print(*what, **how)
    return capture.get()


def test_a_table_shows_its_cells_as_they_are():
    text = drawn(plain_table(("file", "count"), [(f"{EVIL}[/]", 1000), (STEERING, None)]))
    assert f"{EVIL}[/]" in text
    assert "1,000" in text
    assert "\\x1b[31mred\\x1b]0,title\\x07" in text
    assert "\x1b[31m" not in text


def test_nothing_that_is_printed_steers_the_terminal():
    assert "\x1b" in Console(force_terminal=True, _environ={}).render_str(STEERING).plain
    assert drawn(f"file {STEERING}", markup=False) == f"file {harmless(STEERING)}\n"
    assert drawn("two\nlines\tand a tab\r", markup=False) == "two\nlines\\tand a tab\\r\n"
    assert drawn(EVIL, markup=False) == f"{EVIL}\n"


def test_a_title_may_hold_brackets(capfd):
    show(f"{EVIL}: two", columns(("a",), [("b",)]))
    assert capfd.readouterr().out == f"\n{EVIL}: two\n  a\n  b\n"


COMMANDS = (
    "status", "files", "rejects", "rejects --code FIELD_INVALID", "suspense list",
    "suspense show {id}:0", "explain {id}:0", "why-not {id}:0", "iot {name}",
    "rollback {name} --dry-run --why x", "suspense release {name} --why x",
    "rap file {name} --why x",
)


def test_every_command_shows_a_partner_s_texts_as_they_are(small, ratemill):
    home, name = with_profile(small), f"{EVIL}_1.csv"
    line = f"MOC;232990000000001;0664123456;AUTRM;2026-11-10 10:00;{EVIL}{STEERING};0.10"
    ref = collected(home, name, line)
    finish(home, [ref], now=clock(home.settings), progress=Bars())
    file_id = ref.split("/")[1][:8]
    for command in COMMANDS:
        shown = ratemill(*command.format(id=file_id, name=name).split(), home=home)
        text = shown.stdout + shown.stderr
        assert "\x1b" not in text, command
        assert "Traceback" not in text, command
        # Without its markup the name would be x, and something else without its emoji.
        assert "x" not in text.replace(EVIL, "").split(), command
        if "{name}" in command or command in {"status", "files"}:
            assert EVIL in text, command
        if "{id}" in command:
            assert "\\x1b[31mred" in text, command
