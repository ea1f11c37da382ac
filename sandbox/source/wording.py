# ruff: noqa: RUF001 - letters of many scripts are the point
"""Grammars of invented text: titles by language, names of people, of characters, jobs."""

from __future__ import annotations

from sandbox.source import words
from sandbox.source.text import Grammar, spans
from sandbox.source.words import (
    ABSTRACTS,
    ADJECTIVES,
    NOUNS,
    PLACES,
    ROLES,
    each,
)

_LOCALES = list(words.FAMILY)
_FAMILY = {locale: words.FAMILY[locale].split() for locale in _LOCALES}
_MALE = {locale: words.MALE[locale].split() for locale in _LOCALES}
_FEMALE = {locale: words.FEMALE[locale].split() for locale in _LOCALES}
_ENGLISH_FIRST = _MALE["en"] + _FEMALE["en"]

# English is the language of most people and titles of IMDb.
_LOCALE_WEIGHT = dict.fromkeys(_LOCALES, 20) | {"en": 260, "es": 40, "in": 40, "ja": 30}

_Pattern = tuple[int, list[str | list[str]]]


def _people(first: dict[str, list[str]]) -> list[_Pattern]:
    """Patterns of names: plain, with an initial, with two family names."""
    patterns: list[_Pattern] = []
    for locale in _LOCALES:
        weight = _LOCALE_WEIGHT[locale]
        family = _FAMILY[locale]
        patterns.append((weight * 6, [each("{} ", first[locale]), family]))
        initials = [f"{letter}. " for letter in "ABCDEFGHJKLMNPRSTVW"]
        patterns.append((weight, [each("{} ", first[locale]), initials, family]))
        patterns.append((weight, [each("{} ", first[locale]), each("{}-", family), family]))
    patterns.append((12, [_ENGLISH_FIRST]))
    patterns.append((4, [each("{} '", _ENGLISH_FIRST), each("{}' ", NOUNS), _FAMILY["en"]]))
    return patterns


PEOPLE = Grammar(
    _people(_MALE),
    _people(_FEMALE),
    _people({locale: _MALE[locale] + _FEMALE[locale] for locale in _LOCALES}),
    parts=3,
)
"""Groups: men, women, anyone."""

MEN, WOMEN, ANYONE = range(3)

_THE = ["The ", "A ", "My ", "Our ", "That ", "No "]

_ENGLISH: list[_Pattern] = [
    (300, [["The ", "The ", "The ", "A ", "My "], each("{} ", ADJECTIVES), NOUNS]),
    (200, [each("{} ", ADJECTIVES), NOUNS]),
    (160, [_THE, each("{} of ", NOUNS), ABSTRACTS + PLACES]),
    (120, [each("{} and ", NOUNS), NOUNS]),
    (100, [each("{} in ", ABSTRACTS + NOUNS), PLACES]),
    (80, [each("{}'s ", _ENGLISH_FIRST), NOUNS]),
    (60, [each("The {} ", NOUNS), each("from {}", PLACES)]),
    (60, [each("{} Without ", NOUNS), each("a {}", NOUNS)]),
    (60, [NOUNS + ABSTRACTS]),
    (40, [each("{}: ", PLACES), each("{} ", ADJECTIVES), NOUNS]),
    (30, [each("{} ", NOUNS), [str(number) for number in range(2, 10)]]),
    (20, [each("Who Stole the {}", NOUNS), ["?", "?!", "!"]]),
    # Quotes, backslashes and commas, which a parser of csv or COPY text stumbles over.
    (2, [each('"{}" ', NOUNS), each("and {}", ABSTRACTS)]),
    (3, [each("The {} ", ADJECTIVES), each('"{}" ', NOUNS), ["Affair", "Case", "Story"]]),
    (1, [each('{} 7" ', ADJECTIVES), NOUNS]),
    (1, [each("{}\\", NOUNS), NOUNS]),
    (4, [each("{}, ", NOUNS), each("{}, ", NOUNS), NOUNS]),
]


def _foreign(vocabulary: str, *forms: str) -> list[_Pattern]:
    """Patterns of one language: a word in one of the forms, or two words."""
    nouns = vocabulary.split()
    patterns: list[_Pattern] = [(3, [each(form, nouns)]) for form in forms]
    return [*patterns, (2, [nouns]), (4, [each("{} ", nouns), nouns])]


def _unspaced(vocabulary: str) -> list[_Pattern]:
    """Patterns of a script that does not part words."""
    nouns = vocabulary.split()
    return [(2, [nouns]), (4, [each("{}の", nouns) if "夜" in nouns else nouns, nouns])]


LANGUAGES: dict[str, list[_Pattern]] = {
    "en": _ENGLISH,
    "es": _foreign(words.SPANISH, "La {}", "El {}", "Mi {}", "¿Dónde está la {}?"),
    "fr": _foreign(words.FRENCH, "La {}", "Le {}", "L'{}", "À la {}"),
    "de": _foreign(words.GERMAN, "Der {}", "Die {}", "Das {}", "Über {}"),
    "pt": _foreign(words.PORTUGUESE, "O {}", "A {}", "Meu {}"),
    "it": _foreign(words.ITALIAN, "La {}", "Il {}", "Una {}"),
    "pl": _foreign(words.POLISH, "Moja {}", "Ostatnia {}"),
    "tr": _foreign(words.TURKISH, "Son {}", "Kırık {}"),
    "ru": _foreign(words.RUSSIAN, "Последний {}", "Моя {}"),
    "el": _foreign(words.GREEK, "Η {}", "Το {}"),
    "ar": _foreign(words.ARABIC, "يا {}"),
    "he": _foreign(words.HEBREW, "של {}"),
    "hi": _foreign(words.HINDI, "मेरी {}"),
    "ja": _unspaced(words.JAPANESE),
    "zh": _unspaced(words.CHINESE),
    "ko": _foreign(words.KOREAN, "그 {}"),
    "th": _unspaced(words.THAI),
}

LANGUAGE_NUMBER = {language: number for number, language in enumerate(LANGUAGES)}

TITLES = Grammar(*LANGUAGES.values(), parts=4)
"""Titles; one group for each language, in the order of LANGUAGES."""

_CHARACTER_COMMON: list[_Pattern] = [
    (150, [each('["{}"]', ROLES)]),
    (20, [each('["{} #', ROLES), each('{}"]', [str(number) for number in range(1, 10)])]),
    (10, [each('["Dr. {}"]', _FAMILY["en"])]),
    (20, [each('["{}","', ROLES), each('{}"]', ROLES)]),
    (4, [each('["{} - (segment: \\"', ROLES), each("{} ", ADJECTIVES), each('{}\\")"]', NOUNS)]),
    (2, [each('["{} (as \\"', ROLES), each('{}\\")","', NOUNS), each('{}"]', ROLES)]),
    (1, [each('["{}\\\\', NOUNS), each('{}"]', NOUNS)]),
]


def _characters(first: dict[str, list[str]]) -> list[_Pattern]:
    patterns = list(_CHARACTER_COMMON)
    for locale in _LOCALES:
        weight = _LOCALE_WEIGHT[locale]
        patterns.append((weight, [each('["{}"]', first[locale])]))
        patterns.append(
            (weight, [each('["{} ', first[locale]), each('{}"]', _FAMILY[locale])]),
        )
    return patterns


CHARACTERS = Grammar(
    _characters(_MALE),
    _characters(_FEMALE),
    [
        (600, ['["Self"]']),
        (300, [each('["{}"]', words.SELF_ROLES)]),
        (40, [each('["Self - Mayor of {}"]', PLACES)]),
        (2, [each('["Self - \\"', [""]), each('{}\\" Winner"]', NOUNS)]),
    ],
    parts=3,
)
"""Characters, as JSON; groups: men, women, people who play themselves."""

JOBS = Grammar(
    [
        (200, [["screenplay", "written by", "writer", "story", "screenplay by", "dialogue"]]),
        (60, [["novel", "play", "based on the novel by", "based on characters created by"]]),
        (30, [each('novel "The {} ', ADJECTIVES), each('{}"', NOUNS)]),
        (60, [["created by", "head writer", "script editor", "teleplay", "adaptation"]]),
        (2, ['"Picturized By", i.e., screenplay']),
        (1, [""]),
    ],
    [
        (200, [["producer", "produced by", "executive producer", "co-producer"]]),
        (20, [["line producer", "producer: second unit"]]),
        (20, [each("associate producer: {}", PLACES)]),
    ],
    [(100, [["director of photography", "cinematographer", "photography", "camera"]])],
    [(100, [["co-director", "series director", "segment director", "(co-director)"]])],
    [(100, [["music by", "composer: theme", "score", "songs"]])],
    [(100, [["editor", "film editor", "online editor", "supervising editor"]])],
    parts=2,
)
"""Jobs; groups: writer, producer, cinematographer, director, composer, editor."""

_SENTENCE = [
    f"and how {first} {family} met the {adjective} {noun} of {place}"
    for first, family, adjective, noun, place in zip(
        _ENGLISH_FIRST, _FAMILY["en"] * 2, ADJECTIVES, NOUNS, PLACES, strict=False
    )
]
LONG_TITLES = spans(
    # 831 characters is the longest akas title seen (August 2026).
    ("The True History of the Village, " + ", ".join(_SENTENCE * 3))[:length]
    for length in (280, 311, 402, 550, 831)
)

HOSTILE = spans(
    [
        "\b",
        "back\bspace",
        "bare\rreturn",
        "ends with return\r",
        "\\.",
        "\\Nx",
        "x\\N",
        "\\\\N",
        "ends with backslash\\",
        "\\",
        "\\\\",
        "\\t is no tab, \\n no newline, \\x41 \\101",
        "vertical\vtab",
        "form\ffeed",
        "line\u2028separator",
        "paragraph\u2029separator",
        "next\u0085line",
        "\U0001f3ac\U0001f600 four bytes",
        "\U00020000\U0002a6d6",
        '"',
        '""',
        'lone " quote',
        '"begins with a quote',
        "'",
        "'); drop table titles; --",
        "$$ $1 %s %(name)s {0} :name",
        " leading and trailing ",
        "\ufeffbyte order mark",
        "no\u00a0break\u200bspace",
        "e\u0301 is not \u00e9",
        "\u202eright to left",
        "unit\x1fseparator\x1e\x1d\x1c",
        "start\x01\x02\x03",
        "delete\x7f",
        "\x1bescape",
        "NULL",
        "a,b;c|d",
        "=1+1",
        "\u0131\u0130\u00df\u1e9e",
        "",
    ]
)
"""Texts that some reader of lines, of csv or of COPY's formats takes for something else."""
