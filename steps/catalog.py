"""The seven datasets of IMDb: the only list of them in the project.

Source: https://developer.imdb.com/non-commercial-datasets/ for names, columns and meanings.
DDL, COPY, the header check, the synthetic source and the dbt sources derive from this
module or are tested against it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import Enum

NULL = r"\N"
"""How the files write an absent value. The empty string is a value of its own."""


class ColumnType(Enum):
    """A column's SQL type, chosen so that Postgres writes back the very text of the file."""

    TEXT = "text"
    INTEGER = "integer"
    SMALLINT = "smallint"
    RATING = "numeric(3,1)"

    @property
    def canonical(self) -> str | None:
        """Regular expression of the only spelling that Postgres gives back, None for text."""
        match self:
            case ColumnType.TEXT:
                return None
            case ColumnType.RATING:
                return r"(?:0|[1-9][0-9]?+)\.[0-9]|-(?:[1-9][0-9]?+\.[0-9]|0\.[1-9])"
            case _:
                # The most frequent first: each alternative tried costs time on every row.
                return r"[1-9][0-9]*+|0|-[1-9][0-9]*+"


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name in the file's header, its type and its meaning."""

    header: str
    type: ColumnType
    description: str

    @property
    def name(self) -> str:
        """The SQL name: the header's in snake_case."""
        return "".join(f"_{c.lower()}" if c.isupper() else c for c in self.header)


@dataclass(frozen=True, slots=True)
class Dataset:
    """One file of IMDb and the raw table that holds it.

    `key` names the columns (SQL names) that identify a row; the file is sorted by them,
    text in C order and integers as numbers. `indexes` are the secondary ones. The first
    column of the key is the one by which the raw table is partitioned. Of an `entity` (a
    title, a person) other datasets speak, so that a load counts which ones vanished.
    Of `tracked` columns a change set keeps the old value beside the new one: those that refer
    to other rows, and those from which models derive something about them. Pages are filled to
    `fillfactor` percent, so that the new version of a row that a day changes finds room beside
    the old one, and Postgres leaves the indexes alone. Seen with title.principals, of which a day
    changes 0.3 %: the update takes half the time that it takes with full pages.
    """

    name: str
    description: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    indexes: tuple[tuple[str, ...], ...] = ()
    entity: bool = False
    tracked: tuple[str, ...] = ()
    fillfactor: int = 96

    @property
    def table(self) -> str:
        """The table's name inside schema raw."""
        return self.name.replace(".", "_")

    @property
    def file(self) -> str:
        """The file's name at the source."""
        return f"{self.name}.tsv.gz"

    @property
    def changes_table(self) -> str:
        """Name of the table of its change sets, in the schema ops."""
        return f"changes_{self.table}"

    @property
    def header(self) -> bytes:
        """The file's first line without its end."""
        return "\t".join(column.header for column in self.columns).encode()

    @property
    def fingerprint(self) -> str:
        """Another one for whatever makes a raw table another: columns, types, key, indexes."""
        columns = [(column.header, column.type.value) for column in self.columns]
        shape = repr((columns, self.key, self.indexes))
        return hashlib.sha256(shape.encode()).hexdigest()[:16]


def _text(header: str, description: str) -> Column:
    return Column(header, ColumnType.TEXT, description)


def _integer(header: str, description: str) -> Column:
    return Column(header, ColumnType.INTEGER, description)


def _flag(header: str, description: str) -> Column:
    return Column(header, ColumnType.SMALLINT, description)


DATASETS: tuple[Dataset, ...] = (
    Dataset(
        name="title.basics",
        description="What a title is: its type, names, years, length and genres.",
        columns=(
            _text("tconst", "Identifier of the title: tt and seven or more digits."),
            _text("titleType", "Kind of title, such as movie, short, tvSeries or tvEpisode."),
            _text("primaryTitle", "Title in most use, as on promotional material."),
            _text("originalTitle", "Title in the original language."),
            _flag("isAdult", "1 for an adult title, else 0."),
            _integer("startYear", "Year of release; of a series, the year it began."),
            _integer("endYear", "Year in which a series ended; absent for all else."),
            _integer("runtimeMinutes", "Length in minutes."),
            _text("genres", "Up to three genres in alphabetical order, parted by commas."),
        ),
        key=("tconst",),
        entity=True,
        tracked=("title_type", "is_adult", "start_year", "end_year", "runtime_minutes", "genres"),
    ),
    Dataset(
        name="title.ratings",
        description="Mean rating and number of votes of a title with at least five votes.",
        columns=(
            _text("tconst", "Identifier of the title."),
            Column("averageRating", ColumnType.RATING, "Weighted mean of the votes, 1.0 to 10.0."),
            _integer("numVotes", "Number of votes, five at least."),
        ),
        key=("tconst",),
        tracked=("average_rating", "num_votes"),
        # A day changes the votes of a tenth to a fifth of all titles. Seen with a fifth a day:
        # heap and index stay at 1.01 and 1.00 times a fresh load's, with full pages at 1.22 and
        # 1.83.
        fillfactor=80,
    ),
    Dataset(
        name="name.basics",
        description="Who a person is: name, years, professions and best known titles.",
        columns=(
            _text("nconst", "Identifier of the person: nm and seven or more digits."),
            _text("primaryName", "Name by which the person is most often credited."),
            _integer("birthYear", "Year of birth."),
            _integer("deathYear", "Year of death."),
            _text("primaryProfession", "Up to three professions, parted by commas."),
            _text("knownForTitles", "Up to four titles (tconst), parted by commas."),
        ),
        key=("nconst",),
        entity=True,
        tracked=("primary_name", "birth_year", "death_year"),
    ),
    Dataset(
        name="title.crew",
        description="Directors and writers of a title.",
        columns=(
            _text("tconst", "Identifier of the title."),
            _text("directors", "Directors (nconst), parted by commas."),
            _text("writers", "Writers (nconst), parted by commas."),
        ),
        key=("tconst",),
        tracked=("directors", "writers"),
    ),
    Dataset(
        name="title.episode",
        description="Which series an episode belongs to, and where in it.",
        columns=(
            _text("tconst", "Identifier of the episode."),
            _text("parentTconst", "Identifier of the series."),
            _integer("seasonNumber", "Number of the season."),
            _integer("episodeNumber", "Number of the episode in its season."),
        ),
        key=("tconst",),
        indexes=(("parent_tconst",),),
        tracked=("parent_tconst", "season_number", "episode_number"),
    ),
    Dataset(
        name="title.akas",
        description="Names of a title by region and language.",
        columns=(
            _text("titleId", "Identifier of the title (tconst)."),
            _integer("ordering", "Number that identifies the row within its title."),
            _text("title", "The localised title."),
            _text("region", "Region of this title."),
            _text("language", "Language of this title."),
            _text("types", r"Kinds of alternative title, such as dvd or working, parted by \x02."),
            _text("attributes", r"Further terms that describe this title, parted by \x02."),
            _flag("isOriginalTitle", "1 for the original title, else 0."),
        ),
        key=("title_id", "ordering"),
    ),
    Dataset(
        name="title.principals",
        description="The principal cast and crew of a title.",
        columns=(
            _text("tconst", "Identifier of the title."),
            _integer("ordering", "Number that identifies the row within its title."),
            _text("nconst", "Identifier of the person."),
            _text("category", "Category of the job, such as actor or director."),
            _text("job", "The job, if it says more than the category."),
            _text("characters", "Names of the characters played, as a JSON array of strings."),
        ),
        key=("tconst", "ordering"),
        indexes=(("nconst", "tconst"),),
        tracked=("nconst", "category"),
    ),
)

BY_NAME = {dataset.name: dataset for dataset in DATASETS}
