"""Find comments that look like the marker of a section, but are none that is understood. Pure."""

import re
from collections.abc import Iterator
from difflib import get_close_matches

from fowergram_db.migrations.files.directives import is_directive
from fowergram_db.migrations.files.sections import is_understood
from fowergram_db.migrations.script.statements import Script

_UP = frozenset("up ups upgrade forward forwards".split())
_DOWN = frozenset("down downs downgrade undo rollback revert reverse reverses backward backwards teardown".split())
# Names of tools, and words that only they have in their markers.
_TOOLS = frozenset("goose migrate micrate dbmate rambler tern shmig sqlmigrate".split())
_OTHER_WORDS = frozenset(
    "migration migrations section script sql begin start here above below create drop statement statements "
    "transaction notransaction no true false".split()
)
_ALL = _UP | _DOWN | _TOOLS | _OTHER_WORDS
# Shorter words have neighbours that mean something else: town, dawn, own.
_SHORTEST_GUESSED = 6
_ALIKE = 0.8
_WORD = re.compile(r"[^\W\d_]+")
_JOINED = re.compile(r"(?i:(?<![^\W\d_])(goose|migrate)(ups?|downs?)(?![^\W\d_]))")
_DIRECTION = re.compile(
    rf"(?i:migrate[ \t]*:|{_JOINED.pattern}"
    rf"|(?<![^\W\d_])(?:{'|'.join(sorted(_UP | _DOWN))}|below|pu|dwon|donw)(?![^\W\d_]))"
)
# The ways in which tools write a direction, and sentences do not: +goose up, migrate: up, @up, !up.
_LIKE_A_TOOLS = re.compile(r"(?i:[^\w\n]*(?:\+\s*\w+[\s:]\s*\w+|\w+\s*:\s*\w+|[@!]\s*\w+)(?:\s+\w+:\w+)?[^\w\n]*)")
# tern splits at this text wherever it is; node-pg-migrate at the start of any line, whatever follows.
_TERN = re.compile(r"(?i:create above\s*/\s*drop below)")
_NODE = re.compile(r"(?i:--[\s-]*(?:up|down)[ \t]+migration)")
_MIGRATE_WORD = re.compile(r"--[ \t]*migrate[ \t]*:[ \t]*\w+(?:[ \t]+transaction:\w+)?[ \t]*", re.IGNORECASE)


def misread(script: Script, *, undoes: bool) -> Iterator[int]:
    """Yield the offset of each comment that would split the script for its tool, but does not split it here.

    ``undoes``: the script rolls a migration back. A comment that names a section of the script's own direction is
    right; one that names the other direction is wrong if a statement follows it.
    """
    first, last = (script.statements[0].start, script.statements[-1].start) if script.statements else (0, 0)
    for start, end in script.comments:
        if not _DIRECTION.search(script.text, start, end):
            continue
        comment = script.text[start:end]
        is_line = _is_a_line(script.text, start)
        if is_line and (is_directive(comment) or is_understood(comment.rstrip())):
            continue
        if _TERN.search(comment):
            yield start
            continue
        means_down = _meaning(comment) if is_line else None
        is_other_way = means_down not in (None, undoes) and start < last
        is_misspelt = means_down is not None and _is_a_tools(comment)
        if is_other_way or is_misspelt or (is_line and first < start < last and _NODE.match(comment)):
            yield start


def _is_a_line(text: str, start: int) -> bool:
    """Return whether a comment begins a line."""
    return not text[text.rfind("\n", 0, start) + 1 : start].strip()


def _meaning(comment: str) -> bool | None:
    """Return whether a comment names a section that rolls back (True) or applies (False); None if it names none.

    >>> [_meaning(line) for line in ("-- migrate: up", "-- ==== DOWN ====", "-- Down Migraton", "-- down the road")]
    [False, True, True, None]
    """
    if _MIGRATE_WORD.fullmatch(comment):
        return "up" not in comment
    words = _words(comment)
    strangers = [word for word in words if word not in _ALL]
    known = len(words) - len(strangers)
    is_marker = not strangers or (len(strangers) == 1 and known and _LIKE_A_TOOLS.fullmatch(comment))
    means_down = bool(_DOWN.intersection(words)) or {"drop", "below"}.issubset(words)
    return means_down if is_marker and (means_down or _UP.intersection(words)) else None


def _words(comment: str) -> list[str]:
    """Return the words that are meant, in lower case.

    >>> _words("-- +gooseDown")
    ['goose', 'down']
    """
    return [_guessed(word.lower()) for word in _WORD.findall(_JOINED.sub(r"\1 \2", comment))]


def _guessed(word: str) -> str:
    """Return the word that is meant: one with two letters exchanged, or a long one that is misspelt.

    >>> [_guessed(word) for word in ("dwon", "migraton", "town")]
    ['down', 'migration', 'town']
    """
    for short in ("up", "down"):
        if word != short and sorted(word) == sorted(short):
            return short
    if word in _ALL or len(word) < _SHORTEST_GUESSED:
        return word
    return next(iter(get_close_matches(word, _ALL, 1, _ALIKE)), word)


def _is_a_tools(comment: str) -> bool:
    """Return whether a comment is written as a tool requires, or nearly so: no other comment looks like that."""
    return bool(_TOOLS.intersection(_words(comment))) or bool(_LIKE_A_TOOLS.fullmatch(comment))
