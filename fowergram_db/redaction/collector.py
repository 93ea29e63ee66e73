"""Note the strings of one text that are secrets, by the tokens that they begin at. Pure."""

from fowergram_db.redaction.expressions import Expressions
from fowergram_db.redaction.found import Search
from fowergram_db.redaction.lexemes import LexemeKind
from fowergram_db.redaction.texts import Text


class SecretCollector:
    """What is noted of one text; ``level`` is that of ``Secret``."""

    def __init__(self, search: Search, text: Text, expressions: Expressions, level: int) -> None:
        self.search = search
        self.text = text
        self.expressions = expressions
        self._tokens = expressions.tokens
        self._level = level

    def add(self, text: Text) -> None:
        """Note a text as a secret."""
        self.search.add(text, self._level)

    def take(self, at: int) -> int | None:
        """Note the string that begins at a token as a secret, and return where it ends; None if none begins.

        Of a parameter, its name is noted.
        """
        if at < len(self._tokens) and self._tokens[at].kind is LexemeKind.OTHER and self._tokens[at].value[0] == "$":
            self.search.named.add(self._tokens[at].value)
        if at >= len(self._tokens) or not self.expressions.begins(at):
            return None
        value, end = self.expressions.read(at)
        self.add(value)
        return end

    def take_value(self, at: int) -> int:
        """Note the strings that an expression may come to as secrets, and return where it ends."""
        self.take(at)
        value, end = self.expressions.read(at)
        self.add(value)
        return end

    def take_list(self, at: int) -> int | None:
        """Note the strings of a list, and return where it ends; None if no string begins at the token."""
        end = self.take(at)
        while end and self.expressions.is_symbol(end, ",") and (after := self.take(end + 1)):
            end = after
        return end
