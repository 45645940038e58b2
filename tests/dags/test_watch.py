"""The watch over a partner's server: what it fires for, and that nothing ends it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
# The server is another thread of the process: the watch sees its files, and that it goes away.
WATCH = """
import asyncio, json, os, sys
from pathlib import Path
from ratemill.airflow_watch import PartnerFiles
from ratemill.demo import prepare_home
from ratemill.partner_server import PartnerServer

home = prepare_home(Path(sys.argv[1]))
os.environ["RATEMILL_HOME"] = str(home.root)
offered = home.root / "sftp" / "nordtel" / "outgoing"
names = ["CDNORNTAUTRM%05d" % number for number in range(90001, 90004)]

def server(port=0):
    return PartnerServer(home.root / "sftp", home.root / "keys", port)

def offer(name):
    (offered / "part").write_bytes(b"octets")
    (offered / "part").rename(offered / name)

async def main():
    watch = PartnerFiles("nordtel", 0.05).run()
    seen = []
    async def fired():
        seen.append((await asyncio.wait_for(anext(watch), 20)).payload)
    first = server()
    with first:
        os.environ.update(first.environ({"sftp_nordtel": "nordtel"}))
        here = len([p for p in offered.iterdir() if p.name[:2] in ("CD", "TD")])
        await fired()
        (offered / "notes.txt").write_text("the profile does not let this through")
        soon = asyncio.create_task(fired())
        await asyncio.sleep(0.5)
        quiet = not soon.done()
        offer(names[0])
        await soon
    soon = asyncio.create_task(fired())
    await asyncio.sleep(0.5)
    offer(names[1])
    away = not soon.done()
    with server(first.port):
        await soon
        profile = home.root / "partners" / "nordtel.toml"
        text = profile.read_text()
        profile.write_text("not = ")
        soon = asyncio.create_task(fired())
        await asyncio.sleep(0.3)
        offer(names[2])
        await asyncio.sleep(0.3)
        broken = not soon.done()
        profile.write_text(text)
        await soon
    await watch.aclose()
    return {"here": here, "seen": seen, "quiet": quiet, "away": away, "broken": broken}

print("RESULT", json.dumps(asyncio.run(main())))
"""


@pytest.mark.slow
def test_the_watch_fires_for_new_files_and_survives_a_server_that_is_down(tmp_path: Path) -> None:
    answer = subprocess.run(
        [sys.executable, "-c", WATCH, str(tmp_path / "home")], capture_output=True, text=True,
        env={"AIRFLOW_HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}, cwd=tmp_path, timeout=120,
        check=False,
    )
    lines = [line for line in answer.stdout.splitlines() if line.startswith("RESULT ")]
    assert lines, answer.stdout[-3000:] + answer.stderr[-3000:]
    found: dict[str, Any] = json.loads(lines[0].removeprefix("RESULT "))
    first, *later = found["seen"]
    assert first["files"] == found["here"] > 0
    assert later == [
        {"partner": "nordtel", "files": 1, "first": f"outgoing/CDNORNTAUTRM9000{number}"}
        for number in (1, 2, 3)
    ]
    assert (found["quiet"], found["away"], found["broken"]) == (True, True, True)
    said = answer.stdout + answer.stderr
    assert "nordtel cannot be looked at" in said
    assert "key_file" not in said
