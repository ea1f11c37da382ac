"""The report's page: HTML from values, everything escaped, no script, nothing loaded."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import singledispatch
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

COLORS = """
:root { color-scheme: light dark; --paper: #f6f5f2; --card: #fff; --ink: #1c2024; --muted: #5d656d;
  --line: #dedcd6; --accent: #1f6f8b; --second: #c2571a; --good: #1d7a46; --bad: #b3261e;
  --warn: #8a5a00; }
@media (prefers-color-scheme: dark) { :root { --paper: #14171a; --card: #1d2125; --ink: #e8e6e1;
  --muted: #a2a9b0; --line: #363c42; --accent: #5fb3cf; --second: #e8935a; --good: #6cc493;
  --bad: #f2897f; --warn: #e2b04a; } }
"""
"""What the variables stand for, by daylight and in the dark."""

_CSS = (
    COLORS
    + """* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, "Segoe UI", "Helvetica Neue", Arial, sans-serif; }
main, header, footer { max-width: 72rem; margin: 0 auto; padding: 0 1.25rem; }
header { padding-top: 2.5rem; }
h1 { font-size: 2rem; line-height: 1.15; margin: 0 0 .4rem; letter-spacing: -.02em; }
h2 { font-size: 1.3rem; margin: 2.75rem 0 .75rem; letter-spacing: -.01em; }
h3 { font-size: 1rem; margin: 0 0 .35rem; }
p { margin: 0 0 .75rem; }
.lead, .note, figcaption { color: var(--muted); }
.note, figcaption { font-size: .875rem; }
a { color: var(--accent); }
nav { display: flex; flex-wrap: wrap; gap: .25rem 1.1rem; margin-top: 1rem; font-size: .9rem; }
.verdict { display: inline-block; padding: .15rem .7rem; border-radius: 1rem; font-weight: 600;
  font-size: .9rem; border: 1px solid currentColor; }
.good { color: var(--good); } .bad { color: var(--bad); } .warn { color: var(--warn); }
.off { color: var(--muted); }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: .75rem;
  margin: 1.5rem 0 0; padding: 0; }
.tiles div, figure, .card { background: var(--card); border: 1px solid var(--line);
  border-radius: .6rem; }
.tiles div { padding: .8rem 1rem; display: flex; flex-direction: column-reverse;
  justify-content: flex-end; }
.tiles dt { color: var(--muted); font-size: .82rem; } .tiles dd { margin: 0; font-size: 1.45rem;
  font-weight: 650; font-variant-numeric: tabular-nums; letter-spacing: -.02em; line-height: 1.2; }
.charts { columns: 2 26rem; column-gap: 1rem; }
figure { margin: 0 0 1rem; padding: 1rem 1.1rem; break-inside: avoid; }
figure svg { width: 100%; height: auto; display: block; margin-top: .6rem; }
figure svg text { font-family: inherit !important; }
.card { padding: 1rem 1.1rem; margin-bottom: 1rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .875rem;
  font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .32rem .9rem .32rem 0; border-bottom: 1px solid var(--line);
  vertical-align: top; overflow-wrap: break-word; }
th { color: var(--muted); font-weight: 600; white-space: nowrap; }
tr:last-child td { border-bottom: 0; }
.number { text-align: right; } .number, time { white-space: nowrap; }
details { margin-top: .6rem; } summary { cursor: pointer; color: var(--muted); font-size: .82rem; }
pre { overflow-x: auto; font-size: .8rem; margin: .5rem 0 0; }
footer { padding: 2.5rem 1.25rem 3rem; color: var(--muted); font-size: .82rem; }
@media print { body { background: none; } nav { display: none; } .charts { columns: 2; } }
"""
)

# What a state looks like: never by colour alone.
_MARKS = {"good": "✓", "bad": "✗", "warn": "!", "off": "—"}

# From these sizes on a number has no decimals, or one.
_WHOLE, _TENTHS = 1000, 100


@dataclass(frozen=True, slots=True)
class Html:
    """Text that is markup already; all else is escaped."""

    text: str


def mark(kind: str, text: str) -> Html:
    """Return a word with its sign and colour; kind is good, bad, warn or off."""
    return Html(f'<span class="{kind}">{_MARKS[kind]} {escape(text)}</span>')


@singledispatch
def value(item: object) -> str:
    """Write a value for people: thousands parted, absent as a dash, lists by commas."""
    return escape(str(item))


@value.register
def _(item: Html) -> str:
    return item.text


@value.register
def _(_item: None) -> str:
    return '<span class="off">—</span>'


@value.register
def _(item: bool) -> str:  # noqa: FBT001
    return "yes" if item else "no"


@value.register
def _(item: int) -> str:
    return f"{item:,}"


@value.register(float)
@value.register(Decimal)
def _(item: float | Decimal) -> str:
    """Write as many decimals as tell something: about four significant digits."""
    size = abs(float(item))
    decimals = 0 if size >= _WHOLE else 1 if size >= _TENTHS else 2 if size >= 1 else 4
    text = f"{item:,.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


@value.register
def _(item: datetime) -> str:
    return f"<time>{item.astimezone(UTC):%Y-%m-%d %H:%M}</time>"


@value.register
def _(item: date) -> str:
    return f"<time>{item.isoformat()}</time>"


@value.register(list)
@value.register(tuple)
def _(item: Sequence[object]) -> str:
    return escape(", ".join(map(str, item)))


@value.register
def _(item: dict) -> str:  # type: ignore[type-arg]  # singledispatch takes plain classes
    return escape(", ".join(f"{name} {each}" for name, each in item.items()))


def table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> Html:
    """Return a table; a column of numbers is flush right."""
    numeric = [
        any(_is_number(row[n]) for row in rows)
        and all(row[n] is None or _is_number(row[n]) for row in rows)
        for n in range(len(columns))
    ]
    classes = [' class="number"' if each else "" for each in numeric]
    head = "".join(
        f'<th scope="col"{css}>{escape(name.replace("_", " "))}</th>'
        for name, css in zip(columns, classes, strict=True)
    )
    writers = [_year if name.endswith("year") else value for name in columns]
    body = "\n".join(
        "<tr>"
        + "".join(
            f"<td{css}>{write(cell)}</td>"
            for cell, css, write in zip(row, classes, writers, strict=True)
        )
        + "</tr>"
        for row in rows
    )
    return Html(
        '<div class="scroll"><table>'
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>"
    )


def _year(item: object) -> str:
    """Write a year: a number without thousands."""
    return value(str(item) if isinstance(item, int) else item)


def _is_number(item: object) -> bool:
    return isinstance(item, int | float | Decimal) and not isinstance(item, bool)


def note(text: str) -> Html:
    """Return a small paragraph."""
    return Html(f'<p class="note">{escape(text)}</p>')


def card(title: str, *parts: Html) -> Html:
    """Return a box with a heading."""
    inside = "\n".join(part.text for part in parts)
    return Html(f'<div class="card"><h3>{escape(title)}</h3>\n{inside}</div>')


def folded(words: str, inside: Html) -> Html:
    """Return something that opens on a click on its words."""
    return Html(f"<details><summary>{escape(words)}</summary>{inside.text}</details>")


def source(text: str) -> Html:
    """Return a query, folded away."""
    return folded("SQL", Html(f"<pre>{escape(text.strip())}</pre>"))


def figure(title: str, caption: str, drawing: Html) -> Html:
    """Return a chart with its heading and caption."""
    return Html(
        f"<figure><h3>{escape(title)}</h3><figcaption>{escape(caption)}</figcaption>"
        f"{drawing.text}</figure>"
    )


def charts(figures: Iterable[Html]) -> Html:
    """Return figures in two columns where there is room."""
    return Html('<div class="charts">\n' + "\n".join(each.text for each in figures) + "\n</div>")


def tiles(figures: Iterable[tuple[str, object]]) -> Html:
    """Return the few figures to see first."""
    inside = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{value(each)}</dd></div>" for name, each in figures
    )
    return Html(f'<dl class="tiles">{inside}</dl>')


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the page with an entry in its contents."""

    key: str
    title: str
    parts: Sequence[Html]


def document(
    title: str, verdict: tuple[str, str], lead: str, top: Html, sections: Sequence[Section]
) -> str:
    """Return the whole page; the verdict is a kind, as of `mark`, and its words."""
    links = "".join(f'<a href="#{each.key}">{escape(each.title)}</a>' for each in sections)
    body = "\n".join(
        f'<section id="{each.key}" aria-labelledby="{each.key}-heading">\n'
        f'<h2 id="{each.key}-heading">{escape(each.title)}</h2>\n'
        + "\n".join(part.text for part in each.parts)
        + "\n</section>"
        for each in sections
    )
    kind, words = verdict
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{escape(title)}</title>
<style>{_CSS}</style>
</head>
<body>
<header>
<h1>{escape(title)}</h1>
<p class="lead">{escape(lead)}</p>
<p><span class="verdict {kind}">{_MARKS[kind]} {escape(words)}</span></p>
{top.text}
<nav aria-label="Contents">{links}</nav>
</header>
<main>
{body}
</main>
<footer>
<p>Information courtesy of IMDb (https://www.imdb.com). Used with permission.
Personal and non-commercial use only.</p>
</footer>
</body>
</html>
"""
