"""A table is created once and brought to the model's result row by row."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from tests.dbt import toy

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.dbt.conftest import Project


def ratings(**votes: int) -> list[dict[str, object]]:
    """Return rows of title.ratings."""
    return [
        {"tconst": tconst, "average_rating": "7.0", "num_votes": number}
        for tconst, number in votes.items()
    ]


def versions(project: Project) -> dict[str, str]:
    """Return the transaction that wrote each row."""
    return dict(project.rows("select tconst, xmin::text from marts.mart_toy"))


def test_only_what_differs_is_written(project: Project, load: Callable[..., int]) -> None:
    """Rows gone are deleted, changed ones replaced, equal ones left; NULL equals NULL.

    The table stays the same object under --full-refresh, and with it what users made of it.
    """
    toy.mart(project)
    load("title.ratings", [*ratings(tt1=10, tt2=20, tt3=30), {"tconst": "tt4"}])
    project.dbt("run")
    project.execute("create view public.mine as select sum(num_votes) as votes from marts.mart_toy")
    project.execute("grant select on marts.mart_toy to loader")
    identity = "select oid, relfilenode, relacl::text from pg_class where relname = 'mart_toy'"
    first, table = versions(project), project.rows(identity)

    project.dbt("run")
    assert versions(project) == first

    load("title.ratings", [*ratings(tt1=10, tt2=21, tt5=50), {"tconst": "tt4"}])
    said = project.dbt("run", "--full-refresh")
    second = versions(project)
    assert "mart_toy: 2 rows deleted, 2 inserted" in said
    assert second.keys() == {"tt1", "tt2", "tt4", "tt5"}
    assert {key for key in second if second[key] == first.get(key)} == {"tt1", "tt4"}
    assert project.rows("select * from public.mine") == [(81,)]
    assert project.rows(identity) == table


def test_text_keeps_the_order_of_the_files(project: Project, load: Callable[..., int]) -> None:
    """C order whatever the database's, so that ids compare as in the raw tables."""
    toy.mart(project, config="unique_key='tconst', indexes=[{'columns': ['num_votes']}]")
    load("title.ratings", [])
    project.dbt("run")
    assert project.rows(
        "select collation_name from information_schema.columns"
        " where table_name = 'mart_toy' and data_type = 'text'"
    ) == [("C",)]
    assert project.rows(
        "select indexdef from pg_indexes where tablename = 'mart_toy' and indexdef !~ 'UNIQUE'"
    )[0][0].endswith("(num_votes)")


def test_a_changed_model_changes_the_table(project: Project, load: Callable[..., int]) -> None:
    """Columns come, go and change their type in place, indexes and the key with them."""
    toy.mart(project, config="unique_key='tconst', indexes=[{'columns': ['num_votes']}]")
    load("title.ratings", ratings(tt1=10, tt2=20))
    project.dbt("run")
    project.execute("create view public.mine as select tconst from marts.mart_toy")
    project.execute("create index mine on marts.mart_toy (tconst desc)")
    oid = project.rows("select 'marts.mart_toy'::regclass::oid")

    toy.mart(
        project,
        "select num_votes::bigint as num_votes, tconst, 'new' as label, 1 as part\n"
        "from {{ source('raw', 'title_ratings') }}",
        {"num_votes": "bigint", "tconst": "text", "label": "text", "part": "integer"},
        config="unique_key=['tconst', 'part'], indexes=[{'columns': ['label', 'tconst']}]",
    )
    project.dbt("run")
    assert project.rows("select tconst, num_votes, label, part from marts.mart_toy order by 1") == [
        ("tt1", 10, "new", 1),
        ("tt2", 20, "new", 1),
    ]
    assert project.rows("select * from public.mine order by 1") == [("tt1",), ("tt2",)]
    assert project.rows("select 'marts.mart_toy'::regclass::oid") == oid
    definitions = [
        row[0]
        for row in project.rows("select indexdef from pg_indexes where tablename = 'mart_toy'")
    ]
    assert sorted(each.split("btree ")[1] for each in definitions) == [
        "(label, tconst)",
        "(tconst DESC)",
        "(tconst, part)",
    ]

    before = versions(project)
    project.dbt("run")
    assert versions(project) == before


def test_a_column_that_a_view_needs_is_kept(project: Project, load: Callable[..., int]) -> None:
    """Dropping it would break the view: the build fails, names the view and changes nothing."""
    toy.mart(project)
    load("title.ratings", ratings(tt1=10))
    project.dbt("run")
    project.execute("create view public.mine as select num_votes from marts.mart_toy")
    toy.mart(project, "select tconst from {{ source('raw', 'title_ratings') }}", {"tconst": "text"})
    load("title.ratings", ratings(tt1=11))
    ended = project.try_dbt("run")
    assert ended.code != 0
    assert "view mine depends on column num_votes" in ended.output
    assert project.rows("select * from public.mine") == [(10,)]


def test_a_failed_build_changes_nothing(project: Project, load: Callable[..., int]) -> None:
    """Neither rows nor the record; a duplicate key is an error, not a second row."""
    toy.mart(project)
    load("title.ratings", ratings(tt1=10))
    project.dbt("run")
    before = project.rows("select * from ops.model_builds"), versions(project)
    toy.mart(
        project,
        "select 'tt1' as tconst, 1.0 as average_rating, n as num_votes\n"
        "from generate_series(1, 2) as n",
    )
    ended = project.try_dbt("run")
    assert ended.code != 0
    assert "mart_toy_pkey" in ended.output
    assert (project.rows("select * from ops.model_builds"), versions(project)) == before


def test_new_columns_do_not_stall_readers(project: Project, load: Callable[..., int]) -> None:
    """While a long query delays the change of the table, others pass by the waiting build."""
    toy.mart(project)
    load("title.ratings", ratings(tt1=10))
    project.dbt("run")
    toy.mart(
        project,
        toy.SQL.replace("num_votes", "num_votes, 1 as extra"),
        toy.COLUMNS | {"extra": "integer"},
    )
    answers: list[object] = []
    over = threading.Event()

    def read() -> None:
        while not over.is_set():
            answers.append(project.rows("select count(*) from marts.mart_toy"))
            time.sleep(0.05)

    with project.database.connect() as slow, slow.transaction():
        slow.execute("select count(*) from marts.mart_toy")
        reader = threading.Thread(target=read)
        reader.start()
        with project.start("run") as build:
            waiting = (
                "select count(*) from pg_stat_activity where application_name = 'dbt'"
                " and query ~ 'lock table' and wait_event = 'PgSleep'"
            )
            while project.rows(waiting) == [(0,)]:
                assert build.poll() is None
                time.sleep(0.05)
            before = len(answers)
            time.sleep(4)  # long enough for two attempts to lock
            assert build.poll() is None
            # A reader that queued behind an attempt for longer than the attempt would have one
            # answer at most until the slow query's end.
            assert len(answers) > before + 1
            slow.execute("rollback")
            output, _ = build.communicate(timeout=120)
    over.set()
    reader.join()
    assert build.returncode == 0, output
    assert project.rows("select extra from marts.mart_toy") == [(1,)]
