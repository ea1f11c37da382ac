"""The embedded S3: SeaweedFS, all parts in one process, bound to 127.0.0.1."""

from __future__ import annotations

import os
import shutil
import signal
import sysconfig
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from sandbox import processes
from steps.errors import TemporaryError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mypy_boto3_s3 import S3Client

BINARY = Path(sysconfig.get_path("scripts")) / "weed"

REGION = "us-east-1"

LISTENERS = (
    "s3.port",
    "s3.port.grpc",
    "master.port",
    "master.port.grpc",
    "volume.port",
    "volume.port.grpc",
    "filer.port",
    "filer.port.grpc",
    "admin.port",
    "admin.port.grpc",
)
"""Every port that the process listens on, by option; the first is the one clients use."""

_START_ATTEMPTS = 5

_GRPC_SOCKETS = Path("/tmp")  # noqa: S108
"""Where SeaweedFS puts its sockets between its own parts; no option moves them."""


@dataclass(frozen=True, slots=True)
class S3:
    """Where a store keeps its data, and the keys that open it."""

    folder: Path
    access_key: str
    secret_key: str
    bucket: str

    @property
    def data(self) -> Path:
        """Volumes, index and metadata."""
        return self.folder / "data"

    @property
    def log(self) -> Path:
        """What the server says."""
        return self.folder / "log"

    @property
    def argument(self) -> str:
        """The argument that tells this store's process from all others."""
        return f"-dir={self.data}"

    def client(self, port: int) -> S3Client:
        """Return a client that gives up soon: the server is on this machine."""
        return boto3.client(
            "s3",
            endpoint_url=f"http://127.0.0.1:{port}",
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            region_name=REGION,
            config=Config(
                connect_timeout=2,
                read_timeout=5,
                retries={"total_max_attempts": 1},
                s3={"addressing_style": "path"},
            ),
        )


def running(store: S3) -> list[int] | None:
    """Return the ports of the store if it runs, None otherwise."""
    process = _recorded(store)
    if process is None or not processes.is_running(process[0], store.argument):
        return None
    return process[1]


def start(store: S3, ports: Sequence[int]) -> list[int]:
    """Start the store, with an empty bucket if it is new, and return its ports.

    `ports` are tried first if there is one for each listener.

    Raises:
        TemporaryError: the store did not come up; the message has the end of its log.

    """
    stop(store)
    for folder in (store.folder, store.data):
        folder.mkdir(mode=0o700, exist_ok=True)
    for attempt in range(_START_ATTEMPTS):
        if attempt == 0 and len(ports) == len(LISTENERS):
            chosen = list(ports)
        else:
            chosen = processes.free_ports(len(LISTENERS))
        if _try_start(store, chosen):
            return chosen
    said = store.log.read_text(errors="replace").strip().splitlines()[-5:]
    message = f"the S3 store did not start; its log ends with: {' / '.join(said)}"
    raise TemporaryError(message, log=str(store.log))


def stop(store: S3) -> None:
    """Stop the store if it runs, and clear away what a crash left of it."""
    process = _recorded(store)
    if process is None:
        return
    pid, ports = process
    processes.stop(pid, store.argument, signal.SIGTERM, seconds=30)
    for port in ports:
        for socket in _GRPC_SOCKETS.glob(f"seaweedfs-*-grpc-{port}.sock"):
            socket.unlink(missing_ok=True)
    _pid_file(store).unlink(missing_ok=True)


def wipe(store: S3) -> None:
    """Delete the objects of a store that does not run."""
    shutil.rmtree(store.folder, ignore_errors=True)


def _pid_file(store: S3) -> Path:
    return store.folder / "pid"


def _recorded(store: S3) -> tuple[int, list[int]] | None:
    """Return pid and ports of the process that was started last."""
    try:
        pid, *ports = map(int, _pid_file(store).read_text().split())
    except (FileNotFoundError, ValueError):
        return None
    return pid, ports


def _command(store: S3, ports: Sequence[int]) -> list[str]:
    return [
        str(BINARY),
        "mini",
        store.argument,
        f"-bucket={store.bucket}",
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        *(f"-{option}={port}" for option, port in zip(LISTENERS, ports, strict=True)),
        "-admin.ui=false",
        "-webdav=false",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        "-master.telemetry=false",
        # These two sockets can be moved out of /tmp.
        f"-filer.localSocket={store.folder / 'filer.sock'}",
        f"-s3.localSocket={store.folder / 's3.sock'}",
        # There is no second volume server that could take over meanwhile.
        "-volume.preStopSeconds=0",
        # Without a bound each reader of a large object keeps what it read ahead.
        "-s3.readerCacheSizeMB=64",
    ]


def _try_start(store: S3, ports: Sequence[int]) -> bool:
    # The options of the last start, ports among them, which would come back through it.
    (store.data / "mini.options").unlink(missing_ok=True)
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(store.folder),
        "AWS_ACCESS_KEY_ID": store.access_key,
        "AWS_SECRET_ACCESS_KEY": store.secret_key,
        # Go's collector lets the heap double before it acts: 930 MB after 200 MB up and down,
        # 430 MB so. At 192 MiB it would never rest and take a fifth of a core while idle.
        "GOMEMLIMIT": "512MiB",
    }
    process = processes.spawn(_command(store, ports), store.log, environment)
    _pid_file(store).write_text(" ".join(map(str, (process.pid, *ports))))
    client = store.client(ports[0])
    # A plain start takes a second; one after a crash checks the volumes' ends.
    deadline = time.monotonic() + 60
    while process.poll() is None:
        try:
            # Our keys open it and the bucket is there: so it is ours and it is ready.
            client.head_bucket(Bucket=store.bucket)
        except (BotoCoreError, ClientError):
            if time.monotonic() > deadline:
                stop(store)
                break
            time.sleep(0.05)
        else:
            return True
    return False
