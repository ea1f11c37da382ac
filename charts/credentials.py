"""Create the secrets that the charts name, with new passwords, where they are not there yet.

For kind. Elsewhere secrets come from whatever keeps them: sealed secrets, a vault, External
Secrets; the charts know them by name only. Runs on the standard library alone, since it comes
before any environment. A password is given to kubectl on its standard input: the arguments of a
process can be read by everybody on the machine.
"""  # noqa: INP001  # a script beside the charts it serves, no package

from __future__ import annotations

import argparse
import base64
import json
import secrets
import subprocess
import sys

ROLES = {
    "imdb-db-owner": "imdb",
    "imdb-db-loader": "loader",
    "imdb-db-dbt": "dbt",
    "imdb-db-reader": "reader",
}
"""Secret in namespace imdb -> role of the database."""


class Cluster:
    """The secrets of one cluster, through kubectl."""

    def __init__(self, context: str | None) -> None:
        """Speak to the context; None is the current one."""
        self.kubectl = ["kubectl", *([f"--context={context}"] if context else [])]

    def read(self, namespace: str, name: str) -> dict[str, str] | None:
        """Return a secret's values, or None where there is none."""
        command = ["get", "secret", name, f"--namespace={namespace}", "--ignore-not-found"]
        found = subprocess.run(
            [*self.kubectl, *command, "--output=json"], check=True, stdout=subprocess.PIPE
        ).stdout
        if not found:
            return None
        data: dict[str, str] = json.loads(found)["data"]
        return {key: base64.b64decode(value).decode() for key, value in data.items()}

    def create(self, namespace: str, name: str, kind: str, values: dict[str, str]) -> None:
        """Create a secret; one that is there already is an error, not overwritten."""
        secret = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": name, "namespace": namespace},
            "type": kind,
            "stringData": values,
        }
        manifest = json.dumps(secret).encode()
        subprocess.run([*self.kubectl, "create", "--filename=-"], input=manifest, check=True)


def new_password() -> str:
    """Return 48 hexadecimal digits, which need no quoting anywhere."""
    return secrets.token_hex(24)


def create_missing(cluster: Cluster) -> None:
    """Create what is missing; what is there keeps its password."""
    for name, role in ROLES.items():
        if cluster.read("imdb", name) is None:
            values = {"username": role, "password": new_password()}
            cluster.create("imdb", name, "kubernetes.io/basic-auth", values)
    # MinIO's root is the store's user: whichever of the two secrets is there gives the other.
    root = cluster.read("platform", "minio-root")
    store = cluster.read("imdb", "imdb-store")
    if root is not None:
        user, password = root["rootUser"], root["rootPassword"]
    elif store is not None:
        user, password = store["AWS_ACCESS_KEY_ID"], store["AWS_SECRET_ACCESS_KEY"]
    else:
        user, password = "imdb", new_password()
    if root is None:
        values = {"rootUser": user, "rootPassword": password}
        cluster.create("platform", "minio-root", "Opaque", values)
    if store is None:
        values = {"AWS_ACCESS_KEY_ID": user, "AWS_SECRET_ACCESS_KEY": password}
        cluster.create("imdb", "imdb-store", "Opaque", values)


def main() -> int:
    """Run the script; kubectl has said what is wrong when it fails."""
    parser = argparse.ArgumentParser(description="Create the secrets that are not there yet.")
    parser.add_argument("--context", help="kube context; without it, the current one")
    try:
        create_missing(Cluster(parser.parse_args().context))
    except subprocess.CalledProcessError as error:
        return error.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main())
