"""The embedded servers: up twice, after crashes, beside taken ports, down without a trace."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import psycopg
import pytest
from botocore.exceptions import ClientError

from sandbox import processes, servers
from steps.errors import ConfigurationError
from tests.places import Database, Store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox.servers import Servers

_FAST = {"fsync": "off", "shared_buffers": "16MB"}


@pytest.fixture
def folder() -> Iterator[Path]:
    """Give a state folder, and end what runs in it."""
    path = Path(tempfile.mkdtemp(prefix="imdb-state-"))
    try:
        yield path
    finally:
        servers.down(path, wipe=True)
        shutil.rmtree(path)


def _pids(folder: Path) -> tuple[int, int]:
    database = int((folder / "postgres/data/postmaster.pid").read_text().split()[0])
    return database, int((folder / "s3/pid").read_text().split()[0])


def _works(up: Servers) -> bool:
    """Tell whether loader may log in and the bucket opens."""
    with Database(up, servers.DATABASE).connect("loader") as connection:
        found = connection.execute("select count(*) from ops.loads").fetchone()
    return found == (0,) and Store(up, servers.BUCKET).objects() == {}


def _wait_for(folder: Path, pids: tuple[int, int]) -> None:
    arguments = (str(folder / "postgres/data"), f"-dir={folder / 's3/data'}")
    deadline = time.monotonic() + 10
    while any(processes.is_running(*each) for each in zip(pids, arguments, strict=True)):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_up_twice_gives_the_same_servers_and_down_twice_is_quiet(folder: Path) -> None:
    """`up` is idempotent, `down` ends both by pid, keeps the data and needs nothing to run."""
    first = servers.up(folder, _FAST)
    pids = _pids(folder)
    second = servers.up(folder, _FAST)
    assert second.state == first.state
    assert _pids(folder) == pids
    assert _works(second)
    with Database(first, servers.DATABASE).connect() as connection:
        connection.execute("create table public.kept ()")
    Store(first, servers.BUCKET).client.put_object(Bucket=servers.BUCKET, Key="kept", Body=b"")

    servers.down(folder)
    servers.down(folder)
    assert not any(psutil.pid_exists(pid) and not _zombie(pid) for pid in pids)

    third = servers.up(folder, _FAST)
    assert third.state == first.state
    assert list(Store(third, servers.BUCKET).objects()) == ["kept"]
    with Database(third, servers.DATABASE).connect() as connection:
        connection.execute("select from public.kept")


def _zombie(pid: int) -> bool:
    return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)


def test_killed_servers_come_back_though_their_pids_and_ports_are_taken(folder: Path) -> None:
    """After SIGKILL or a reboot the old pids may be anyone's, and the ports too."""
    before = servers.up(folder, _FAST)
    pids = _pids(folder)
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    _wait_for(folder, pids)
    # The worst case: a living process of the very user that Postgres runs as.
    data = folder / "postgres/data"
    owner = data.stat().st_uid
    stranger = subprocess.Popen(["/bin/sleep", "60"], user=owner, cwd="/")
    port = before.state.postgres_port
    assert port is not None
    try:
        for file in (data / "postmaster.pid", folder / "s3/pid"):
            number, rest = file.read_text().split(maxsplit=1)
            assert int(number) in pids
            file.write_text(f"{stranger.pid}\n{rest}")
        with (
            socket.create_server(("127.0.0.1", port)),
            socket.create_server(("127.0.0.1", before.state.s3_ports[0])),
        ):
            after = servers.up(folder, _FAST)
            assert _works(after)
        assert stranger.poll() is None
        assert after.state.postgres_port != port
        assert after.state.s3_ports[0] != before.state.s3_ports[0]
        assert after.state.role_passwords == before.state.role_passwords
    finally:
        stranger.kill()
        stranger.wait()


def test_an_initdb_that_was_cut_off_is_done_again(folder: Path) -> None:
    """A half-made cluster has no PG_VERSION and holds nothing to keep."""
    (folder / "postgres/data/base").mkdir(parents=True)
    (folder / "postgres/data/base/half").write_text("made")
    assert _works(servers.up(folder, _FAST))


def test_a_cluster_of_another_version_is_left_alone(folder: Path) -> None:
    """What this Postgres cannot read is reported with both versions and not touched."""
    servers.up(folder, _FAST)
    servers.down(folder)
    version = folder / "postgres/data/PG_VERSION"
    version.write_text("17\n")
    with pytest.raises(ConfigurationError, match=r"made by Postgres 17, this is 18"):
        servers.up(folder, _FAST)
    assert version.read_text() == "17\n"


def test_secrets_are_closed_and_passwords_are_asked_for(servers: Servers) -> None:
    """Nobody else reads the state file, and neither server lets a wrong password in."""
    file = servers.s3.folder.parent / "state.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(
            host="127.0.0.1",
            port=servers.state.postgres_port,
            user="loader",
            password="wrong",  # noqa: S106
            dbname="imdb",
        )


def test_nothing_listens_beyond_this_machine(servers: Servers) -> None:
    """Every listening socket of both servers is bound to 127.0.0.1."""
    for pid in _pids(servers.s3.folder.parent):
        listeners = [
            each.laddr.ip
            for each in psutil.Process(pid).net_connections("inet")
            if each.status == psutil.CONN_LISTEN
        ]
        assert listeners
        assert set(listeners) == {"127.0.0.1"}


def test_text_is_compared_by_bytes(database: Database) -> None:
    """The files are sorted by bytes, so the database's default order is that too."""
    with database.connect() as connection:
        assert connection.execute("select 'a' > 'B', 'é' > 'z'").fetchone() == (True, True)


def test_the_store_does_what_the_pipeline_asks_of_any_s3(store: Store) -> None:
    """Metadata, multipart, ranges and conditions: an object appears when it is complete."""
    client, bucket = store.client, store.bucket
    part = b"x" * (5 * 1024**2)
    upload = client.create_multipart_upload(
        Bucket=bucket, Key="a/b", Metadata={"source-etag": '"e"'}
    )["UploadId"]
    etags = [
        client.upload_part(Bucket=bucket, Key="a/b", UploadId=upload, PartNumber=n, Body=body)
        for n, body in enumerate((part, b"tail"), 1)
    ]
    assert store.objects() == {}
    client.complete_multipart_upload(
        Bucket=bucket,
        Key="a/b",
        UploadId=upload,
        MultipartUpload={
            "Parts": [{"PartNumber": n, "ETag": e["ETag"]} for n, e in enumerate(etags, 1)]
        },
    )
    head = client.head_object(Bucket=bucket, Key="a/b")
    assert head["Metadata"] == {"source-etag": '"e"'}
    assert head["ContentLength"] == len(part) + 4
    ranged = client.get_object(
        Bucket=bucket, Key="a/b", Range=f"bytes={len(part) - 1}-", IfMatch=head["ETag"]
    )
    assert ranged["Body"].read() == b"xtail"
    with pytest.raises(ClientError, match="PreconditionFailed"):
        client.get_object(Bucket=bucket, Key="a/b", IfMatch='"other"')


def test_the_command_prints_exports_that_a_shell_takes(folder: Path) -> None:
    """`eval "$(python -m sandbox up)"` is enough for any client of libpq."""
    root = Path(__file__).parents[2]
    script = f"""
        eval "$({sys.executable} -m sandbox up --state {folder})" &&
        {sys.executable} -c "import psycopg; print(psycopg.connect().info.user)" &&
        echo "$IMDB_BUCKET $AWS_ENDPOINT_URL" &&
        {sys.executable} -m sandbox down --state {folder} --wipe &&
        {sys.executable} -m sandbox down --state {folder}
    """
    result = subprocess.run(
        ["/bin/sh", "-c", script], cwd=root, capture_output=True, text=True, check=False
    )
    user, store = result.stdout.splitlines()
    assert user == "loader"
    assert store.startswith("imdb http://127.0.0.1:")
    assert result.returncode == 0
    assert not (folder / "postgres").exists()
    assert not (folder / "s3").exists()
