"""Writes the example operator's inbox: four partners' files of September 2026, faults included.

`python sample_data/generate.py --out sample_data/inbox` renews the committed files.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
# Not an installed package: the repository's own packages stand one folder up.
sys.path[:0] = [str(HERE), str(HERE.parent)]

import gen_alpenfon  # noqa: E402 - after the path is set
import gen_fixline  # noqa: E402
import gen_nordtel  # noqa: E402
import gen_xmlcom  # noqa: E402
from gen_events import Made  # noqa: E402


def files() -> Iterator[Made]:
    """Every file of every partner, the same bytes each time."""
    for partner in (gen_nordtel, gen_alpenfon, gen_fixline, gen_xmlcom):
        yield from partner.files()


def write(out: Path) -> list[Made]:
    """The files, after writing each to out/<partner>/outgoing/<name>."""
    made = list(files())
    for file in made:
        folder = out / file.partner / "outgoing"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / file.name).write_bytes(file.data)
    return made


def main() -> None:
    """Command line: writes the files and prints a table of them."""
    parser = argparse.ArgumentParser(description="Write the sample partners' files.")
    parser.add_argument("--out", type=Path, required=True, help="folder to write into")
    made = write(parser.parse_args().out)
    lines = [f"{'partner':<10}{'file':<30}{'records':>8}{'bytes':>9}"]
    lines += [f"{m.partner:<10}{m.name:<30}{m.records:>8}{len(m.data):>9}" for m in made]
    total = f"{'':<10}{f'{len(made)} files':<30}{sum(m.records for m in made):>8}"
    lines.append(f"{total}{sum(len(m.data) for m in made):>9}")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
