"""The report's charts: each one query on the marts and one drawing, as SVG for a web page.

matplotlib is imported when the first chart is drawn: the image of the steps goes without it.
Colours are placeholders that become CSS variables, so that one SVG serves light and dark.
"""

from __future__ import annotations

import html
import io
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Row = tuple[Any, ...]

# matplotlib knows no CSS variable: each of these odd colours stands for one.
INK = "#0a0a01"
MUTED = "#0a0a02"
LINE = "#0a0a03"
ACCENT = "#0a0a04"
SECOND = "#0a0a05"
_VARIABLES = {
    INK: "var(--ink)",
    MUTED: "var(--muted)",
    LINE: "var(--line)",
    ACCENT: "var(--accent)",
    SECOND: "var(--second)",
}

_STYLE: dict[Any, Any] = {
    # Text stays text: it can be searched, read aloud and takes the page's font.
    "svg.fonttype": "none",
    "font.size": 9,
    "text.color": INK,
    "axes.edgecolor": LINE,
    "axes.labelcolor": MUTED,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 9,
    "axes.titlelocation": "left",
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": LINE,
    "grid.linewidth": 0.6,
    "xtick.color": LINE,
    "ytick.color": LINE,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "lines.linewidth": 2,
    "lines.markersize": 5,
    "legend.frameon": False,
}

_WIDTH = 6.4
"""Inches; the page scales a chart to its card."""

_CROWDED = 25
"""Points in a third of that width whose marks would touch."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Drawing:
    """What a picture shows, in words, and how it is drawn from rows."""

    name: str
    title: str
    caption: str
    draw: Callable[[Figure, Sequence[Row]], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Chart(Drawing):
    """A drawing of the report, and the query of its rows."""

    query: str


def svg(chart: Drawing, rows: Sequence[Row]) -> str:
    """Draw a chart as one `<svg>` element; equal rows give equal bytes.

    Its title and description are in it, for who cannot see it.
    """
    import matplotlib as mpl  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415

    with mpl.rc_context({**_STYLE, "svg.hashsalt": chart.name}):
        figure = Figure(layout="constrained")
        figure.patch.set_alpha(0)
        chart.draw(figure, rows)
        for axes in figure.axes:
            axes.patch.set_alpha(0)
        buffer = io.StringIO()
        # No date and no version: they would differ from day to day.
        metadata = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        figure.savefig(buffer, format="svg", metadata=metadata)
    return _for_page(chart, buffer.getvalue())


def _for_page(chart: Drawing, document: str) -> str:
    """Turn matplotlib's SVG document into an element of a page that has other charts too."""
    element = document[document.index("<svg") :]
    element = re.sub(r"\s*<metadata>.*?</metadata>", "", element, flags=re.DOTALL)
    # Ids must be unique within the page, and every drawing has a figure_1.
    element = re.sub(r'\bid="', f'id="{chart.name}-', element)
    element = element.replace('href="#', f'href="#{chart.name}-')
    element = element.replace("url(#", f"url(#{chart.name}-")
    element = re.sub("|".join(_VARIABLES), lambda found: _VARIABLES[found[0]], element)
    box = re.search(r'viewBox="([^"]+)"', element)
    assert box is not None  # noqa: S101
    label = f"{chart.name}-title {chart.name}-text"
    opening = (
        f'<svg viewBox="{box[1]}" role="img" aria-labelledby="{label}" '
        'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">\n'
        f' <title id="{chart.name}-title">{html.escape(chart.title)}</title>\n'
        f' <desc id="{chart.name}-text">{html.escape(chart.caption)}</desc>'
    )
    return opening + element[element.index(">") + 1 :].strip()


def _single(figure: Figure, height: float) -> Axes:
    figure.set_size_inches(_WIDTH, height)
    return figure.add_subplot()


def _percent(axis: Any) -> None:  # noqa: ANN401
    # As many decimals as the ticks need: 20 %, but 2.5 %.
    axis.set_major_formatter(lambda share, _: f"{round(100 * share, 1):g}%")


def _decades(figure: Figure, rows: Sequence[Row]) -> None:
    axes = _single(figure, 3.2)
    positions = range(len(rows))
    for index, (color, label) in enumerate(((ACCENT, "per title"), (SECOND, "per vote")), 1):
        values = [float(row[index]) for row in rows]
        axes.plot(positions, values, color=color, marker="o", label=label)
        axes.annotate(
            f"{label} {values[-1]:.1f}",
            (len(rows) - 1, values[-1]),
            xytext=(8, 0),
            textcoords="offset points",
            va="center",
            color=color,
        )
    axes.set_xticks(positions, [f"{row[0]}\n{row[3]:,}" for row in rows])
    axes.set_xlim(-0.3, len(rows) - 0.1)
    axes.grid(visible=False, axis="x")
    axes.set_ylabel("mean rating")


def _shares(figure: Figure, rows: Sequence[Row]) -> None:
    axes = _single(figure, 0.8 + 0.2 * len(rows))
    positions = range(len(rows))
    titles = [float(row[1]) for row in rows]
    votes = [float(row[2] or 0) for row in rows]
    axes.hlines(positions, titles, votes, color=LINE, linewidth=2)
    axes.plot(titles, positions, "o", color=ACCENT, label="share of titles")
    axes.plot(votes, positions, "o", color=SECOND, label="share of votes")
    axes.set_yticks(positions, [row[0] for row in rows])
    axes.invert_yaxis()
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlim(left=0)
    axes.grid(visible=False, axis="y")
    _percent(axes.xaxis)
    axes.legend(loc="lower right", labelcolor=INK)


def _production(figure: Figure, rows: Sequence[Row]) -> None:
    axes = _single(figure, 0.8 + 0.2 * len(rows))
    positions = range(len(rows))
    changes = [float(row[1]) / float(row[2]) - 1 for row in rows]
    colors = [ACCENT if change >= 0 else SECOND for change in changes]
    axes.barh(positions, changes, color=colors, height=0.7)
    axes.axvline(0, color=MUTED, linewidth=0.8)
    axes.set_yticks(positions, [row[0] for row in rows])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.grid(visible=False, axis="y")
    _percent(axes.xaxis)


def _genre_decades(figure: Figure, rows: Sequence[Row]) -> None:
    labels = ["1950s", "60s", "70s", "80s", "90s", "2000s", "10s", "20s"]
    _panels(
        figure,
        [(row[0], list(range(8)), [float(value or 0) for value in row[1:9]]) for row in rows],
        columns=4,
        fill=True,
    )
    for axes in figure.axes:
        axes.set_xticks([0, 4, 7], [labels[0], labels[4], labels[7]])
        axes.set_ylim(bottom=0)
        _percent(axes.yaxis)


def _panels(
    figure: Figure,
    series: Sequence[tuple[str, Sequence[float], Sequence[float]]],
    *,
    columns: int,
    fill: bool = False,
) -> None:
    """Draw small multiples: one line a panel, all on the same scale."""
    lines = -(-len(series) // columns)
    figure.set_size_inches(_WIDTH, 0.4 + 1.35 * lines)
    first: Axes | None = None
    for number, (title, x, y) in enumerate(series, 1):
        axes = figure.add_subplot(lines, columns, number, sharey=first)
        first = first or axes
        axes.plot(x, y, color=ACCENT, marker=_marker(x, fill=fill), markersize=3)
        if fill:
            axes.fill_between(x, y, color=ACCENT, alpha=0.2, linewidth=0)
        axes.set_title(_shorten(title, 72 // columns))
        if (number - 1) % columns:
            axes.tick_params(labelleft=False)


def _marker(points: Sequence[float], *, fill: bool) -> str:
    """Mark the points of a line while they stand apart."""
    return "" if fill or len(points) > _CROWDED else "o"


def _shorten(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


def _votes(figure: Figure, rows: Sequence[Row]) -> None:
    from matplotlib.patches import Rectangle  # noqa: PLC0415

    axes = _single(figure, 3.4)
    largest = max(row[2] for row in rows)
    for votes, rating, titles in rows:
        # By the square root: the thin edges are what one looks for.
        axes.add_patch(
            Rectangle(
                (votes / 3, rating / 2),
                1 / 3,
                1 / 2,
                facecolor=ACCENT,
                alpha=0.06 + 0.94 * (titles / largest) ** 0.5,
                linewidth=0,
            )
        )
    powers = range(1, 8)
    ticks = ["10", "100", "1,000", "10,000", "100,000", "1 m", "10 m"]
    axes.set_xticks(powers, ticks)
    axes.set_xlim(min(row[0] for row in rows) / 3, max(row[0] + 1 for row in rows) / 3)
    axes.set_ylim(1, 10.5)
    axes.set_xlabel("votes")
    axes.set_ylabel("rating")


def _seasons(figure: Figure, rows: Sequence[Row]) -> None:
    found: dict[str, tuple[str, list[float], list[float]]] = {}
    for key, title, season, rating in rows:
        _, seasons, ratings = found.setdefault(key, (title, [], []))
        seasons.append(season)
        ratings.append(float(rating))
    _panels(figure, list(found.values()), columns=3)
    for axes in figure.axes:
        axes.locator_params(axis="x", integer=True, nbins=5)


def _careers(figure: Figure, rows: Sequence[Row]) -> None:
    axes = _single(figure, 0.7 + 0.26 * len(rows))
    positions = range(len(rows))
    bars = axes.barh(positions, [row[1] for row in rows], color=ACCENT, height=0.7)
    labels = [
        f"{row[1]:,}" + ("" if row[2] is None else f" · mean {float(row[2]):.1f}") for row in rows
    ]
    axes.bar_label(bars, labels, padding=4, color=MUTED)
    axes.set_yticks(positions, [row[0] for row in rows])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlim(0, 1.25 * max(row[1] for row in rows))
    axes.grid(visible=False)
    axes.spines["bottom"].set_visible(False)
    axes.set_xticks([])


_GENRE_DECADES = ", ".join(
    f"titles_{decade}s::numeric / nullif(sum(titles_{decade}s) over (), 0)"
    for decade in range(1950, 2030, 10)
)

CHARTS: tuple[Chart, ...] = (
    Chart(
        name="decades",
        title="Ratings by decade",
        caption=(
            "Mean rating of titles with 50 votes or more, by decade of release: each title "
            "counted once, and each vote counted once. Below the decade, its titles; decades "
            "of fewer than 25 are left out."
        ),
        query="""
            select decade, avg(average_rating),
                sum(average_rating * num_votes) / sum(num_votes), count(*)
            from mart_top_titles where decade <> 'Unknown'
            group by decade having count(*) >= 25 order by min(start_year)
        """,
        draw=_decades,
    ),
    Chart(
        name="votes",
        title="Where the votes are",
        caption=(
            "Titles with 50 votes or more, by votes and rating; the stronger the colour, the "
            "more titles."
        ),
        query="""
            select floor(log(num_votes) * 3)::integer, floor(average_rating * 2)::integer, count(*)
            from mart_top_titles group by 1, 2 order by 1, 2
        """,
        draw=_votes,
    ),
    Chart(
        name="genres",
        title="Genres through time",
        caption="The eight largest genres' shares of the genre tags of each decade since 1950.",
        query=f"""
            select genre, {_GENRE_DECADES} from mart_genre_analytics
            order by market_share desc, genre limit 8
        """,  # noqa: S608
        draw=_genre_decades,
    ),
    Chart(
        name="seasons",
        title="Series by season",
        caption=(
            "Mean rating of the episodes of each season, for the six series of three rated "
            "seasons or more with the most votes on their episodes."
        ),
        query="""
            select series_tconst, series_title, season_number, seasons.avg_rating
            from mart_series_seasons as seasons
            join (
                select series_tconst, series_title, total_series_votes
                from mart_series_analytics where rated_seasons > 2
                order by total_series_votes desc, series_tconst limit 6
            ) as series using (series_tconst)
            where seasons.avg_rating is not null
            order by total_series_votes desc, series_tconst, season_number
        """,
        draw=_seasons,
    ),
    Chart(
        name="careers",
        title="What people mostly do",
        caption=(
            "People with three titles or more by the role most of their titles name, and the "
            "mean rating of their work."
        ),
        query="""
            select dominant_role, count(*), avg(avg_project_rating)
            from mart_person_career group by 1 order by 2 desc, 1
        """,
        draw=_careers,
    ),
    Chart(
        name="shares",
        title="Genres: what is made, what is voted for",
        caption=(
            "Each genre's share of all genre tags of titles since 1950, and its share of the votes."
        ),
        query="""
            select genre, market_share, vote_share from mart_genre_analytics
            order by market_share desc, genre
        """,
        draw=_shares,
    ),
    Chart(
        name="production",
        title="Genres: output of the 2020s against the 2010s",
        caption="Change of the titles per complete year from the 2010s to the 2020s, by genre.",
        query="""
            select genre, titles_per_year_2020s, titles_per_year_2010s from mart_genre_analytics
            where titles_per_year_2010s > 0 and titles_per_year_2020s is not null
            order by titles_per_year_2020s / titles_per_year_2010s desc, genre
        """,
        draw=_production,
    ),
)
"""In the order of the report. Queries run with search_path marts."""
