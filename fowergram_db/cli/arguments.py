"""Keep possible passwords on the command line out of error messages. Pure."""

import copy
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import PurePath
from typing import cast

from fowergram_db.errors import ConfigurationError, FileFault, FileFaults, FowergramError, Location, UsageError
from fowergram_db.redaction.messages import mask_message

HIDDEN = "…"
_NOT_REPEATED = "An argument that may hold a password is not repeated."
_MAY_HOLD = re.compile(r"://|@|passw|passphrase|pgpass|\bpwd\b", re.IGNORECASE)
_HOLDS = re.compile(r"://|(?:passw(?:or)?d|passphrase)['\"]?\s*=", re.IGNORECASE)
_PASSWORD_OPTION = re.compile(r"--?[a-z-]*(?:passw|passphrase|pwd)[a-z-]*", re.IGNORECASE)
_VARIABLES = re.compile(r"(?:FOWERGRAM|DB|PG)_?[A-Z_]*|DATABASE_URL|MIGRATIONS_DIR")
_EXTRA = re.compile(r"(unexpected extra arguments?(?:\(s\))?) \(.*\)", re.DOTALL)
_DISTINCT = 6
_PIECE = re.compile(r"\w{4,}")
_PASSWORD = re.compile(r"://[^:@/]*:(.*)@|passw(?:or)?d\s*=\s*(.*)", re.IGNORECASE | re.DOTALL)


def given_values(arguments: Sequence[str], environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return the arguments, and the values of the variables that set options."""
    return (*arguments, *(value for name, value in environ.items() if value and _VARIABLES.fullmatch(name)))


def presentable(error: FowergramError, values: Sequence[str]) -> FowergramError:
    """Return an error to show, without passwords that the command line or its environment may contain.

    A usage error repeats no argument that contains ``://``, ``@`` or ``password``. Any other error repeats no argument
    that is a URL or a connection string.
    """
    is_usage = isinstance(error, UsageError | ConfigurationError)
    secretive = _secretive(values, _MAY_HOLD if is_usage else _HOLDS)
    shown = copy.copy(error)
    # A shell may have split the argument with the password, as at a space.
    message = _EXTRA.sub(rf"\1 ({HIDDEN})", error.message) if is_usage and secretive else error.message
    shown.message = without(message, secretive)
    if is_usage and _repeats(shown.message, secretive):
        shown.message = "the command line, or a variable that sets an option, could not be parsed"
    shown.hint = without(error.hint, secretive)
    if shown.message != mask_message(error.message):
        shown.hint = f"{shown.hint} {_NOT_REPEATED}".strip()
    if error.location:
        file = without(error.location.file, secretive)
        shown.location = Location(file, error.location.line, error.location.column)
    if server := error.server:
        said = {name: without(getattr(server, name), secretive) for name in ("detail", "hint", "context")}
        shown.server = replace(server, **said)
    if isinstance(shown, FileFaults):
        shown.all = tuple(cast("FileFault", presentable(fault, values)) for fault in shown.all)
    shown.__notes__ = [without(note, secretive) for note in getattr(error, "__notes__", ())]
    return shown


def without(text: str, secretive: Iterable[str]) -> str:
    """Return a text without these arguments, however the text quotes them.

    >>> without("Invalid value for '--to': 'postgresql://me:x@h' is no number.", ["--to=postgresql://me:x@h"])
    "Invalid value for '--to': '…' is no number."
    """
    found = sorted({form for value in secretive for form in _forms(value)}, key=len, reverse=True)
    for form in found:
        text = text.replace(form, HIDDEN)
    return mask_message(text)


def may_hold_password(argument: str) -> bool:
    """Return whether a usage error must not repeat an argument."""
    return bool(_MAY_HOLD.search(argument))


def _secretive(values: Sequence[str], sign: re.Pattern[str]) -> tuple[str, ...]:
    found = [value for value in values if sign.search(value)]
    for at, value in enumerate(values):
        if _PASSWORD_OPTION.fullmatch(value):
            found += values[at + 1 : at + 2]
        if "://" in value and "@" not in value:
            found += _rest_of_url(values[at + 1 :])
    return tuple(found)


def _rest_of_url(values: Sequence[str]) -> Sequence[str]:
    """Return the rest of a URL that a shell has split because its password contains a space."""
    end = next((at for at, value in enumerate(values, start=1) if "@" in value), 0)
    return values[:end]


def _forms(value: str) -> Iterable[str]:
    glued = value.partition("=")[2] if value.startswith("-") else ""
    for part in filter(str.strip, (value, glued)):
        yield from (part, part.strip(), repr(part)[1:-1], str(PurePath(part)), " ".join(part.split()))


def _repeats(text: str, secretive: Iterable[str]) -> bool:
    """Return whether a text still contains a part of a password, quoted in an unexpected way."""
    passwords = (match[1] or match[2] or "" for value in secretive if (match := _PASSWORD.search(value)))
    pieces = {piece for password in passwords for piece in _PIECE.findall(password)}
    return any(piece in text if len(piece) >= _DISTINCT else piece in _PIECE.findall(text) for piece in pieces)
