"""Gzip as it comes: any number of members, cut anywhere, is its text or an error."""

from __future__ import annotations

import gzip
import struct
import zlib
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steps import inflate
from steps.errors import DataError
from steps.inflate import Inflater, TruncatedError

_TEXTS = st.lists(
    st.binary(max_size=300) | st.binary(max_size=20).map(lambda b: b * 500), max_size=4
)


def _inflate(pieces: list[bytes]) -> bytes:
    inflater = Inflater("a file")
    text = b"".join(text for piece in pieces for text in inflater.feed(piece))
    inflater.finish()
    return text


def _member(text: bytes) -> bytes:
    return gzip.compress(text, 1, mtime=0)


def _cut(content: bytes, places: list[int]) -> list[bytes]:
    ends = sorted({0, len(content), *(place % (len(content) + 1) for place in places)})
    return [content[start:end] for start, end in pairwise(ends)]


@given(
    texts=_TEXTS.filter(bool),
    places=st.lists(st.integers(0, 1 << 20), max_size=12),
    level=st.integers(0, 9),
)
def test_any_members_in_any_pieces_are_their_texts(
    texts: list[bytes], places: list[int], level: int
) -> None:
    """However a file was put together and however it arrives, its text is the same."""
    content = b"".join(gzip.compress(text, level, mtime=0) for text in texts)
    assert _inflate(_cut(content, places)) == b"".join(texts)


@given(texts=_TEXTS.filter(bool))
def test_one_byte_at_a_time(texts: list[bytes]) -> None:
    """A network may deliver single bytes."""
    content = b"".join(map(_member, texts))
    assert _inflate([content[i : i + 1] for i in range(len(content))]) == b"".join(texts)


def test_a_file_cut_at_any_byte_is_known_to_be_cut() -> None:
    """A server that closes early leaves a proper beginning of a file, which must not pass.

    Cut exactly between two members it is a whole file of fewer rows, which the loader's guard
    against shrinking is for.
    """
    members = [_member(b"tconst\n" * 40), _member(b""), _member(b"tt0000001\n" * 40)]
    content = b"".join(members)
    ends = {len(b"".join(members[:count])) for count in range(1, 4)}
    for length in range(1, len(content)):
        if length in ends:
            continue
        with pytest.raises(TruncatedError, match="a file is cut off"):
            _inflate([content[:length]])


@given(texts=_TEXTS.filter(bool), place=st.integers(0, 1 << 20), bit=st.integers(0, 7))
def test_a_flipped_bit_never_changes_the_text_unnoticed(
    texts: list[bytes], place: int, bit: int
) -> None:
    """Every member's CRC and length hold: damage is an error or, in a header, without effect."""
    content = bytearray(b"".join(map(_member, texts)))
    content[place % len(content)] ^= 1 << bit
    try:
        text = _inflate([bytes(content)])
    except DataError:
        return
    assert text == b"".join(texts)


@pytest.mark.parametrize("last", [False, True], ids=["first", "last"])
@pytest.mark.parametrize("field", ["crc", "length"])
def test_crc_and_length_of_every_member(field: str, last: bool) -> None:  # noqa: FBT001
    """The trailer of each member counts, not the last one's alone."""
    text = b"tt0000001\t5.6\t100\n" * 100
    whole = _member(text)
    crc, length = zlib.crc32(text), len(text)
    trailer = struct.pack("<II", crc ^ (field == "crc"), length + (field == "length"))
    broken = whole[:-8] + trailer
    with pytest.raises(DataError, match="damaged gzip"):
        _inflate([whole + broken if last else broken + whole])


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty: 0 bytes"),
        (b"<!DOCTYPE html><html>", "not gzip, it begins with '<!DOCTYPE html><html>'"),
        (b"tconst\taverageRating\n", "not gzip"),
        (b"\x1f", "cut off"),
        (b"\x1f\x8b", "cut off"),
        (b"\x1f\x8c" + bytes(40), "not gzip"),
        (_member(b"a\n") + b"trailing", "something behind its gzip's end"),
        (_member(b"a\n") + b"\0" * 600, "something behind its gzip's end"),
        (_member(b"a\n") + b"<html>" * 10, "something behind its gzip's end"),
        (_member(b"a\n") + _member(b"b\n")[:9], "cut off"),
    ],
)
def test_what_is_no_whole_gzip_is_refused(content: bytes, says: str) -> None:
    """Whatever stands in a file's place is told from it, wherever the pieces are cut."""
    for pieces in ([content], [content[i : i + 1] for i in range(len(content))]):
        with pytest.raises(DataError) as raised:
            _inflate(pieces)
        if len(pieces) == 1 or "begins with" not in says:
            assert says in str(raised.value)


def test_empty_members_are_nothing() -> None:
    """Tools that append flush empty members; bgzip ends its files with one."""
    assert _inflate([_member(b""), _member(b"a\n") + _member(b""), _member(b"")]) == b"a\n"


def test_a_bomb_comes_out_in_small_pieces() -> None:
    """A file that is a thousand times larger than it looks does not fill the memory."""
    bomb = gzip.compress(bytes(32 << 20), 9)
    inflater = Inflater("bomb")
    sizes = [len(text) for text in inflater.feed(bomb)]
    inflater.finish()
    assert sum(sizes) == 32 << 20
    assert max(sizes) <= inflate.PIECE_BYTES
