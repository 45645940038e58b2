"""One partner's files collected and mediated in a process of its own; prints the figures as JSON.

`collect_process.py HOME PARTNER`; the environment holds the connection.
"""

import json
import os
import resource
import sys
from pathlib import Path

from report import Timing

from ratemill import pipeline
from ratemill.home import Home
from ratemill.settings import clock


def main() -> None:
    home = Home.find(Path(sys.argv[1]), {})
    refs: list[str] = []
    rows: list[dict[str, object]] = []
    collecting, mediating = Timing(), Timing()
    collecting.run(lambda: refs.extend(pipeline.collect(
        home, sys.argv[2], now=clock(home.settings), environ=os.environ)))
    mediating.run(lambda: rows.extend(pipeline.mediate(home, refs)))
    print(json.dumps({
        "files": len(refs),
        "passed": sum(int(str(row["decoded"])) - int(str(row["suspended"]))
                      - int(str(row["duplicate"])) for row in rows),
        "collect_s": collecting.wall, "collect_cpu_s": collecting.cpu,
        "mediate_s": mediating.wall, "mediate_cpu_s": mediating.cpu,
        "peak_octets": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }))


if __name__ == "__main__":
    main()
