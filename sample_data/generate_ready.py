"""Writes the samples of the ready profiles: what each kind of switch writes, faults included.

`python sample_data/generate_ready.py --out sample_data/ready` renews the committed files.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
# Not an installed package: the other generators stand beside this one.
sys.path.insert(0, str(HERE))

import gen_ready_asterisk  # noqa: E402 - after the path is set
import gen_ready_broadworks  # noqa: E402
import gen_ready_cucm  # noqa: E402
import gen_ready_freeswitch  # noqa: E402
import gen_ready_interconnect  # noqa: E402
from gen_ready_calls import ReadyFile  # noqa: E402


def ready_files() -> Iterator[ReadyFile]:
    """Every sample of every ready profile, the same bytes each time."""
    yield from gen_ready_asterisk.files()
    yield from gen_ready_broadworks.files()
    yield from gen_ready_cucm.files()
    yield from gen_ready_freeswitch.files()
    yield from gen_ready_interconnect.files()


def write(out: Path) -> list[ReadyFile]:
    """The samples, after writing each to out/<profile>/sample/<name>."""
    made = list(ready_files())
    for file in made:
        folder = out / file.profile / "sample"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / file.name).write_bytes(file.data)
    return made


def main() -> None:
    """Command line: writes the samples and prints a table of them."""
    parser = argparse.ArgumentParser(description="Write the samples of the ready profiles.")
    parser.add_argument("--out", type=Path, required=True, help="folder to write into")
    made = write(parser.parse_args().out)
    lines = [f"{'profile':<14}{'file':<50}{'records':>8}{'bytes':>9}"]
    lines += [f"{m.profile:<14}{m.name:<50}{len(m.records):>8}{len(m.data):>9}" for m in made]
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
