"""The programs of peers that are Python libraries: `python -m benchmarks.peers.child NAME …`.

A process of its own for each load, as whoever uses the library would have. It prints the seconds
that the load took after the imports. Needs requirements/bench.txt.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from steps.catalog import BY_NAME, NULL, ColumnType

if TYPE_CHECKING:
    from collections.abc import Iterator

    from steps.catalog import Dataset

_EXTENSION = "duckdb_extension_postgres_scanner"

_DUCKDB_TYPES = {
    ColumnType.TEXT: "VARCHAR",
    ColumnType.INTEGER: "INTEGER",
    ColumnType.SMALLINT: "SMALLINT",
    ColumnType.RATING: "DECIMAL(3,1)",
}


def duckdb(dataset: Dataset, file: str, schema: str) -> float:
    """Insert what DuckDB's csv reader reads into the attached, empty table; return seconds.

    As its documentation advises for bulk loads: types are given, nothing is sniffed, the order
    of rows need not be kept, rows go by binary COPY (which is how it is by itself). The file is
    read without quotes and escapes.
    """
    import duckdb as library  # noqa: PLC0415 - here only, and not in the other peers' times

    connection = library.connect()
    found = importlib.util.find_spec(_EXTENSION)
    if found is not None and found.origin is not None:
        extension = next(Path(found.origin).parent.rglob("*.duckdb_extension"))
        connection.load_extension(str(extension))
    else:
        connection.install_extension("postgres")  # from DuckDB's own server
        connection.load_extension("postgres")
    types = {column.name: _DUCKDB_TYPES[column.type] for column in dataset.columns}
    began = time.perf_counter()
    connection.execute("set preserve_insertion_order = false")
    # An empty string: libpq takes the PG* variables.
    connection.execute(f"attach '' as target (type postgres, schema '{schema}')")
    connection.execute(
        f"insert into target.{schema}.{dataset.table} select * from read_csv(?, "  # noqa: S608 - catalogue's
        "delim = '\t', header = true, quote = '', escape = '', nullstr = ?, "
        f"auto_detect = false, columns = {types})",
        [file, NULL],
    )
    return time.perf_counter() - began


def dlt(dataset: Dataset, file: str, schema: str) -> float:
    """Replace the table by what pyarrow reads; return seconds.

    As its documentation advises for loads of tables into Postgres: Arrow tables as input, which
    pass the normalizer by, and csv as the loader's format, which goes by COPY; files of a size
    that lets several workers load at once.
    """
    os.environ |= {
        "RUNTIME__DLTHUB_TELEMETRY": "false",
        "RUNTIME__LOG_LEVEL": "ERROR",
        "LOAD__WORKERS": str(os.cpu_count() or 2),
        "DATA_WRITER__FILE_MAX_ITEMS": "500000",
        "SCHEMA__NAMING": "direct",
    }
    import dlt as library  # noqa: PLC0415 - as above

    address = "postgresql://{PGUSER}:{PGPASSWORD}@{PGHOST}:{PGPORT}/{PGDATABASE}"

    began = time.perf_counter()
    with TemporaryDirectory() as folder:
        pipeline = library.pipeline(
            "bench",
            pipelines_dir=folder,
            destination=library.destinations.postgres(address.format_map(os.environ)),
            dataset_name=schema,
        )
        pipeline.run(
            library.resource(_arrow, name=dataset.table)(dataset, file),
            table_name=dataset.table,
            write_disposition="replace",
            loader_file_format="csv",
        )
    return time.perf_counter() - began


def _arrow(dataset: Dataset, file: str) -> Iterator[Any]:
    """Read a file as Arrow tables, without quotes and escapes."""
    import pyarrow as pa  # noqa: PLC0415 - of dlt's only
    from pyarrow import csv  # noqa: PLC0415 - as above

    types = {
        ColumnType.TEXT: pa.string(),
        ColumnType.INTEGER: pa.int32(),
        ColumnType.SMALLINT: pa.int16(),
        ColumnType.RATING: pa.decimal128(3, 1),
    }
    reader = csv.open_csv(
        file,
        read_options=csv.ReadOptions(
            column_names=[column.name for column in dataset.columns],
            skip_rows=1,
            block_size=16 << 20,
        ),
        parse_options=csv.ParseOptions(delimiter="\t", quote_char=False, escape_char=False),
        convert_options=csv.ConvertOptions(
            column_types={column.name: types[column.type] for column in dataset.columns},
            null_values=[NULL],
            strings_can_be_null=True,
        ),
    )
    for batch in reader:
        yield pa.Table.from_batches([batch])


def main() -> None:
    """Run a peer with the arguments that are given as one JSON object."""
    given = json.loads(sys.argv[2])
    dataset = BY_NAME[given.pop("dataset")]
    seconds = {"duckdb": duckdb, "dlt": dlt}[sys.argv[1]](dataset, **given)
    print(json.dumps(seconds))  # noqa: T201 - the peer reads it


if __name__ == "__main__":
    main()
