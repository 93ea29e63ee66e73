r"""Show text of others so that a terminal or a CI runner only shows it. Pure.

Names, rows, notices and files may hold characters that move the cursor, fill the clipboard, change the direction of
writing or cannot be seen, and lines that are commands to a CI runner. Each is shown with a backslash: ``\x1b``,
``\u202e``, ``\::error::``.
"""

import re
from functools import cache

# Unicode's categories Cc (but line feed and tab), Cf (but the joiners and signs that scripts and emoji need), Zl, Zp
# and Cs, and what it calls "default ignorable" (but variation selectors).
_UNSEEN = (
    "\0-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ud800-\udfff\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e00ff\U000e01f0-\U000e0fff"
)
# Those of them that Python takes for printable.
_UNSEEN_PRINTABLE = "\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0"
# GitHub's runner looks for :: after white space of any kind, and it and Azure's for ##[ and ##vso[ anywhere in a line;
# TeamCity has ##teamcity[. The others are how Buildkite recognizes the heading of a group.
_COMMANDS = r"(?m)(^[^\S\n]*)(?=::)|(^)(?=(?:---|\+\+\+|~~~|\^\^\^)(?:[ \t]|$))|(##\w*)(?=\[)"
_INDENT = "  "
_OPENED = r"(##\w*)\["
_LAST_BLANK = r" ((?:\x1b\[[\d;]*m)*)\Z"
_SEEN_IN_ASCII = bytes(range(0x20, 0x7F)) + b"\n\t"
_NOT_ASCII = r"[^\0-\x7f]"


def escaped(text: str) -> str:
    r"""Show what is not seen, or changes how other text is seen; line feeds and tabs stay.

    >>> print(escaped("a\x1b[31mb\u202ec\r"))
    a\x1b[31mb\u202ec\x0d
    >>> escaped("ผู้ใช้ 👩‍👧 می‌خواهم") == "ผู้ใช้ 👩‍👧 می‌خواهم"
    True
    """
    return text if _is_seen(text) else _unseen().sub(_escape, text)


def on_one_line(text: str) -> str:
    r"""Show line feeds and tabs too.

    >>> print(on_one_line("a\n::error::b\t"))
    a\n::error::b\t
    """
    return escaped(text).replace("\n", r"\n").replace("\t", r"\t")


def inert(text: str) -> str:
    r"""Show text so that no line of it is a command for a CI runner.

    >>> print(inert("::error::a\n  ::stop-commands::b\nc ##[add-path]d ##vso[task.complete]\n--- e\na::text"))
    \::error::a
      \::stop-commands::b
    c ##\[add-path]d ##vso\[task.complete]
    \--- e
    a::text
    """
    return _commands().sub(r"\g<0>\\", escaped(text))


def as_message(text: str) -> str:
    r"""Show it as one message: the lines after the first are indented, so that none looks like a message of its own.

    >>> print(as_message("notice: a\nerror: b\n\n::error::c\n"))
    notice: a
      error: b
    <BLANKLINE>
      \::error::c
    """
    first, *others = inert(text.rstrip("\n")).split("\n")
    return "\n".join((first, *(f"{_INDENT}{line}" if line else "" for line in others)))


def inert_when_wrapped(drawn: str) -> str:
    r"""Show what was wrapped into lines so that none of them is a command, each as wide as before if possible.

    Lines may have the escape sequences of styles in them.

    >>> print(inert_when_wrapped("a  x\n   ::error::b\n::error::c \na::text"))
    a  x
      \::error::b
    \::error::c
    a::text
    """
    return _wrapped_commands().sub(_shifted, drawn)


def without_brackets(text: str) -> str:
    r"""Show the commands that a runner looks for anywhere in a line, and they alone, so that they are none.

    >>> print(without_brackets("##vso[task.complete]"))
    ##vso\[task.complete]
    """
    return re.sub(_OPENED, r"\1\\[", text)


def in_json(document: str) -> str:
    r"""Escape the same within a JSON document, which keeps its meaning; half a surrogate pair becomes six characters.

    >>> import json
    >>> json.loads(in_json(json.dumps("\x9b\u2028\U000e0041##[a]", ensure_ascii=False))) == "\x9b\u2028\U000e0041##[a]"
    True
    >>> print(in_json('"\u202e\udc80\U000e0041##vso["'))
    "\u202e\\udc80\udb40\udc41##vso\u005b"
    """
    return re.sub(_OPENED, r"\1\\u005b", _unseen().sub(_escape_in_json, document))


def ascii_json(document: str) -> str:
    r"""Escape whatever is not ASCII within a JSON document.

    >>> print(ascii_json('"é 😀"'))
    "\u00e9 \ud83d\ude00"
    """
    return document if document.isascii() else re.sub(_NOT_ASCII, _escape_in_json, document)


def _is_seen(text: str) -> bool:
    r"""Return whether there is surely nothing to escape, in a fraction of the time that a pattern takes.

    >>> [_is_seen(text) for text in ("ชื่อ\n\t", "a\r", "\u115f", "\u202e")]
    [True, False, False, False]
    """
    if text.isascii():
        return not text.encode().translate(None, delete=_SEEN_IN_ASCII)
    if not text.replace("\n", "").replace("\t", "").isprintable():
        return False
    return not any(character in text for character in _UNSEEN_PRINTABLE)


@cache
def _unseen() -> re.Pattern[str]:
    return re.compile(f"[{_UNSEEN}]")


@cache
def _commands() -> re.Pattern[str]:
    return re.compile(_COMMANDS)


@cache
def _wrapped_commands() -> re.Pattern[str]:
    return re.compile(r"(?m)^((?:\x1b\[[\d;]*m|[^\S\n])*)(::|(?:---|\+\+\+|~~~|\^\^\^)(?=[ \t]|$))(.*)$")


def _shifted(match: re.Match[str]) -> str:
    before, command, rest = match.groups()
    if command != "::" and before[-1:].isspace():
        return match[0]  # the heading of a group is at the very beginning
    if before[-1:].isspace():
        return f"{before[:-1]}\\{command}{rest}"
    return f"{before}\\{command}" + re.sub(_LAST_BLANK, r"\1", rest)


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    width, letter = (2, "x") if code < 0x100 else (4, "u") if code < 0x10000 else (8, "U")  # noqa: PLR2004
    return f"\\{letter}{code:0{width}x}"


def _escape_in_json(match: re.Match[str]) -> str:
    code = ord(match[0])
    if 0xD800 <= code < 0xE000:  # noqa: PLR2004 - JSON as others read it has no halves
        return f"\\\\u{code:04x}"
    pair = match[0].encode("utf-16-be")
    return "".join(f"\\u{pair[at : at + 2].hex()}" for at in range(0, len(pair), 2))
