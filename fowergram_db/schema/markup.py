"""Put any text into Markdown, as GitHub reads it, so that it is shown as it is. Pure."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence

_LINE_BREAK = re.compile(r"\s*[\r\n\v\f\x1c-\x1e\x85\u2028\u2029]\s*")
# A "_" within a word means nothing, so that names in comments stay readable.
_ACTIVE = re.compile(r"[\\`*\[\]<>|~$]|(?<![^\W_])_|_(?![^\W_])|&(?=#?\w+;)")
_BEGINS_A_BLOCK = re.compile(r"[-+=#]|\d+(?=[.)])")
_PUNCTUATION = re.compile(r"[!-/:-@\[-`{-~]")
_BACKTICKS = re.compile(r"`+")
_IN_SLUGS = ("L", "M", "Nd", "Nl", "Pc")


def code(text: str) -> str:
    r"""Return a code span, on one line.

    >>> code("a `b`"), code("x IN (\n    1)"), code("")
    ('`` a `b` ``', '`x IN ( 1)`', '')
    """
    line = _LINE_BREAK.sub(" ", text)
    if not line.strip():
        return ""
    fence = _fence(line, 1)
    # One space at both ends is no part of the code.
    pad = " " if line[0] in "` " or line[-1] in "` " else ""
    return f"{fence}{pad}{line}{pad}{fence}"


def code_in_cell(text: str) -> str:
    r"""Return a code span for a cell of a table, which a bar would end.

    >>> code_in_cell("a|b"), code_in_cell(r"a\|b")
    ('`a\\|b`', '<code>a&#92;&#124;b</code>')
    """
    # Readers do not agree on what a backslash before "\|" makes of it.
    if "\\|" in text:
        return f"<code>{_PUNCTUATION.sub(_entity, _LINE_BREAK.sub(' ', text))}</code>"
    return code(text).replace("|", "\\|")


def _entity(found: re.Match[str]) -> str:
    return f"&#{ord(found[0])};"


def code_block(text: str) -> str:
    """Return lines of SQL."""
    fence = _fence(text, 3)
    return f"{fence}sql\n{text}\n{fence}"


def _fence(text: str, least: int) -> str:
    longest = max(map(len, _BACKTICKS.findall(text)), default=0)
    return "`" * max(least, longest + 1)


def prose(text: str) -> str:
    r"""Return a text in which nothing is markup; its lines stay lines, in a table and in a list as well.

    >>> prose("1. *now* or\n<never>")
    '1\\. \\*now\\* or<br>\\<never\\>'
    """
    escaped = _LINE_BREAK.sub("\n", _ACTIVE.sub(r"\\\g<0>", text.strip()))
    if begins := _BEGINS_A_BLOCK.match(escaped):
        at = begins.end() if begins[0].isdecimal() else 0
        escaped = f"{escaped[:at]}\\{escaped[at:]}"
    return escaped.replace("\n", "<br>")


def table(header: str, rows: Iterable[Sequence[str]]) -> str:
    """Return a table whose cells are Markdown; the names of its columns are given in one text, by "|"."""
    rule = "|".join("---" for _ in header.split("|"))
    lines = [header, rule, *(" | ".join(row) for row in rows)]
    return "\n".join(f"| {line} |" if line != rule else f"|{line}|" for line in lines)


def slugs(headings: Iterable[str]) -> list[str]:
    """Return the link target of each heading of one document, given their texts in order.

    >>> slugs(["Stories, old & new", "users", "users"])
    ['stories-old--new', 'users', 'users-1']
    """
    taken: Counter[str] = Counter()
    found = []
    for heading in headings:
        plain = slug = _slug(heading)
        while slug in taken:
            taken[plain] += 1
            slug = f"{plain}-{taken[plain] - 1}"
        taken[slug] += 1
        found.append(slug)
    return found


def _slug(heading: str) -> str:
    line = _LINE_BREAK.sub(" ", heading).lower()
    kept = (each for each in line if each in " -" or unicodedata.category(each).startswith(_IN_SLUGS))
    return "".join(kept).replace(" ", "-")
