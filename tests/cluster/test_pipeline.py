"""The life of a deployment, in the order of the tests: each begins where the last one ended."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

import pytest

from tests.cluster.cluster import NAMESPACE
from tests.cluster.conftest import SCALE

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cluster.cluster import Cluster

TABLES = """
    select format('%I.%I', schemaname, tablename) as name from pg_tables
    where schemaname in ('staging', 'intermediate', 'marts')
    union all
    select format('raw.%I', relname) from pg_class
    where relkind = 'p' and relnamespace = 'raw'::regnamespace
    order by name
"""

# A hash that does not depend on the order of a table's rows. When and by which load something
# was found differs between two places.
HASH = """
    select '{table}', count(*), md5(string_agg(row, E'\\n' order by row collate "C")) from (
        select (to_jsonb(t) - '{{load_id,checked_at,built_at}}'::text[])::text as row
        from {table} as t
    ) as rows
"""


# Built again when its files are a week younger, not a day.
WEEKLY = {"mart-collaborations"}


def hashes(ask: Callable[[str], list[list[str]]]) -> list[list[str]]:
    """Return name, rows and hash of each table of raw, staging, intermediate and marts."""
    tables = [name for (name,) in ask(TABLES)]
    return sorted(ask(" union all ".join(HASH.format(table=table) for table in tables)))


def test_a_first_run_ends_with_the_laptop_s_tables(
    cluster: Cluster, laptop: Callable[[int, str], list[list[str]]]
) -> None:
    """From nothing: every task runs, and every table equals the one that the laptop makes."""
    cluster.serve(scale=SCALE, day=0)
    first = cluster.run()
    assert first.phase == "Succeeded", first.phases
    assert first.ran == set(cluster.inputs)
    # On a busy machine a probe may be asked before its pod listens.
    assert not [each for each in cluster.warnings() if "Readiness probe" not in each]
    ours = hashes(cluster.rows)
    assert len(ours) > 7
    assert ours == hashes(partial(laptop, 0))


def test_nothing_new_is_one_pod(cluster: Cluster) -> None:
    """A second run plans, and no other task has a pod."""
    second = cluster.run()
    assert second.phase == "Succeeded", second.phases
    assert [node["displayName"] for node in second.pods] in (["plan"], ["plan(0)"])


def test_only_ratings_new(cluster: Cluster) -> None:
    """Ratings and what reads them run, but for what is built weekly, and nothing else."""
    cluster.serve(scale=SCALE, day=1, only="title.ratings")
    run = cluster.run()
    assert run.phase == "Succeeded", run.phases
    reading = {task for task, above in cluster.inputs.items() if "load-title-ratings" in above}
    expected = reading - WEEKLY | {"plan", "download-title-ratings", "load-title-ratings"}
    assert run.ran == expected
    assert "stg-title-akas" not in run.ran


def test_a_lost_pod_is_replaced(
    cluster: Cluster, laptop: Callable[[int, str], list[list[str]]]
) -> None:
    """A pod deleted while it works is tried again, and the run ends as if nothing had been."""
    cluster.serve(scale=SCALE, day=1)
    task = "load-title-principals"
    # Held up by a reader of the table, so that it cannot end before it is deleted.
    with cluster.locked("raw.title_principals"):
        name = cluster.submit()
        lost = cluster.working(name, task)
        cluster.core.delete_namespaced_pod(lost, NAMESPACE, grace_period_seconds=0)
        cluster.until(lambda: cluster.look(name).tries(task) > 1, f"another try of {task}")
    run = cluster.wait(name)
    assert run.phase == "Succeeded", run.phases
    assert hashes(cluster.rows) == hashes(partial(laptop, 1))


def test_a_deleted_object_is_downloaded_again(cluster: Cluster) -> None:
    """An object that is gone comes back; its rows are there, so nothing is loaded or built."""
    with cluster.store() as store:
        found = store.list_objects_v2(Bucket="imdb", Prefix="imdb/title.episode/")["Contents"]
        newest = max(found, key=lambda each: each["LastModified"])["Key"]
        store.delete_object(Bucket="imdb", Key=newest)
        run = cluster.run()
        assert run.phase == "Succeeded", run.phases
        assert run.ran == {"plan", "download-title-episode", "prune", "report"}
        store.head_object(Bucket="imdb", Key=newest)


def test_a_load_that_is_behind_the_store_is_caught_up(cluster: Cluster) -> None:
    """Rows that the ledger does not know of are loaded from the object, without a download."""
    cluster.rows("delete from ops.loads where dataset = 'title.akas'")
    run = cluster.run()
    assert run.phase == "Succeeded", run.phases
    reading = {task for task, above in cluster.inputs.items() if "load-title-akas" in above}
    assert run.ran == reading | {"plan", "load-title-akas"}


@pytest.fixture
def broken_model(cluster: Cluster) -> str:
    """Make a mart that cannot be written, and due."""
    cluster.rows("""
        create function public.refuse() returns trigger language plpgsql
        as $$ begin raise exception 'refused by the test'; end $$;
        create trigger refuse before insert or update or delete on marts.mart_top_titles
        for each statement execute function public.refuse();
        delete from ops.model_builds where model = 'mart_top_titles';
    """)
    return "mart-top-titles"


def test_a_failed_model_is_red_and_caught_up(cluster: Cluster, broken_model: str) -> None:
    """A model that fails stops what reads it and turns the run red; the next one builds both."""
    below = {t for t, above in cluster.inputs.items() if broken_model in above} - {"report"}
    red = cluster.run()
    assert red.phase == "Failed", red.phases
    assert red.phases[broken_model] == "Failed"
    assert red.phases["report"] == "Succeeded"
    assert {red.phases[task] for task in below} == {"Omitted"}
    cluster.rows("drop function public.refuse() cascade")
    green = cluster.run()
    assert green.phase == "Succeeded", green.phases
    assert green.ran == {"plan", broken_model, *below, "report", "prune"}


def test_two_runs_wait_for_each_other(cluster: Cluster) -> None:
    """A run submitted beside another waits until that one has ended, and says for what."""
    names = [cluster.submit(), cluster.submit()]
    looks = [cluster.look(name) for name in names]
    deadline = time.monotonic() + 60
    while not any("lock" in each.message for each in looks):
        assert time.monotonic() < deadline, [(each.phase, each.message) for each in looks]
        looks = [cluster.look(name) for name in names]
    ends = [cluster.wait(name) for name in names]
    assert [end.phase for end in ends] == ["Succeeded", "Succeeded"]
    first, second = sorted(ends, key=lambda end: end.status["finishedAt"])
    assert min(node["startedAt"] for node in second.pods) >= first.status["finishedAt"]


def test_the_last_run_left_a_report(cluster: Cluster) -> None:
    """The report of a run is a page in the store."""
    with cluster.store() as store:
        listed = store.list_objects_v2(Bucket="imdb", Prefix="runs/")
        pages = [each["Key"] for each in listed["Contents"] if each["Key"].endswith(".html")]
        assert pages
        page = store.get_object(Bucket="imdb", Key=pages[-1])["Body"].read().decode()
    assert "<svg" in page
    assert "mart_top_titles" in page
