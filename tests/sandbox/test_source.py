"""The synthetic IMDb: the files of a day."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from collections import Counter, defaultdict
from functools import cache
from itertools import combinations
from typing import TYPE_CHECKING

import pytest

from sandbox.source import cached, generate, published
from steps import catalog

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SCALE = 0.001
NULL = rb"\N"

Row = tuple[bytes, ...]


class Day:
    """The files of one day, read when asked for."""

    def __init__(self, paths: dict[str, Path]) -> None:
        """Keep where the files are."""
        self.paths = paths
        self.text = cache(self._text)
        self.rows = cache(self._rows)

    def _text(self, name: str) -> bytes:
        return gzip.decompress(self.paths[name].read_bytes())

    def _rows(self, name: str) -> list[Row]:
        return [tuple(line.split(b"\t")) for line in self.text(name).split(b"\n")[1:-1]]

    def column(self, name: str, column: str) -> list[bytes]:
        """All values of a column, by its SQL name."""
        at = [one.name for one in catalog.BY_NAME[name].columns].index(column)
        return [row[at] for row in self.rows(name)]

    def by_key(self, name: str) -> dict[Row, Row]:
        """Rows by key; the key's columns are a dataset's first."""
        width = len(catalog.BY_NAME[name].key)
        return {row[:width]: row for row in self.rows(name)}


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Day:
    """Make day 0."""
    return Day(generate(tmp_path_factory.mktemp("day0"), scale=SCALE))


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Day:
    """Make day 0 with hostile rows."""
    return Day(generate(tmp_path_factory.mktemp("hostile"), scale=SCALE, hostile=True))


@pytest.fixture(scope="module")
def days(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Day]:
    """Give any day, made once."""
    return cache(
        lambda day: Day(generate(tmp_path_factory.mktemp(f"day{day}"), scale=SCALE, day=day))
    )


@pytest.fixture(params=catalog.BY_NAME)
def name(request: pytest.FixtureRequest) -> str:
    """Name of each dataset in turn."""
    return str(request.param)


def _digests(paths: dict[str, Path]) -> dict[str, str]:
    return {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in paths.items()}


def test_same_bytes(
    tmp_path: Path,
) -> None:
    """The same arguments give the same bytes, from one process and from several."""
    names = ["title.ratings", "name.basics", "title.basics"]
    together = generate(tmp_path / "several", scale=0.002, day=3, datasets=names)
    alone = {
        name: generate(tmp_path / "one", scale=0.002, day=3, datasets=[name])[name]
        for name in names
    }
    assert _digests(together) == _digests(alone)


@pytest.mark.parametrize("change", [{"seed": 2}, {"day": 1}, {"scale": 0.0011}, {"hostile": True}])
def test_arguments_matter(first: Day, tmp_path: Path, change: dict[str, int]) -> None:
    """Every argument changes the titles."""
    arguments = {"scale": SCALE, "datasets": ["title.basics"]} | change
    other = Day(generate(tmp_path, **arguments))  # type: ignore[arg-type]
    assert other.text("title.basics") != first.text("title.basics")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"scale": 0.00001}, "scale"),
        ({"scale": 1.5}, "scale"),
        ({"scale": SCALE, "day": -1}, "day"),
        ({"scale": SCALE, "day": 366}, "day"),
        ({"scale": SCALE, "datasets": ["title.basic"]}, "title.basic"),
    ],
)
def test_bad_arguments(tmp_path: Path, arguments: dict[str, float], message: str) -> None:
    """An argument out of range is refused by name, and nothing is written."""
    with pytest.raises(ValueError, match=message):
        generate(tmp_path, **arguments)  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())


def test_smallest_scale(tmp_path: Path) -> None:
    """The smallest scale has rows in all files, and identifiers of both lengths."""
    smallest = Day(generate(tmp_path, scale=0.0001))
    for dataset in catalog.DATASETS:
        assert smallest.rows(dataset.name)
    lengths = {len(tconst) for tconst in smallest.column("title.basics", "tconst")}
    assert lengths == {9, 10}


def test_stamps(first: Day, name: str) -> None:
    """A file carries the day's date outside and none inside."""
    raw = first.paths[name].read_bytes()
    assert raw[4:8] == bytes(4)  # the header's time of modification
    assert first.paths[name].stat().st_mtime == published(name, 0).timestamp()
    assert first.paths[name].name == catalog.BY_NAME[name].file


@pytest.mark.parametrize("day", ["first", "hostile"])
def test_spelling(request: pytest.FixtureRequest, day: str, name: str) -> None:
    """A file is the catalogue's header and rows, numbers in the spelling Postgres gives back."""
    files: Day = request.getfixturevalue(day)
    dataset = catalog.BY_NAME[name]
    text = files.text(name)
    assert text.startswith(dataset.header + b"\n")
    assert text.endswith(b"\n")
    text.decode()
    assert b"\0" not in text
    assert {len(row) for row in files.rows(name)} == {len(dataset.columns)}
    for column in dataset.columns:
        if column.type.canonical:
            spelling = re.compile(column.type.canonical.encode())
            values = set(files.column(name, column.name)) - {NULL}
            assert [value for value in values if not spelling.fullmatch(value)] == []


@pytest.mark.parametrize("day", [0, 1, 60])
def test_order(days: Callable[[int], Day], name: str, day: int) -> None:
    """Files are sorted by key: identifiers in C order, orderings as numbers; no key is twice."""
    rows = days(day).rows(name)
    keys = [(row[0], int(row[1]) if name in _ORDERED else 0) for row in rows]
    assert keys == sorted(set(keys))


_ORDERED = {dataset.name for dataset in catalog.DATASETS if len(dataset.key) > 1}


def test_row_counts(first: Day) -> None:
    """Row counts are those of IMDb times the scale."""
    millions = {
        "title.basics": 12.8,
        "title.ratings": 1.71,
        "name.basics": 15.6,
        "title.crew": 12.3,
        "title.episode": 9.9,
        "title.akas": 59,
        "title.principals": 101,
    }
    counts = {name: len(first.rows(name)) / SCALE / 1e6 for name in millions}
    # A few series more or less decide how many episodes are rated at so small a scale.
    assert counts.pop("title.ratings") == pytest.approx(millions.pop("title.ratings"), rel=0.5)
    assert counts == pytest.approx(millions, rel=0.1)


def _lists(values: list[bytes]) -> list[list[bytes]]:
    return [value.split(b",") for value in values if value != NULL]


TRAPS: dict[str, Callable[[Day], object]] = {
    "ids of seven and of eight digits, out of order as numbers": lambda day: (
        {len(tconst) for tconst in day.column("title.basics", "tconst")} == {9, 10}
        and {len(nconst) for nconst in day.column("name.basics", "nconst")} == {9, 10}
    ),
    "orderings of two digits": lambda day: (
        b"10" in day.column("title.principals", "ordering")
        and b"10" in day.column("title.akas", "ordering")
    ),
    "quotes inside titles": lambda day: any(b'"' in t for t in day.column("title.akas", "title")),
    "titles that begin with a quote": lambda day: any(
        t.startswith(b'"') for t in day.column("title.akas", "title")
    ),
    "jobs that begin with a quoted name and a comma": lambda day: (
        b'"Picturized By", i.e., screenplay' in day.column("title.principals", "job")
    ),
    "escaped quotes in characters": lambda day: any(
        rb"\"" in c for c in day.column("title.principals", "characters")
    ),
    "escaped backslashes in characters": lambda day: any(
        rb"\\" in c for c in day.column("title.principals", "characters")
    ),
    "two types in one": lambda day: any(b"\2" in t for t in day.column("title.akas", "types")),
    "a crew line of 6,000 bytes": lambda day: any(
        6_000 < len(line) < 6_400 for line in day.text("title.crew").split(b"\n")
    ),
    "a title of 831 characters": lambda day: (
        max(len(t.decode()) for t in day.column("title.akas", "title")) == 831
    ),
    "people credited but without a row": lambda day: (
        set(day.column("title.principals", "nconst")) - set(day.column("name.basics", "nconst"))
    ),
    "series without a row": lambda day: (
        set(day.column("title.episode", "parent_tconst"))
        - set(day.column("title.basics", "tconst"))
    ),
    "ratings without a title": lambda day: (
        set(day.column("title.ratings", "tconst")) - set(day.column("title.basics", "tconst"))
    ),
    "names of titles without a title": lambda day: (
        set(day.column("title.akas", "title_id")) - set(day.column("title.basics", "tconst"))
    ),
    "'' beside NULL": lambda day: (
        {b"", NULL} <= set(day.column("name.basics", "primary_profession"))
    ),
    "Episode #1.1 the most common title": lambda day: (
        Counter(day.column("title.basics", "primary_title")).most_common(1)[0][0] == b"Episode #1.1"
    ),
    "people without a name": lambda day: NULL in day.column("name.basics", "primary_name"),
    "a birth in 1564": lambda day: b"1564" in day.column("name.basics", "birth_year"),
    "announced titles": lambda day: any(
        int(year) > 2027 for year in day.column("title.basics", "start_year") if year != NULL
    ),
    "letters beyond ASCII": lambda day: any(
        not n.isascii() for n in day.column("name.basics", "primary_name")
    ),
    "all types": lambda day: len(set(day.column("title.basics", "title_type"))) == 11,
    "all categories": lambda day: len(set(day.column("title.principals", "category"))) == 13,
    "a person in several categories of a title": lambda day: any(
        len(categories) > 1 for categories in _categories(day).values()
    ),
    "a person twice in one crew list": lambda day: any(
        len(set(people)) < len(people) for people in _lists(day.column("title.crew", "directors"))
    ),
    "a film of 100,000 votes": lambda day: any(
        int(votes) > 100_000 for votes in day.column("title.ratings", "num_votes")
    ),
    "series with six rated episodes": lambda day: any(
        count >= 6 for count in _rated_episodes(day).values()
    ),
    "people with a hundred credits": lambda day: (
        Counter(day.column("title.principals", "nconst")).most_common(1)[0][1] > 100
    ),
    "a title on the way to the longest list": lambda day: (
        40 <= max(map(int, day.column("title.principals", "ordering"))) <= 75
    ),
    "adult titles": lambda day: b"1" in day.column("title.basics", "is_adult"),
}


def _categories(day: Day) -> dict[tuple[bytes, bytes], set[bytes]]:
    found = defaultdict(set)
    for tconst, _, nconst, category, *_ in day.rows("title.principals"):
        found[tconst, nconst].add(category)
    return found


def _rated_episodes(day: Day) -> Counter[bytes]:
    rated = set(day.column("title.ratings", "tconst"))
    return Counter(row[1] for row in day.rows("title.episode") if row[0] in rated)


@pytest.mark.parametrize("trap", TRAPS)
def test_traps(first: Day, trap: str) -> None:
    """Every trap of the real files is there at a thousandth of their size."""
    assert TRAPS[trap](first)


@pytest.mark.parametrize(
    "text",
    ["\b", "bare\rreturn", "\\.", "\\Nx", "\\", "\v", "\u2028", "\u0085", "\U0001f3ac", '"', ""],
)
def test_hostile_rows(hostile: Day, text: str) -> None:
    """Hostile rows put into every column of free text what some parser stumbles over."""
    columns = [
        ("title.basics", "primary_title"),
        ("title.akas", "title"),
        ("title.akas", "attributes"),
        ("name.basics", "primary_name"),
        ("title.principals", "job"),
        ("title.principals", "characters"),
    ]
    for name, column in columns:
        assert any(text.encode() in value for value in hostile.column(name, column))
    ends = [line[-1:] for line in hostile.text("title.principals").split(b"\n")]
    assert {b"\r", b"\\"} <= set(ends)


def test_ordinary_rows(first: Day, name: str) -> None:
    """Ordinary rows have no control character but the separator of types."""
    found = set(re.findall(rb"[\x00-\x08\x0b-\x1f\x7f]", first.text(name)))
    assert found <= {b"\x02"}


def test_characters(first: Day) -> None:
    """Characters are arrays of strings in JSON."""
    for text in set(first.column("title.principals", "characters")) - {NULL}:
        names = json.loads(text)
        assert names
        assert all(isinstance(one, str) for one in names)


def test_genres(first: Day) -> None:
    """Genres are at most three, in alphabetical order."""
    lists = _lists(first.column("title.basics", "genres"))
    assert len({genre for genres in lists for genre in genres}) > 20
    assert all(genres == sorted(set(genres)) and len(genres) <= 3 for genres in lists)


def test_references(first: Day) -> None:
    """What refers to a row finds it, but for a few orphans; parents are series."""
    titles = {row[0]: row[1] for row in first.rows("title.basics")}
    people = set(first.column("name.basics", "nconst"))
    known_for = _lists(first.column("name.basics", "known_for_titles"))
    references = {
        "known for": [tconst for known in known_for for tconst in known],
        "episodes": first.column("title.episode", "tconst"),
        "parents": first.column("title.episode", "parent_tconst"),
        "ratings": first.column("title.ratings", "tconst"),
        "crew": first.column("title.crew", "tconst"),
        "principals": first.column("title.principals", "tconst"),
    }
    for what, ids in references.items():
        missing = sum(tconst not in titles for tconst in ids)
        assert missing < 0.012 * len(ids), what
    credited = first.column("title.principals", "nconst")
    assert sum(nconst not in people for nconst in credited) < 0.005 * len(credited)
    episodes = {titles.get(tconst, b"tvEpisode") for tconst in references["episodes"]}
    assert episodes == {b"tvEpisode"}
    parents = {titles.get(tconst, b"tvSeries") for tconst in references["parents"]}
    assert parents == {b"tvSeries", b"tvMiniSeries"}


def test_directors(first: Day) -> None:
    """Directors among the principals are those of the crew."""
    crew = {row[0]: set(row[1].split(b",")) for row in first.rows("title.crew")}
    principals = [row for row in first.rows("title.principals") if row[3] == b"director"]
    assert len(principals) > 1000
    assert all(row[2] in crew[row[0]] for row in principals if row[0] in crew)


def test_careers(first: Day) -> None:
    """A person's works lie within the years of one career."""
    years = {row[0]: int(row[5]) for row in first.rows("title.basics") if row[5] != NULL}
    works = defaultdict(list)
    for row in first.rows("title.principals"):
        if row[0] in years and years[row[0]] <= 2026:
            works[row[2]].append(years[row[0]])
    spans = sorted(max(made) - min(made) for made in works.values() if len(made) >= 5)
    assert spans[len(spans) // 2] < 30
    assert spans[-1] <= 90


def test_collaborations(first: Day) -> None:
    """Companies work with the same people again, also on titles of many votes."""
    voted = {row[0] for row in first.rows("title.ratings") if int(row[2]) >= 100}
    films = {row[0] for row in first.rows("title.basics") if row[1] != b"tvEpisode"} & voted
    people = defaultdict(set)
    for row in first.rows("title.principals"):
        if row[0] in films and not row[3].startswith(b"archive"):
            people[row[0]].add(row[2])
    pairs = Counter(pair for them in people.values() for pair in combinations(sorted(them), 2))
    assert sum(shared >= 3 for shared in pairs.values()) > 20


def _changed(before: dict[Row, Row], after: dict[Row, Row]) -> int:
    return sum(before.get(key) != after.get(key) for key in before.keys() | after.keys())


@pytest.mark.parametrize("day", [0, 59])
def test_changes(days: Callable[[int], Day], day: int) -> None:
    """About half a percent of all rows changes in a day, early and late."""
    before, after = days(day), days(day + 1)
    changed = sum(_changed(before.by_key(n), after.by_key(n)) for n in catalog.BY_NAME)
    rows = sum(len(before.rows(n)) for n in catalog.BY_NAME)
    assert 0.003 < changed / rows < 0.008


def test_votes(days: Callable[[int], Day]) -> None:
    """Votes of titles with more than a thousand rise daily, those of few small ones do."""
    before, after = days(0).by_key("title.ratings"), days(1).by_key("title.ratings")
    both = [(int(row[2]), int(after[key][2])) for key, row in before.items() if key in after]
    known = [new > old for old, new in both if old > 1_000]
    assert len(known) > 20
    assert all(known)
    unknown = [new > old for old, new in both if old < 100]
    assert 0 < sum(unknown) < 0.05 * len(unknown)
    assert all(new >= old for old, new in both)


def test_growth(days: Callable[[int], Day]) -> None:
    """Titles, credits and names grow by as much a day as IMDb's."""
    # A day's growth at this scale is lost among titles that vanish and return.
    grown = {n: len(days(60).rows(n)) - len(days(0).rows(n)) for n in catalog.BY_NAME}
    assert grown["title.basics"] == pytest.approx(60 * 2.4, rel=0.5)
    assert grown["title.principals"] == pytest.approx(60 * 19.5, rel=0.6)
    assert grown["title.akas"] == pytest.approx(60 * 9, rel=0.6)
    assert grown["title.episode"] == pytest.approx(60 * 1.2, rel=0.9)
    assert grown["title.ratings"] == pytest.approx(60 * 0.24, abs=20)


def test_new_rows(days: Callable[[int], Day]) -> None:
    """New titles stand in the middle of the file, not at its end."""
    old = days(0).column("title.basics", "tconst")
    new = set(days(60).column("title.basics", "tconst")) - set(old)
    assert any(old[0] < tconst < old[-1] for tconst in new)


def test_joins_change(days: Callable[[int], Day]) -> None:
    """A credit changes its person and an episode its parent."""
    for name, column in (("title.principals", 2), ("title.episode", 1)):
        before, after = days(0).by_key(name), days(1).by_key(name)
        both = before.keys() & after.keys()
        assert any(before[key][column] != after[key][column] for key in both)


def test_vanishing(
    tmp_path: Path,
) -> None:
    """Titles vanish for one to five days and return; some rows of theirs stay behind."""
    orphans = 0
    present: list[set[bytes]] = []
    for day in range(18):
        names = ["title.basics", "title.crew"]
        files = Day(generate(tmp_path, scale=SCALE, day=day, datasets=names))
        present.append(set(files.column("title.basics", "tconst")))
        gone = (present[0] - present[-1]) & set(files.column("title.crew", "tconst"))
        orphans += len(gone)
    vanished = {
        tconst for day in range(1, 17) for tconst in (present[0] & present[17]) - present[day]
    }
    away = [sum(tconst not in titles for titles in present) for tconst in vanished]
    assert len(away) >= 5
    assert max(away) <= 5
    assert max(away) > 1
    assert orphans


def test_cache(tmp_path: Path) -> None:
    """A day is made once, and what a crash left is not taken for it."""
    made = cached(tmp_path, scale=0.0001)
    stamp = (made / "title.basics.tsv.gz").stat().st_ino
    assert cached(tmp_path, scale=0.0001) == made
    assert (made / "title.basics.tsv.gz").stat().st_ino == stamp
    other = cached(tmp_path, scale=0.0001, day=1)
    assert other != made
    crashed = other.with_name(f".{other.name}.partial")
    other.rename(crashed)
    (crashed / "title.basics.tsv.gz").write_bytes(b"half")
    again = cached(tmp_path, scale=0.0001, day=1)
    assert gzip.decompress((again / "title.basics.tsv.gz").read_bytes())
    assert not crashed.exists()
