"""Wrong results are counted by comparing a table with its file."""

from __future__ import annotations

import pytest

from benchmarks.peers.exactness import Wrong, compare
from steps.catalog import BY_NAME

EPISODE = BY_NAME["title.episode"]
PRINCIPALS = BY_NAME["title.principals"]

FILE = [b"tt1\ttt9\t1\t1", b"tt2\ttt9\t1\t2", b"tt3\ttt9\t\\N\t\\N"]


def _copied(*lines: bytes) -> list[bytes]:
    return [line + b"\n" for line in lines]


@pytest.mark.parametrize(
    ("copied", "wrong"),
    [
        pytest.param(_copied(*FILE), (0, 0, 0), id="the file"),
        pytest.param(_copied(*reversed(FILE)), (0, 0, 0), id="in another order"),
        pytest.param(_copied(FILE[0], FILE[2]), (1, 0, 0), id="a row lost"),
        pytest.param(_copied(*FILE, b"tt4\ttt9\t1\t4"), (0, 1, 0), id="a row invented"),
        pytest.param(_copied(*FILE, FILE[0]), (0, 1, 0), id="a row twice"),
        pytest.param(
            _copied(FILE[0], b"tt2\ttt9\t7\t8", FILE[2]), (0, 0, 2), id="two values altered"
        ),
        pytest.param(_copied(FILE[0], b"tt22\ttt9\t1\t2", FILE[2]), (1, 1, 0), id="a key altered"),
        pytest.param([], (3, 0, 0), id="nothing there"),
    ],
)
def test_counts(copied: list[bytes], wrong: tuple[int, int, int]) -> None:
    """Rows are told apart by their key, in whichever order they come."""
    found = compare(EPISODE, FILE, copied)
    assert (found.lost, found.invented, found.altered) == wrong
    assert found.rows == len(FILE)
    assert found.exact == (wrong == (0, 0, 0))


@pytest.mark.parametrize(
    ("field", "copied", "exact"),
    [
        pytest.param(rb"\N", rb"\N", True, id="NULL"),
        pytest.param(rb"\N", rb"\\N", False, id="NULL as text"),
        pytest.param(rb"\N", b"", False, id="NULL as the empty string"),
        pytest.param(b"", b"", True, id="the empty string"),
        pytest.param(b"", rb"\N", False, id="the empty string as NULL"),
        pytest.param(b"a\\b", rb"a\\b", True, id="a backslash"),
        pytest.param(b"a\\b", b"ab", False, id="a backslash lost"),
        pytest.param(b"a\\b", rb"a\b", False, id="a backslash and its letter as one byte"),
        pytest.param(b'"a" b', b'"a" b', True, id="quotes"),
        pytest.param(b'"a" b', b"a b", False, id="quotes lost"),
        pytest.param(b"a\x02b", b"a\x02b", True, id="a control character"),
        pytest.param(b"a\rb", rb"a\rb", True, id="a bare CR"),
        pytest.param(b"a", rb"a\tb\n", False, id="a row run into the next"),
    ],
)
def test_values(field: bytes, copied: bytes, exact: bool) -> None:  # noqa: FBT001 - a case
    """A value is right when its bytes are, and NULL is no text."""
    line, row = (b"tt1\t1\tnm1\tactor\t\\N\t" + value for value in (field, copied))
    assert compare(PRINCIPALS, [line], _copied(row)).exact == exact


def test_example() -> None:
    """The first altered value is shown as it was and as it is."""
    copied = _copied(FILE[0], b"tt2\ttt9\t1\t\\N", FILE[2])
    assert compare(EPISODE, FILE, copied).example == "episode_number: '2' became NULL"


def test_sum() -> None:
    """Several tables are counted together, with the first example that there is."""
    both = Wrong(10, 1, 2, 3, "") + Wrong(20, 4, 5, 6, "this")
    assert both == Wrong(30, 5, 7, 9, "this")
