"""Programs that outlive the command that started them: known by pid and argument, ended by pid."""

from __future__ import annotations

import signal
import socket
import subprocess
import time
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


def is_running(pid: int, argument: str) -> bool:
    """Tell whether a process lives that was started with this argument.

    A pid alone proves nothing: after a crash or a reboot it may be another program's. The
    argument is one that only our program is given: its own data folder.
    """
    try:
        process = psutil.Process(pid)
        return process.status() != psutil.STATUS_ZOMBIE and argument in process.cmdline()
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False


def spawn(
    command: Sequence[str], log: Path, environment: Mapping[str, str], user: str | None = None
) -> subprocess.Popen[bytes]:
    """Start a program in a session of its own, so that ctrl-C in a terminal does not reach it."""
    with log.open("ab") as output:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=dict(environment),
            cwd="/",
            start_new_session=True,
            user=user,
            group=user,
            extra_groups=None if user is None else [],
        )


def stop(pid: int, argument: str, first: signal.Signals, seconds: float) -> None:
    """End a process of ours, kindly, and with SIGKILL once `seconds` have passed."""
    for number, patience in ((first, seconds), (signal.SIGKILL, 5.0)):
        deadline = time.monotonic() + patience
        try:
            if is_running(pid, argument):
                psutil.Process(pid).send_signal(number)
        except psutil.NoSuchProcess:
            return
        while is_running(pid, argument):
            if time.monotonic() > deadline:
                break
            # No signal tells of a process that is not our child: look often, it is cheap.
            time.sleep(0.02)
        else:
            return


def free_ports(count: int) -> list[int]:
    """Return TCP ports of 127.0.0.1 that nobody listens on at this moment.

    Another program may take one before our server does; whoever starts a server tries again.
    """
    sockets = [socket.socket(socket.AF_INET, socket.SOCK_STREAM) for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()
