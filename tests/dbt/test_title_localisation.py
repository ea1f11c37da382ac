"""The names of titles elsewhere, kept by what changed of them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.dbt.conftest import Project

_MART = "mart_title_localisation"

# Of tt01 a name is gone, of tt02 the last one; tt03 has one more, tt99 its first.
_DELTA = """
with load as (
    insert into ops.loads
        (dataset, object_key, etag, last_modified, rows, kind, changes_kept, inserted_rows,
        updated_rows, deleted_rows, started_at)
    values ('title.akas', 'key', 'etag', '2026-08-02', 41, 'delta', true, 2, 0, 2, now())
    returning load_id
)
insert into ops.changes_title_akas (load_id, op, title_id, ordering)
select load_id, op, title_id, ordering
from load cross join (
    values
        ('delete', 'tt01', 2), ('delete', 'tt02', 1),
        ('insert', 'tt03', 2), ('insert', 'tt99', 1)
) as changed (op, title_id, ordering);
delete from raw.title_akas where (title_id, ordering) in (('tt01', 2), ('tt02', 1));
insert into raw.title_akas (title_id, ordering, region)
values ('tt03', 2, 'AT'), ('tt99', 1, 'FR');
-- Nobody told of this one, so that only a whole build sees it.
update raw.title_akas set region = 'XX' where title_id = 'tt04';
"""

# Instead of reading ahead, note what was asked for.
_NOTE = """
create table ops.asked (relation text, rows bigint);
grant insert, select on ops.asked to loader, dbt;
create or replace function ops.read_ahead(relation regclass, rows bigint) returns bigint
security definer language sql
as $$ insert into ops.asked values (relation::text, rows) returning rows $$;
"""


def test_only_titles_whose_names_changed_are_built(
    whole_project: Project, load: Callable[..., int]
) -> None:
    """One that lost its last name goes; a full refresh finds what no change set told."""
    project = replace(whole_project, variables={"PGOPTIONS": "-c imdb.models=abc"})
    build = ("run", "--select", "stg_title_akas", _MART)
    load("title.basics", [])
    names = [
        {"title_id": f"tt{number:02}", "ordering": 1, "region": "DE", "language": "de"}
        for number in range(1, 41)
    ]
    second = {"title_id": "tt01", "ordering": 2, "region": "CH", "is_original_title": 1}
    load("title.akas", [*names, second])
    project.dbt(*build)
    rows = (
        f"select tconst, akas, region_list, has_original from marts.{_MART} "  # noqa: S608 - named above
        "where tconst in ('tt01', 'tt02', 'tt03', 'tt04', 'tt99') order by 1"
    )
    assert project.rows(rows)[0] == ("tt01", 2, ["CH", "DE"], True)

    project.execute(_DELTA)
    project.execute(_NOTE)
    said = project.dbt(*build)
    assert f"{_MART}: 4 values of tconst affected" in said
    assert f"{_MART}: 3 rows deleted, 3 inserted" in said
    told = [
        ("tt01", 1, ["DE"], False),
        ("tt03", 2, ["AT", "DE"], False),
        ("tt04", 1, ["DE"], False),
        ("tt99", 1, ["FR"], False),
    ]
    assert project.rows(rows) == told
    assert f"{_MART}: 1 rows deleted, 1 inserted" in project.dbt(*build, "--full-refresh")
    # Not for the whole build, which reads it all in sequence anyway.
    assert project.rows("select * from ops.asked") == [(f"marts.{_MART}", 3)]
    told[2] = ("tt04", 1, ["XX"], False)
    assert project.rows(rows) == told
