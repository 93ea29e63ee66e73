"""Find comments that look like the marker of a section, but are none that is understood. Pure."""

import re
from collections.abc import Iterator
from difflib import get_close_matches

from fowergram_db.migrations.files.directives import is_directive
from fowergram_db.migrations.files.sections import is_understood
from fowergram_db.migrations.script.statements import Script

_UP = frozenset("up ups upgrade forward forwards".split())
_DOWN = frozenset(
    "down downs downgrade undo rollback revert reverse reverses backward backwards teardown backout".split()
)
# Names of tools, and words that only they have in their markers.
_TOOLS = frozenset("goose migrate micrate dbmate rambler tern shmig sqlmigrate".split())
_OTHER_WORDS = frozenset(
    "migration migrations section script sql begin start here above below create drop statement statements "
    "transaction notransaction no true false".split()
)
_ALL = _UP | _DOWN | _TOOLS | _OTHER_WORDS
# In headings that a person writes: to roll back this migration, run the following.
_AROUND = frozenset(
    "to how this the these all of for in case if needed necessary run execute use apply following manual manually plan "
    "step steps instructions commands command queries query sql code part half changes schema database".split()
)
# Shorter words have neighbours that mean something else: town, dawn, own.
_SHORTEST_GUESSED = 6
_ALIKE = 0.8
_WORD = re.compile(r"[^\W\d_]+")
_ROLL_BACK = re.compile(r"(?i:(?<![^\W\d_])(?:roll(?:ing)?[ \t-]+back|back[ \t-]+out)(?![^\W\d_]))")
_FILE_NAME = re.compile(r"(?i:\w\.sql\b|\d\w*_[a-z])")
# The end of a line of a remark that continues in the next one: a letter, and no punctuation.
_UNFINISHED = re.compile(r"[^\W\d_][^\n.:;!?*=#/-]*\Z")
_JOINED = re.compile(r"(?i:(?<![^\W\d_])(goose|migrate)(ups?|downs?)(?![^\W\d_]))")
_DIRECTION = re.compile(
    rf"(?i:migrate[ \t]*:|{_JOINED.pattern}|{_ROLL_BACK.pattern}"
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
        is_between = first < start < last
        is_first = comment.rstrip().endswith(":") and script.text[end:first].isspace()
        is_other_way = means_down not in (None, undoes) and start < last
        is_misspelt = means_down is not None and _is_a_tools(comment)
        is_heading = is_line and (is_between or is_first) and _is_heading(comment, undoes=undoes)
        is_a_tools = is_misspelt or (is_line and is_between and _NODE.match(comment))
        if is_a_tools or ((is_other_way or is_heading) and not _continues(script.text, start, comment)):
            yield start


def _is_a_line(text: str, start: int) -> bool:
    """Return whether a comment begins a line."""
    return not text[text.rfind("\n", 0, start) + 1 : start].strip()


def _continues(text: str, start: int, comment: str) -> bool:
    """Return whether a comment continues the sentence of the comment in the line above it."""
    above_end = max(0, text.rfind("\n", 0, start))
    above = text[text.rfind("\n", 0, above_end) + 1 : above_end]
    begins_small = comment.lstrip("- \t")[:1].islower() and not comment.rstrip().endswith(":")
    is_prose = above.lstrip().startswith("--") and not _ALL.union(_AROUND).issuperset(_words(above))
    return begins_small and is_prose and bool(_UNFINISHED.search(above.rstrip()))


def _is_heading(comment: str, *, undoes: bool) -> bool:
    """Return whether a comment reads as a heading of the other half, as a person writes it.

    >>> [_is_heading(line, undoes=False) for line in ("-- To roll back, run:", "-- UP", "-- roll back by hand")]
    [True, True, False]
    """
    words = set(_words(comment))
    if undoes or "no" in words or _FILE_NAME.search(comment):
        return False
    if words & _DOWN:
        return words <= _ALL | _AROUND
    return bool(words & {"up", "ups"}) and words <= _ALL


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
    if _FILE_NAME.search(comment) or ("no" in words and "transaction" not in words):
        return None  # a remark where the other half is, or that there is none
    is_marker = not strangers or (len(strangers) == 1 and known and _LIKE_A_TOOLS.fullmatch(comment))
    means_down = bool(_DOWN.intersection(words)) or {"drop", "below"}.issubset(words)
    return means_down if is_marker and (means_down or _UP.intersection(words)) else None


def _words(comment: str) -> list[str]:
    """Return the words that are meant, in lower case.

    >>> _words("-- +gooseDown")
    ['goose', 'down']
    """
    return [
        _guessed(word.lower()) for word in _WORD.findall(_JOINED.sub(r"\1 \2", _ROLL_BACK.sub("rollback", comment)))
    ]


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
