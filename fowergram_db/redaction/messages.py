"""Keep passwords out of everything that is shown. Pure."""

import re
from collections.abc import Iterable

# Every repetition is possessive: no text, however odd, makes these patterns look twice at what they have passed.
# What is repeated is an atomic group, since Python before 3.11.5 matches a possessive repeat of others wrongly.
_GAP = r"(?>\s++|/\*(?>[^*]++|\*(?!/))*+\*/|--[^\n]*+\n)*+"
_WORD = r"\b(?:ssl)?pass(?:word|wd|phrase)\b\"?"
_NESTED = r"(?P<quotes>'{2,})[^']++(?P=quotes)|\\'[^'\\]++\\'"  # a literal within a literal, as EXECUTE takes it
_PLAIN = r"'(?>[^'\\]++|''|\\.)*+'?"
_CONTINUED = rf"(?>[eEnN]|[uU]&)?{_PLAIN}(?>[ \t]*+\n\s*+{_PLAIN})*+"
_DOLLAR = r"\$(?P<tag>\w*+)\$.*?(?>\$(?P=tag)\$|\Z)"
_ROLE = rf"\b(?>create|alter)\s++(?>role|user)\s[^;']{{0,300}}?\bpassword{_GAP}"

_PATTERNS = (
    re.compile(
        rf"({_WORD}{_GAP}(?:(?:=>|:=|=){_GAP})?)(?:{_NESTED}|{_CONTINUED}|{_DOLLAR})", re.IGNORECASE | re.DOTALL
    ),
    re.compile(rf"({_ROLE})(?!null\b)(?>\"[^\"]*+\"?|[^\s;'\"$*]++)", re.IGNORECASE),
    re.compile(r"((?>password|passwd|passphrase)\s*+=\s*+)[^\s'\"&;,)]++", re.IGNORECASE),
    re.compile(r"(://[^\s:/@'\"]*+:)[^\s'\"]{1,300}(?=@)"),
)
_SHORTEST_BARE = 4


def mask_passwords(text: str) -> str:
    """Overwrite the literal of each PASSWORD clause, and passwords in URLs and connection strings.

    The text keeps its length and its lines, so that positions in it stay true.

    >>> mask_passwords("ALTER ROLE me PASSWORD 'secret' VALID UNTIL 'infinity'")
    "ALTER ROLE me PASSWORD ******** VALID UNTIL 'infinity'"
    >>> mask_passwords("postgresql://me:secret@host/db")
    'postgresql://me:******@host/db'
    """
    for pattern in _PATTERNS:
        text = pattern.sub(_stars, text)
    return text


def _stars(match: re.Match[str]) -> str:
    kept = match[1]
    return kept + re.sub(r"[^\n]", "*", match[0][len(kept) :])


def secrets_in(text: str) -> frozenset[str]:
    """Return the literals that ``mask_passwords`` would overwrite, as a server may quote them back."""
    found = set()
    for pattern in _PATTERNS:
        for match in pattern.finditer(text):
            literal = match[0][len(match[1]) :]
            found |= {literal, literal.strip("'\"").replace("''", "'")}
    return frozenset(secret for secret in found if len(secret) >= _SHORTEST_BARE)


def redact(text: str, secrets: Iterable[str]) -> str:
    """Mask passwords by their place in the text, and these secrets wherever they stand."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, "********")
    return mask_passwords(text)
