"""`make bench PART=name`: run one part of the benchmarks."""

import runpy
import sys
from pathlib import Path

HERE = Path(__file__).parent
PARTS = sorted(p.stem.removeprefix("part_") for p in HERE.glob("part_*.py"))


def main() -> int:
    part = sys.argv[1] if len(sys.argv) > 1 else ""
    if part not in PARTS:
        sys.stderr.write(f"make bench PART=…: there is {', '.join(PARTS)}, not {part!r}\n")
        return 2
    sys.path[:0] = [str(HERE), str(HERE.parents[1] / "sample_data")]
    runpy.run_path(str(HERE / f"part_{part}.py"), run_name="__main__")
    return 0


if __name__ == "__main__":
    sys.exit(main())
