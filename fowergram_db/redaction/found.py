"""What is found in a text, and what is known so far about its variables. Pure."""

import re
from typing import NamedTuple

from fowergram_db.redaction.texts import UNKNOWN, Text

# What format, a variable of this tool, or an earlier masking puts in the place of a password. Anything else in a
# literal is one, however much it looks like a placeholder.
_FILLED_IN = re.compile(r"%(?:(?:\d+\$)?[sLI])?|\$\{\w+\}|\*+|…")


class Secret(NamedTuple):
    """A secret: what it stands for, and its characters in the text as (start, end), without quotes.

    ``level`` is 0 for a secret of the statements themselves, and one more within each string that is executed.
    """

    value: str
    spans: tuple[tuple[int, int], ...]
    level: int


class Search:
    """What is found in all the texts of one text; ``named`` are the variables whose values are secrets.

    ``variables`` hold SQL that is put together in several steps; ``prepared`` the secret parameters of prepared
    statements.
    """

    def __init__(self) -> None:
        self.found: dict[tuple[tuple[int, int], ...], Secret] = {}
        self.names: list[str] = [""]
        self.named: set[str] = set()
        self.variables: dict[str, Text] = {}
        self.prepared: dict[str, set[str]] = {}

    def take_parameters(self) -> set[str]:
        """Return the parameters, as ``$1``, that are secrets, and forget them."""
        found = {name for name in self.named if name.startswith("$")}
        self.named -= found
        return found

    def add(self, text: Text, level: int) -> None:
        """Note a secret, and the variables that it is made of."""
        self.named.update(self.names[number] for number in text.unknown(0, len(text.value)))
        value = text.value.replace(UNKNOWN, "")
        spans = tuple(text.sources(0, len(text.value)))
        if spans and value.strip() and not _FILLED_IN.fullmatch(value):
            self.found.setdefault(spans, Secret(value, spans, level))
