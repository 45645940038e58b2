"""Airflow on this machine in one command: `python -m ratemill.airflow_stack`.

Starts the four components on the loopback interface and stops them, with every task they run, on
Ctrl-C or SIGTERM. An example home is made where there is none; its partners are served, and their
files arrive one by one.
"""

import argparse
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import psutil  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from ratemill.home import Home

REPOSITORY = Path(__file__).parent.parent
HEALTH = ("metadatabase", "scheduler", "dag_processor", "triggerer")
# One slot each: the ledger has one writer at a time, and so has the warehouse.
POOLS = {
    "ledger": {"slots": 1, "description": "writes balances", "include_deferred": False},
    "warehouse": {"slots": 1, "description": "replaces the DuckDB file", "include_deferred": False},
}
USERS = {"admin": "admin", "operator": "op", "viewer": "viewer"}
"""Who may log in, with their roles: change everything; run, decide and set connections; look"""
ARRIVING_S = 10.0
"""How long after one of the example's files the next arrives: a run of a partner takes about it"""
STOP_S = 20
"""How long components may take to stop on their own"""
READY_S = 180
"""How long they may take until all report healthy, on a slow machine"""

PREFERENCES = {
    "AIRFLOW__CORE__PARALLELISM": "4",
    "AIRFLOW__LOGGING__LOGGING_LEVEL": "INFO",
    "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "30",
    "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "30",
    "AIRFLOW__API__WORKERS": "1",
    "AIRFLOW__API__INSTANCE_NAME": "Ratemill",
    # nothing of an installation is told to the makers of Airflow
    "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
    "PYTHONWARNINGS": "ignore",
}
"""What the caller's environment may set otherwise"""


class StackError(Exception):
    """Airflow cannot be started or has ended; says which part and where its log is."""


def environment(
    inherited: Mapping[str, str], airflow_home: Path, ratemill_home: Path, port: int
) -> dict[str, str]:
    """The environment of every component: `inherited`, and what makes Airflow local and quiet."""
    url = f"http://127.0.0.1:{port}"
    path = os.pathsep.join([str(Path(sys.executable).parent), inherited.get("PATH", "")])
    imports = [str(REPOSITORY), inherited.get("PYTHONPATH", "")]
    return {
        **PREFERENCES,
        **inherited,
        "PATH": path,
        "PYTHONPATH": os.pathsep.join(filter(None, imports)),
        "NO_PROXY": "127.0.0.1,localhost",
        "TZ": "UTC",
        "RATEMILL_HOME": str(ratemill_home),
        "AIRFLOW_HOME": str(airflow_home),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{airflow_home}/airflow.db",
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(airflow_home / "logs"),
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__DAGS_FOLDER": str(REPOSITORY / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        # The default asks the name server who we are.
        "AIRFLOW__CORE__HOSTNAME_CALLABLE": "socket.gethostname",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join(
            f"{user}:{role}" for user, role in USERS.items()
        ),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(airflow_home / "passwords.json"),
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__BASE_URL": url,
    }


def free_port(first: int) -> int:
    """The first port from `first` on that nothing on the loopback interface listens on."""
    for port in range(first, first + 100):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise StackError(f"no free port between {first} and {first + 99}; name one with --port")


def passwords(airflow_home: Path, make: Callable[[], str]) -> dict[str, str]:
    """The users' passwords for this AIRFLOW_HOME; made once, readable by the owner only."""
    path = airflow_home / "passwords.json"
    found: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
    missing = {user: make() for user in USERS if user not in found}
    if missing:
        found |= missing
        part = path.with_name(f"{path.name}.part")
        part.unlink(missing_ok=True)
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(found, file)
        part.replace(path)
    return found


def _in_session(sessions: set[int]) -> list[int]:
    """Ids of all live processes that belong to one of the sessions."""
    found = []
    for process in psutil.process_iter():
        try:
            if os.getsid(process.pid) in sessions and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
        except (ProcessLookupError, psutil.NoSuchProcess):
            continue
    return found


class AirflowStack:
    """The components as child processes, each leading its own session; a context manager.

    A session, because Airflow puts every task into a process group of its own.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.environ = dict(environ)
        self.url = environ["AIRFLOW__API__BASE_URL"]
        self.logs = Path(environ["AIRFLOW_HOME"]) / "logs" / "components"
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Self:
        self.logs.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self, name: str, *arguments: str) -> subprocess.Popen[bytes]:
        """A started `airflow` command; its output goes to the log file of that name."""
        with (self.logs / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(  # noqa: S603 -- our own arguments
                [sys.executable, "-m", "airflow", *arguments],
                env=self.environ, cwd=REPOSITORY, start_new_session=True,
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
            )
        return self.processes[name]

    def finish(self, name: str, arguments: Sequence[str], stopping: Callable[[], bool]) -> None:
        """Run one command to its end, or until `stopping`; StackError when it fails."""
        process = self.start(name, *arguments)
        while process.poll() is None and not stopping():
            time.sleep(0.1)
        if process.returncode:
            raise StackError(f"airflow {' '.join(arguments)} failed: see {self.log(name)}")
        if not stopping():
            del self.processes[name]

    def prepare(self, stopping: Callable[[], bool] = lambda: False) -> None:
        """Bring the metadata database up to date and create the pools."""
        pools = self.logs / "pools.json"
        pools.write_text(json.dumps(POOLS))
        for name, *arguments in (
            ("migrate", "db", "migrate"), ("pools", "pools", "import", str(pools)),
        ):
            if not stopping():
                self.finish(name, arguments, stopping)

    def start_components(self, stopping: Callable[[], bool] = lambda: False) -> None:
        """Start the components, the scheduler once the API answers; return when all live."""
        for name in ("api-server", "dag-processor"):
            self.start(name, name)
        self.start("triggerer", "triggerer", "--skip-serve-logs")
        # Tasks report to the API from their first moment on and give up soon without it.
        self.wait(HEALTH[:1], stopping)
        if not stopping():
            self.start("scheduler", "scheduler", "--skip-serve-logs")
        self.wait(HEALTH, stopping)

    def log(self, name: str) -> Path:
        """The log file of a component."""
        return self.logs / f"{name}.log"

    def check(self) -> None:
        """StackError when a component has ended on its own."""
        for name, process in self.processes.items():
            if process.poll() is not None:
                raise StackError(f"{name} ended with {process.returncode}: see {self.log(name)}")

    def healthy(self, parts: Sequence[str] = HEALTH) -> bool:
        """Whether the API answers and says that these parts live."""
        # No proxy for the loopback interface, whatever the environment says.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(f"{self.url}/api/v2/monitor/health", timeout=5) as answer:
                health = json.load(answer)
        except OSError:
            return False
        return all(health[part]["status"] == "healthy" for part in parts)

    def wait(self, parts: Sequence[str], stopping: Callable[[], bool]) -> None:
        """Return when the parts are healthy or `stopping`; StackError when that takes READY_S."""
        end = time.monotonic() + READY_S
        while not stopping() and not self.healthy(parts):
            self.check()
            if time.monotonic() > end:
                raise StackError(f"not healthy after {READY_S} s: see {self.logs}")
            time.sleep(0.3)

    def stop(self) -> None:
        """End the components and every process of theirs: by request first, then by force."""
        sessions = {process.pid for process in self.processes.values()}
        for process in self.processes.values():
            if process.poll() is None:
                process.terminate()
        end = time.monotonic() + STOP_S
        for process in self.processes.values():
            try:
                process.wait(max(0.1, end - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        while left := _in_session(sessions):
            for pid in left:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue
            time.sleep(0.05)
        self.processes.clear()


def _serve(
    environ: Mapping[str, str], stopping: Callable[[], bool], ready: str,
    each_turn: Callable[[float], None],
) -> None:
    with AirflowStack(environ) as stack:
        stack.prepare(stopping)
        if not stopping():
            stack.start_components(stopping)
        if not stopping():
            sys.stdout.write(f"{ready}\n")
            sys.stdout.flush()
        while not stopping():
            stack.check()
            each_turn(time.monotonic())
            time.sleep(0.3)


def _ready(port: int, words: Mapping[str, str]) -> str:
    """What is said once all components live: the address, and how to log in, the admin first."""
    logins = [f"user {user} password {words[user]}" for user in USERS]
    return f"Airflow is ready: http://127.0.0.1:{port} " + "\n  or ".join(logins)


def _home(chosen: Path | None, arriving_s: float) -> "Home":
    """The operator's home; an example whose files are still to come where there is none."""
    from ratemill.demo import prepare_home
    from ratemill.home import Home
    from ratemill.sample_arrivals import hold_back

    root = Home.find(chosen, os.environ).root
    new = not (root / "ratemill.toml").exists()
    home = prepare_home(root)
    if new and arriving_s:
        hold_back(home)
    return home


def _signals() -> list[int]:
    """A list that receives each stop signal from now on; to stop is to find it filled."""
    caught: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda got, _frame: caught.append(got))
    return caught


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the stack until a stop signal; 1 when it could not be started or broke down."""
    from ratemill.demo import partners_online
    from ratemill.errors import RatemillError
    from ratemill.sample_arrivals import SampleArrivals

    chosen = _options().parse_args(arguments)
    caught = _signals()
    airflow_home = chosen.airflow_home.absolute()
    airflow_home.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        home = _home(chosen.home, chosen.arriving)
        port = chosen.port or free_port(8080)
        words = passwords(airflow_home, lambda: secrets.token_urlsafe(12))
        sys.stderr.write(
            "Starting Airflow; the first time takes about a minute. Ctrl-C stops it. "
            f"Logs: {airflow_home / 'logs' / 'components'}\n"
        )
        with partners_online(home, os.environ) as connected:
            environ = environment(connected, airflow_home, home.root, port)
            arrivals = SampleArrivals(home, chosen.arriving)
            _serve(environ, lambda: bool(caught), _ready(port, words), arrivals.tick)
        sys.stderr.write("Airflow has stopped.\n")
    except (StackError, RatemillError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _options() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m ratemill.airflow_stack", description=__doc__)
    parser.add_argument("--home", type=Path, help="operator's home; default RATEMILL_HOME")
    parser.add_argument("--airflow-home", type=Path, default=REPOSITORY / ".airflow")
    parser.add_argument("--port", type=int, help="default: 8080 or the next free one")
    parser.add_argument(
        "--arriving", type=float, default=ARRIVING_S, metavar="SECONDS",
        help="between two files of a new example home; 0: all are there at once "
        "(default: %(default)s)",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
