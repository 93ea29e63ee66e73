"""Keep passwords out of everything that is shown. Pure."""

import re
from collections.abc import Iterable

_GAP = r"(?:\s|/\*.*?\*/|--[^\n]*\n)*"
_NESTED = r"(?P<quotes>'{2,})[^']+(?P=quotes)"  # a literal within a literal, as EXECUTE takes it
_QUOTED = r"(?:[eEnN]|[uU]&)?'(?:[^'\\]|''|\\.)*+'?"
_DOLLAR = r"\$(?P<tag>\w*)\$.*?(?:\$(?P=tag)\$|\Z)"
_CLAUSE = re.compile(
    rf"(\bpassword\b{_GAP}(?:=>|:=|=)?{_GAP})(?:{_NESTED}|{_QUOTED}|{_DOLLAR})", re.IGNORECASE | re.DOTALL
)
_SETTING = re.compile(r"((?:password|passwd|passphrase)\s*=\s*)[^\s'\"&;,)]+", re.IGNORECASE)
_URL = re.compile(r"(://[^\s:/@'\"]*:)[^\s/'\"]+(?=@)")
_SHORTEST_BARE = 4


def mask_passwords(text: str) -> str:
    """Overwrite the literal of each PASSWORD clause, and passwords in URLs and connection strings.

    The text keeps its length and its lines, so that positions in it stay true.

    >>> mask_passwords("ALTER ROLE me PASSWORD 'secret' VALID UNTIL 'infinity'")
    "ALTER ROLE me PASSWORD ******** VALID UNTIL 'infinity'"
    >>> mask_passwords("postgresql://me:secret@host/db")
    'postgresql://me:******@host/db'
    """
    for pattern in (_CLAUSE, _SETTING, _URL):
        text = pattern.sub(_stars, text)
    return text


def _stars(match: re.Match[str]) -> str:
    kept = match[1]
    return kept + re.sub(r"[^\n]", "*", match[0][len(kept) :])


def secrets_in(text: str) -> frozenset[str]:
    """Return the literals that ``mask_passwords`` would overwrite, as a server may quote them back."""
    found = set()
    for pattern in (_CLAUSE, _SETTING, _URL):
        for match in pattern.finditer(text):
            literal = match[0][len(match[1]) :]
            found |= {literal, literal.strip("'").replace("''", "'")}
    return frozenset(secret for secret in found if len(secret) >= _SHORTEST_BARE)


def redact(text: str, secrets: Iterable[str]) -> str:
    """Mask passwords by their place in the text, and these secrets wherever they stand."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, "********")
    return mask_passwords(text)
