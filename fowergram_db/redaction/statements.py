"""Find the secrets in SQL, as the server would read it. Pure.

A secret is the literal of a PASSWORD clause, a password in a connection string or in a URL within a literal, the value
of a setting or option that is called so, and the argument of a function that takes a password. What a table holds is
no secret: ``UPDATE users SET password = 'x'`` stays as it is. If SQL is put together from literals, as by ``format``
and ``||``, it is read as it would run, and a literal that is only assigned to a variable of such SQL counts, too.
"""

import re
from collections.abc import Iterable, Iterator

from fowergram_db.redaction.assignments import (
    assigned_value,
    default_value,
    elements,
    passed_setting,
    selected_values,
)
from fowergram_db.redaction.candidates import HINTS, is_worth_reading, parts_worth_reading
from fowergram_db.redaction.collector import SecretCollector
from fowergram_db.redaction.connection_strings import TextKind, password_spans
from fowergram_db.redaction.expressions import SETTING, Expressions
from fowergram_db.redaction.found import Search, Secret
from fowergram_db.redaction.lexemes import Lexeme, LexemeKind, lexemes
from fowergram_db.redaction.prose import ROLE_OPTIONS, prose_spans
from fowergram_db.redaction.role_passwords import take_role_password
from fowergram_db.redaction.secret_names import NAMED_SECRET, secret_argument, secret_setting
from fowergram_db.redaction.texts import UNKNOWN, Text, whole

_CLAUSES = frozenset(("password", "passwd", "passphrase", "sslpassword"))
_ASSIGNED = re.compile(r"(?:.*_)?(?:password|passwd|passphrase)")
# The words before a string that is executed.
_BODIES = frozenset(("as", "do", "execute"))
_MISSPELLED = re.compile(r"(?:pas+w|pass|pwd?|psw|kennwort|contrase|mot_?de_?passe)\w*")
_MORE_THAN_A_WORD = re.compile(r"[\s'\"$(]")
# How often a password passes from variable to variable.
_LONGEST_CHAIN = 5
_DEEPEST = 8
_LONGEST_VARIABLE = 2_000


def secrets_of(text: str) -> list[Secret]:
    r"""Return the secrets of an SQL text, which may be truncated anywhere, in no order.

    >>> [secret.value for secret in secrets_of("DO $$ BEGIN EXECUTE 'ALTER ROLE me PASSWORD ''it''''s'''; END $$")]
    ["it's"]
    >>> secrets_of("SELECT password FROM users WHERE password = 'x'")
    []
    """
    if not is_worth_reading(text.lower()):
        return []
    search = Search()
    readers: list[_SecretReader] = []
    for start, end in parts_worth_reading(text):
        _SecretReader(search, readers, whole(text).part(start, end), 0, is_code=True).read()
    for _ in range(_LONGEST_CHAIN):
        known = len(search.named)
        for reader in tuple(readers):
            reader.read_assignments()
        if len(search.named) == known:
            break
    return list(search.found.values())


class _SecretReader:
    """One text: the statements themselves, or what a string stands for. ``is_code``: it runs, and is no prose."""

    def __init__(
        self, search: Search, readers: "list[_SecretReader]", text: Text, level: int, *, is_code: bool
    ) -> None:
        self._search = search
        self._readers = readers
        self._text = text
        self._level = level
        self._is_code = is_code
        self._tokens, self._comments, _ = lexemes(text.value)
        self._expressions = Expressions(text, self._tokens, search.names, search.variables, self._walk)
        self._collector = SecretCollector(search, text, self._expressions, level)
        self._in_role = False
        self._in_update = False
        self._options_end = 0
        self._statement = 0
        readers.append(self)

    def read(self) -> None:
        self._walk(0, len(self._tokens))
        for start, end in self._comments:
            comment = self._text.value[start:end]
            if HINTS.search(comment):
                self._note(_part(self._text, start, prose_spans(comment)))

    def read_assignments(self) -> None:
        """Look for the literals that variables get whose values are secrets."""
        named = self._search.named - {""}
        has_settings = any(name.startswith(SETTING) for name in named)
        for at, token in enumerate(self._tokens if named else ()):
            if token.kind is LexemeKind.OTHER or token.kind is LexemeKind.STRING:
                continue
            if token.value in named:
                self._assigned_values(at)
            elif has_settings and (found := passed_setting(self._expressions, at)) and SETTING + found[0] in named:
                self._collector.take(found[1])

    def _assigned_values(self, at: int) -> None:
        value = assigned_value(self._expressions, at) or default_value(self._expressions, at)
        if value and value < len(self._tokens):
            self._collector.add(self._expressions.read(value)[0])
            for element in elements(self._expressions, value):
                self._collector.take(element)
        for selected in selected_values(self._expressions, at):
            self._collector.take(selected)

    def _note(self, parts: Iterable[Text]) -> None:
        for part in parts:
            self._collector.add(part)

    def _walk(self, at: int, end: int) -> None:
        """Read tokens; what belongs to a string that is put together is read as a whole."""
        while at < end:
            token = self._tokens[at]
            if token.kind is LexemeKind.OTHER:
                at = self._other(at, token)
            elif behind := self._secret(at, token):
                at = behind
            elif self._expressions.begins(at):
                at = self._string(at)
            else:
                at += 1

    def _other(self, at: int, token: Lexeme) -> int:
        """Step over a character: one may end a statement, or assign SQL to a variable."""
        if token.value == ";":
            self._in_role = self._in_update = False
            if self._expressions.is_word(self._statement, "prepare"):
                self._search.prepared[self._tokens[self._statement + 1].value] = self._search.take_parameters()
            self._statement = at + 1
        elif token.value == ":" and self._is_code and self._expressions.is_symbol(at + 1, "="):
            return self._assignment(at)
        return at + 1

    def _assignment(self, at: int) -> int:
        if at + 2 >= len(self._tokens):
            return at + 2
        value, end = self._expressions.read(at + 2)
        self._read_string(value, is_code=False)
        if len(value.value) <= _LONGEST_VARIABLE and HINTS.search(value.value):
            is_block = self._expressions.is_word(self._statement, "declare", "begin", "then", "else", "loop")
            if name := self._at(self._statement + is_block):
                self._search.variables[name] = value
        return max(end, at + 2)

    def _string(self, at: int) -> int:
        is_code = self._is_code and self._is_body(at)
        text, end = self._expressions.read(at)
        self._read_string(text, is_code=is_code)
        if self._expressions.is_word(end, "using"):
            self._parameters(end + 1)
        return end

    def _is_body(self, at: int) -> bool:
        is_word = self._expressions.is_word
        return is_word(at - 1, *_BODIES) or is_word(at - 2, "language")

    def _read_string(self, text: Text, *, is_code: bool) -> None:
        if not HINTS.search(text.value):
            return
        self._note(_part(text, 0, password_spans(text.value, TextKind.LITERAL)))
        if self._level < _DEEPEST and _MORE_THAN_A_WORD.search(text.value):
            _SecretReader(
                self._search, self._readers, text, self._level + 1, is_code=is_code or text.is_composed
            ).read()

    def _parameters(self, at: int) -> None:
        """Take the values of USING that a PASSWORD clause refers to as ``$1``."""
        number = 1
        while at < len(self._tokens) and not self._expressions.is_symbol(at, ";"):
            value, at = self._expressions.read(at)
            if f"${number}" in self._search.named:
                self._collector.add(value)
            if not self._expressions.is_symbol(at, ","):
                break
            number, at = number + 1, at + 1
        self._search.take_parameters()

    def _secret(self, at: int, token: Lexeme) -> int | None:
        """Return where to continue if a secret begins with a token, or None."""
        if token.kind is LexemeKind.STRING:
            return None
        if behind := self._statement_part(at, token.value, token.kind) or self._argument(token.value, at):
            return behind
        if token.value.lower() in _CLAUSES and (behind := self._clause(at)):
            return behind
        is_misspelled = self._in_role and self._is_code and _MISSPELLED.fullmatch(token.value)
        is_option = at < self._options_end and (NAMED_SECRET.fullmatch(token.value) or token.value == "passfile")
        if is_option or (is_misspelled and token.value not in _CLAUSES):
            return self._collector.take(at + 1)
        if self._is_code and _ASSIGNED.fullmatch(token.value) and (value := assigned_value(self._expressions, at)):
            return self._collector.take(value)
        return None

    def _statement_part(self, at: int, word: str, kind: LexemeKind) -> int | None:
        """Note which statement a word begins; return where to continue if it has a secret in it."""
        if kind is not LexemeKind.WORD:
            return None
        is_word = self._expressions.is_word
        if word in ("create", "alter") and is_word(at + 1, "role", "user", "group"):
            self._in_role = not is_word(at + 2, "mapping")
        elif word in ("update", "merge"):
            self._in_update = True
        elif word == "execute" and (secret := self._search.prepared.get(self._at(at + 1))):
            self._prepared_values(at + 2, secret)
        elif word == "options" and self._expressions.is_symbol(at + 1, "("):
            self._options_end = self._expressions.closing(at + 1)
        elif word == "identified" and is_word(at + 1, "by"):
            return self._collector.take(at + 2)
        elif word == "set":
            value = None if self._in_update else secret_setting(self._expressions, at + 1)  # there, it is a column
            return self._collector.take_list(value) if value else None
        return None

    def _at(self, at: int) -> str:
        """Return the token at a place, "" after the last one."""
        return self._tokens[at].value if at < len(self._tokens) else ""

    def _prepared_values(self, opening: int, secret: set[str]) -> None:
        if self._expressions.is_symbol(opening, "("):
            for number, (start, _) in enumerate(self._expressions.arguments(opening), start=1):
                if f"${number}" in secret:
                    self._collector.take(start)

    def _clause(self, at: int) -> int | None:
        if not (self._is_code or self._is_clause(at)):
            return None
        value = at + 1
        while self._expressions.is_symbol(value, "("):
            value += 1
        if self._expressions.is_symbol(value, UNKNOWN):
            self._collector.add(self._text.part(self._tokens[value].start, self._tokens[value].end))
        elif value < len(self._tokens) and self._tokens[value].kind is LexemeKind.OTHER:
            self._search.named.add(self._tokens[value].value)  # $1
        if self._in_role and self._is_code:
            return take_role_password(self._collector, at + 1)
        return self._collector.take(value)

    def _is_clause(self, at: int) -> bool:
        """Distinguish a clause from prose that says "password"."""
        token, before = self._tokens[at], self._tokens[at - 1] if at else None
        if before is None or self._in_role or at < self._options_end:
            return True
        is_option = before.kind is LexemeKind.WORD and before.value in ROLE_OPTIONS
        follows = before.kind is LexemeKind.OTHER and before.value in f"(,{UNKNOWN}"
        return is_option or follows or self._text.value[token.start : token.end].isupper()

    def _argument(self, function: str, at: int) -> int | None:
        """Read the arguments of a function that takes a secret; return where they end, None for another token."""
        found = secret_argument(self._expressions, function, at)
        if found is None:
            return None
        arguments, secret = found
        for start, end in arguments:
            begin = secret if secret is not None and start <= secret < end else None
            self._walk(start if begin is None else self._collector.take_value(begin), end)
        return self._expressions.closing(at + 1) + 1


def _part(text: Text, offset: int, spans: Iterable[tuple[int, int]]) -> Iterator[Text]:
    for start, end in spans:
        yield text.part(offset + start, offset + end)
