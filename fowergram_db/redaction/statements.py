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
from fowergram_db.redaction.connection_strings import TextKind, password_spans
from fowergram_db.redaction.expressions import SETTING, Expressions
from fowergram_db.redaction.found import Search, Secret
from fowergram_db.redaction.lexemes import Lexeme, LexemeKind, lexemes, statement_spans
from fowergram_db.redaction.prose import ROLE_OPTIONS, prose_spans
from fowergram_db.redaction.texts import UNKNOWN, Text, whole

_HINTS = re.compile(
    r"pass(?:word|wd|phrase|file)|pwd|secret|token|api_?key|access_key|private_key|credentials|identified|://|crypt"
    r"|curl\s|sshpass|mysql|mariadb|(?:create|alter)\s+(?:role|user|group)",
    re.IGNORECASE,
)
# One of these is in all that is worth reading: a word of the hints, or what may put such a word together. To look for
# words takes a fraction of the time that a pattern takes, and most of a long script has none.
_WORDS = (
    *("pass", "pwd", "secret", "token", "apikey", "api_key", "access_key", "private_key", "credentials", "identified"),
    *("://", "crypt", "curl", "mysql", "mariadb", "quote_literal", "quote_nullable"),
)
_ROLES = tuple(re.compile(rf"{verb}\s+(?:role|user|group)") for verb in ("create", "alter"))
_EXECUTES = re.compile(r"execute\s+[^\s(]+\s*\(")
_CLAUSES = frozenset(("password", "passwd", "passphrase", "sslpassword"))
_ASSIGNED = re.compile(r"(?:.*_)?(?:password|passwd|passphrase)")
_NAMED_SECRET = re.compile(
    r"(?:.*[._])?(?:(?:ssl)?(?:password|passwd|passphrase)|pwd|secret|token|credentials?"
    r"|(?:api|access|private|secret|secret_access|encryption|signing|jwt|master)_key|apikey|ssl_passphrase_command)",
    re.IGNORECASE,
)
# The arguments that are passwords, by function; pgcrypto calls them so.
_ARGUMENTS = {
    **dict.fromkeys(("crypt", "create_secret"), 0),
    **dict.fromkeys(("create_aws_credentials", "update_secret"), 1),
    **dict.fromkeys(("pgp_sym_encrypt", "pgp_sym_encrypt_bytea", "pgp_sym_decrypt", "pgp_sym_decrypt_bytea"), 1),
    **dict.fromkeys(("pgp_pub_decrypt", "pgp_pub_decrypt_bytea"), 2),
}
# What these arguments are called, if a call names them.
_ARGUMENT_NAMES = {"set_config": "new_value", "create_secret": "new_secret", "update_secret": "new_secret"}
# The words before a string that is executed.
_BODIES = frozenset(("as", "do", "execute"))
_BARE = re.compile(r"[^\s;'\"$%:,()\\]+")
_AFTER_STRING = re.compile(r"[\w!?#%&*.~^@+=$/<>-][^'\n]*")
_MISSPELLED = re.compile(r"(?:pas+w|pass|pwd?|psw|kennwort|contrase|mot_?de_?passe)\w*")
_LIST_OF_ROLE = ROLE_OPTIONS - {"add", "infinity", "limit", "set"} | frozenset(
    ("admin", "connection", "in", "role", "sysid", "user", "valid")
)
_MORE_THAN_A_WORD = re.compile(r"[\s'\"$(]")
_LONG = 100_000
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
    if not _is_worth_reading(text.lower()):
        return []
    search = Search()
    readers: list[_SecretReader] = []
    for start, end in _worth_reading(text):
        _SecretReader(search, readers, whole(text).part(start, end), 0, is_code=True).read()
    for _ in range(_LONGEST_CHAIN):
        known = len(search.named)
        for reader in tuple(readers):
            reader.read_assignments()
        if len(search.named) == known:
            break
    return list(search.found.values())


def _worth_reading(text: str) -> Iterator[tuple[int, int]]:
    """Yield the parts to read, as (start, end): of a long text, the statements alone that may have a secret."""
    if len(text) <= _LONG:
        yield 0, len(text)
        return
    for start, end in statement_spans(text):
        statement = text[start:end].lower()
        if _is_worth_reading(statement) or _EXECUTES.search(statement):
            yield start, end


def _is_worth_reading(lowered: str) -> bool:
    """Return whether a text in lower case may have a secret.

    >>> [_is_worth_reading(text) for text in ("select 'a'", "alter  user a", "select * from user", "'https://a'")]
    [False, True, False, True]
    """
    return any(word in lowered for word in _WORDS) or any(role.search(lowered) for role in _ROLES)


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
        self._in_role = False
        self._in_update = False
        self._options_end = 0
        self._statement = 0
        readers.append(self)

    def read(self) -> None:
        self._walk(0, len(self._tokens))
        for start, end in self._comments:
            comment = self._text.value[start:end]
            if _HINTS.search(comment):
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
                self._take(found[1])

    def _assigned_values(self, at: int) -> None:
        value = assigned_value(self._expressions, at) or default_value(self._expressions, at)
        if value and value < len(self._tokens):
            self._search.add(self._expressions.read(value)[0], self._level)
            for element in elements(self._expressions, value):
                self._take(element)
        for selected in selected_values(self._expressions, at):
            self._take(selected)

    def _note(self, parts: Iterable[Text]) -> None:
        for part in parts:
            self._search.add(part, self._level)

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
        if len(value.value) <= _LONGEST_VARIABLE and _HINTS.search(value.value):
            is_block = self._expressions.is_word(self._statement, "declare", "begin", "then", "else", "loop")
            self._search.variables[self._tokens[self._statement + is_block].value] = value
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
        if not _HINTS.search(text.value):
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
                self._search.add(value, self._level)
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
        is_option = at < self._options_end and (_NAMED_SECRET.fullmatch(token.value) or token.value == "passfile")
        if is_option or (is_misspelled and token.value not in _CLAUSES):
            return self._take(at + 1)
        if self._is_code and _ASSIGNED.fullmatch(token.value) and (value := assigned_value(self._expressions, at)):
            return self._take(value)
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
        elif word == "execute" and (secret := self._search.prepared.get(self._after(at))):
            self._prepared_values(at + 2, secret)
        elif word == "options" and self._expressions.is_symbol(at + 1, "("):
            self._options_end = self._expressions.closing(at + 1)
        elif word == "identified" and is_word(at + 1, "by"):
            return self._take(at + 2)
        elif word == "set":
            return self._setting(at + 1)
        return None

    def _after(self, at: int) -> str:
        return self._tokens[at + 1].value if at + 1 < len(self._tokens) else ""

    def _prepared_values(self, opening: int, secret: set[str]) -> None:
        if self._expressions.is_symbol(opening, "("):
            for number, (start, _) in enumerate(self._expressions.arguments(opening), start=1):
                if f"${number}" in secret:
                    self._take(start)

    def _take(self, at: int) -> int | None:
        """Note the string that begins at a token as a secret, and return where it ends; None if none begins.

        Of a parameter, its name is noted.
        """
        if at < len(self._tokens) and self._tokens[at].kind is LexemeKind.OTHER and self._tokens[at].value[0] == "$":
            self._search.named.add(self._tokens[at].value)
        if at >= len(self._tokens) or not self._expressions.begins(at):
            return None
        value, end = self._expressions.read(at)
        self._search.add(value, self._level)
        return end

    def _clause(self, at: int) -> int | None:
        if not (self._is_code or self._is_clause(at)):
            return None
        value = at + 1
        while self._expressions.is_symbol(value, "("):
            value += 1
        if self._expressions.is_symbol(value, UNKNOWN):
            self._search.add(self._text.part(self._tokens[value].start, self._tokens[value].end), self._level)
        elif value < len(self._tokens) and self._tokens[value].kind is LexemeKind.OTHER:
            self._search.named.add(self._tokens[value].value)  # $1
        if self._in_role and self._is_code:
            return self._of_role(at + 1)
        return self._take(value)

    def _is_clause(self, at: int) -> bool:
        """Distinguish a clause from prose that says "password"."""
        token, before = self._tokens[at], self._tokens[at - 1] if at else None
        if before is None or self._in_role or at < self._options_end:
            return True
        is_option = before.kind is LexemeKind.WORD and before.value in ROLE_OPTIONS
        follows = before.kind is LexemeKind.OTHER and before.value in f"(,{UNKNOWN}"
        return is_option or follows or self._text.value[token.start : token.end].isupper()

    def _of_role(self, at: int) -> int:
        """Take all strings up to the role's next option; if there is none, what is written instead of one.

        That is an error, which would show it.
        """
        begin, has_string = at, False
        while at < len(self._tokens) and not self._ends_option(at):
            is_variable = (
                at > begin and self._tokens[at - 1].value == ":" and self._tokens[at - 1].end == self._tokens[at].start
            )
            end = None if is_variable else self._take(at)
            has_string = has_string or is_variable or end is not None
            at = self._after_stray_quote(at, end) if end else at + 1
        if not has_string:
            self._bare(begin)
        return at

    def _after_stray_quote(self, at: int, end: int) -> int:
        """Take what directly follows a string, up to the next quote: in ``'it's x'``, a quote within closed it."""
        token = self._tokens[end - 1]
        rest = _AFTER_STRING.match(self._text.value, token.end) if token.kind is LexemeKind.STRING else None
        if not rest or self._tokens[at].value[-1] != "'" or self._ends_option(end):
            return end
        self._search.add(self._text.part(*rest.span()), self._level)
        while end < len(self._tokens) and self._tokens[end].start < rest.end():
            end += 1
        return end

    def _ends_option(self, at: int) -> bool:
        return self._expressions.is_symbol(at, ";") or self._expressions.is_word(at, "null", "end", *_LIST_OF_ROLE)

    def _bare(self, at: int) -> None:
        while at < len(self._tokens) and (self._tokens[at].value in "=:(" or self._expressions.is_word(at, "to", "is")):
            at += 1
        if at >= len(self._tokens) or self._ends_option(at):
            return
        token = self._tokens[at]
        start, end = token.start, token.end
        if token.kind is LexemeKind.NAME:
            start, end = start + 1, max(start + 1, end - 1)
        elif bare := _BARE.match(self._text.value, start):
            end = bare.end()
        else:
            return
        self._search.add(self._text.part(start, end), self._level)

    def _setting(self, at: int) -> int | None:
        """Take the value of ``SET a.password = 'x'``; in an UPDATE, that is a column."""
        is_word, is_symbol = self._expressions.is_word, self._expressions.is_symbol
        at += is_word(at, "local", "session")
        begin = at
        while is_symbol(at + 1, "."):
            at += 2
        if self._in_update or at >= len(self._tokens) or self._tokens[at].kind in (LexemeKind.STRING, LexemeKind.OTHER):
            return None
        name = self._tokens[at].value
        if (at > begin or "." in name or name == "ssl_passphrase_command") and _NAMED_SECRET.fullmatch(name):
            return self._values(at + 2) if is_word(at + 1, "to") or is_symbol(at + 1, "=") else None
        return None

    def _values(self, at: int) -> int | None:
        """Take the strings of a list."""
        end = self._take(at)
        while end and self._expressions.is_symbol(end, ",") and (behind := self._take(end + 1)):
            end = behind
        return end

    def _argument(self, function: str, at: int) -> int | None:
        is_known = function in _ARGUMENTS or function == "set_config"
        if not is_known or not self._expressions.is_symbol(at + 1, "("):
            return None
        arguments = self._expressions.arguments(at + 1)
        named = {self._tokens[start].value: value for start, _ in arguments if (value := self._named_argument(start))}
        if function == "set_config":
            setting = named.get("setting_name") or (arguments[0][0] if arguments else 0)
            if not self._names_secret(setting):
                return None
        position = _ARGUMENTS.get(function, 1)
        secret = named.get(_ARGUMENT_NAMES.get(function, ""))
        if secret is None and position < len(arguments):
            secret = arguments[position][0]
        for start, end in arguments:
            begin = secret if secret is not None and start <= secret < end else None
            self._walk(start if begin is None else self._take_value(begin), end)
        return self._expressions.closing(at + 1) + 1

    def _named_argument(self, at: int) -> int | None:
        """Return where the value of a named argument begins."""
        is_symbol = self._expressions.is_symbol
        is_named = (is_symbol(at + 1, "=") and is_symbol(at + 2, ">")) or (
            is_symbol(at + 1, ":") and is_symbol(at + 2, "=")
        )
        return at + 3 if is_named and at + 3 < len(self._tokens) else None

    def _take_value(self, at: int) -> int:
        """Note the strings that an expression may come to as secrets, and return where it ends."""
        self._take(at)
        value, end = self._expressions.read(at)
        self._search.add(value, self._level)
        return end

    def _names_secret(self, at: int) -> bool:
        if at >= len(self._tokens) or self._tokens[at].kind is not LexemeKind.STRING:
            return False
        return bool(_NAMED_SECRET.fullmatch(self._expressions.read(at)[0].value))


def _part(text: Text, offset: int, spans: Iterable[tuple[int, int]]) -> Iterator[Text]:
    for start, end in spans:
        yield text.part(offset + start, offset + end)
