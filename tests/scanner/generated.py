"""Generate SQL scripts, and compare the scanner with libpg_query on each.

    python -m tests.scanner.generated --count 100000 --seed 1

A script is made of a seed alone: ``--seed N --count 1`` makes one of them again. Every script is valid SQL, which
libpg_query's grammar confirms; one that it cannot parse counts as a failure too.
"""

import argparse
import random
import sys
import time
from collections.abc import Callable, Iterator

from pglast.parser import ParseError

from fowergram_db.migrations.script.scanner import scan

from .reference import Reference

Maker = Callable[["Generator"], list[str]]

SPACES = (" ", " ", " ", "  ", "\n", "\n  ", "\t", "\r\n", "\r", "\f", "\v", " \n\n")
NAMES = (
    "t", "users", "a$b", "a$$b", "b$1$", "_x", "E", "u", "atomic", "begin", "commit_", "stdin", "ตาราง", "é$é$",
    "x\u00a0y", "copy", "function", "procedure", "escape", "typE", "index", "concurrently_", "date", "N1",
    '"a;b"', '"a""b"', '"it\'s"', '"$$"', '"--"', '"/*"', '"COMMIT;"', '"concurrently"', '"ตา;ราง"', 'U&"d\\0061;t"',
    '"a\\"', '"end"', '"BEGIN ATOMIC"', '"\n;"',
)  # fmt: skip
STRINGS = (
    "''", "'x'", "'a;b'", "'it''s'", "''''", "'C:\\'", "'\\'", "'--'", "'/* ; '", "'*/'", "'$$ ;'", "'\"'", "'a\n;b'",
    "E''", "E'it\\'s; '", "E'\\\\'", "e'\\\\\\';'", "E'a''b;'", "E'\n\\';'", "E'--\\''", "E'/*\\''",
    "'a'\n';b'", "'a;'  -- more\n  'b\\'", "E'a\\''\n'\\';b'", "E'a' -- it's\n '\\'; '", "'x'\r\n';'",
    "e'\\''\r ';\\''",
    "U&'d\\0061;'", "U&'\\\\'", "B'01'", "X'1F'", "N'x;'", "'COMMIT; BEGIN ATOMIC'", "'กิน;ข้าว'", "'\u00a0;'",
    "$$$$", "$$;$$", "$$it's$$", "$$ /* $$", "$$ -- $$", "$a$ $b$ ; $b$ $$ $a$", "$a$;$A$;$a$", "$a1_$ ; $a $a1_$",
    "$ไทย$ ; ' $ไทย$", "$$\n;\n$$", "$a$$a$", "$_$ $ $_$", "$x$ $$ ' \" -- /* $x$", "$$a$b$;$$",
)  # fmt: skip
COMMENTS = (
    "-- ; '\n", "-- $$ /*\n", "--\n", "-- \"x\r", "-- it's; COMMIT;\r\n", "--;--\n", "/* ; */", "/**/", "/* ' */",
    "/* outer /* inner ; */ ; */", "/* $$ -- \n ; */", "/*/**/*/", "/*** \" ***/", "/* a /* b /* c; */ */ ; */",
    "/* BEGIN ATOMIC */", "-- \u00a0 ไทย;\n", "/*;*/", "/* // */", "/*'*/", "--/*\n", "--*/\n",
)  # fmt: skip
NUMBERS = ("1", "0", "42", "1.5", ".5", "1e10", "2.E-3", "$1", "$12", "-1", "+ 2")
# Only operators that no comment after them could join: "-" and "--" would be one comment, as they are for the server.
OPERATORS = ("+", "*", "||", "=~", "<=>", "!=<", "%", "@>", "&&", "->>", "#>", "~*", "!~", "^", "<->", "@", "?|", "|/|")
_TIGHT = frozenset("(),;.")


class Generator:
    """Makes one script of a seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.chance = self.random.random
        self.pick = self.random.choice

    def script(self) -> str:
        """Return a script of up to eight statements, some of them empty."""
        parts = [self._gap()]
        for _ in range(self.random.randint(0, 8)):
            parts += self.joined(self.pick(STATEMENTS)(self)), self._gap(), ";", self._gap()
        if self.chance() < 0.3:
            parts += self._gap(), ";"
        elif self.chance() < 0.3:
            parts.append(self.joined(self.pick(STATEMENTS)(self)))
            parts.append(self.pick(("", " ", "\n", " -- the end;", "\n/* ; */", "--")))
        return "".join(parts)

    def joined(self, tokens: list[str]) -> str:
        """Write tokens one after the other, with anything that may separate them."""
        text = ""
        for token in tokens:
            tight = token[:1] in _TIGHT or text[-1:] in _TIGHT
            text += self.separator(tight=tight) + token if text else token
        return text

    def separator(self, *, tight: bool) -> str:
        """Return white space and comments; nothing at all only where it separates nothing."""
        dice = self.chance()
        if tight and dice < 0.5:
            return ""
        if dice < 0.85:
            return self.pick(SPACES)
        comments = "".join(self.pick(COMMENTS) for _ in range(self.random.randint(1, 2)))
        return self.pick(("", *SPACES)) + comments + self.pick(("", *SPACES))

    def _gap(self) -> str:
        return "".join(self.pick((*SPACES, *COMMENTS)) for _ in range(self.random.choice((0, 0, 1, 1, 3))))

    def name(self) -> list[str]:
        return [self.pick(NAMES)]

    def string(self) -> list[str]:
        return [self.pick(STRINGS)]

    def table(self) -> list[str]:
        return self.name() if self.chance() < 0.7 else [*self.name(), ".", *self.name()]

    def listed(self, make: Callable[[], list[str]]) -> list[str]:
        tokens = make()
        for _ in range(self.random.randint(0, 2)):
            tokens += [",", *make()]
        return tokens

    def expression(self, depth: int = 3) -> list[str]:
        if depth == 0:
            return self.pick((self.string, self.string, self.name, lambda: [self.pick(NUMBERS)]))()
        less = depth - 1

        def inner() -> list[str]:
            return self.expression(less)

        return self.pick(
            (
                inner,
                inner,
                lambda: ["(", *inner(), ")"],
                lambda: [*inner(), self.pick(OPERATORS), *inner()],
                lambda: ["5", "-", "-3", "/", "2"],
                lambda: ["CASE", "WHEN", "true", "THEN", *inner(), "ELSE", *inner(), "END"],
                lambda: ["case", "(", *inner(), ")", "when", "1", "then", *inner(), "end"],
                lambda: ["f", "(", *self.listed(inner), ")"],
                lambda: ["array", "[", *self.listed(inner), "]"],
                lambda: ["(", "SELECT", *inner(), ")"],
                lambda: ["date", self.pick(("'x;'", "'it''s'", "E'\\';'"))],
                lambda: ["CAST", "(", *inner(), "AS", "text", ")"],
                lambda: ["(", *inner(), ")", "::", "text"],
                lambda: ["(", *inner(), ",", *inner(), ")"],
            )
        )()

    def query(self) -> list[str]:
        tokens = ["SELECT", *self.listed(self._column)]
        if self.chance() < 0.5:
            tokens += ["FROM", *self.table()]
        if self.chance() < 0.3:
            tokens += ["WHERE", *self.expression()]
        return tokens

    def _column(self) -> list[str]:
        alias = self.pick(([], [], ["AS", "end"], ["AS", "begin"], ["AS", "case"], ["AS", *self.name()]))
        if self.chance() < 0.1:
            return ["1", self.pick(("end", "case", "atomic", "commit"))]
        return ["(", *self.expression(), ")", *alias]

    def block(self, depth: int = 2) -> list[str]:
        """Return BEGIN ATOMIC … END, each of its statements with its semicolon."""
        tokens = ["BEGIN", self.pick(("ATOMIC", "atomic"))]
        for _ in range(self.random.randint(0, 4)):
            makers: list[Callable[[], list[str]]] = [
                self.query,
                self.query,
                lambda: ["RETURN", *self.expression()],
                lambda: ["UPDATE", "t", "SET", "a", "=", "CASE", "WHEN", "b", "THEN", "1", "END"],
                lambda: ["SELECT", "t.end", ",", "x", "AS", "end", "FROM", "t"],
                lambda: ["SELECT", "begin", "atomic", "FROM", "t"],
                lambda: ["INSERT", "INTO", "t", "VALUES", "(", *self.expression(), ")"],
            ]
            if depth:
                makers.append(lambda: function(self, depth - 1))
            tokens += [*self.pick(makers)(), ";"]
        return [*tokens, self.pick(("END", "end"))]


def function(make: Generator, depth: int = 2) -> list[str]:
    kind = make.pick((["FUNCTION"], ["OR", "REPLACE", "FUNCTION"], ["PROCEDURE"], ["or", "replace", "procedure"]))
    default = ["DEFAULT", *make.expression(1)] if make.chance() < 0.3 else []
    head = ["CREATE", *kind, *make.table(), "(", "a", "int", *default, ")"]
    if "FUNCTION" in kind:
        head += ["RETURNS", "int"]
    quoted = ["AS", make.pick([string for string in STRINGS if string.startswith("$")]), "LANGUAGE", "plpgsql"]
    return [*head, *(make.block(depth) if make.chance() < 0.7 else quoted)]


def _rule(make: Generator) -> list[str]:
    head = [
        "CREATE",
        "RULE",
        *make.name(),
        "AS",
        "ON",
        "INSERT",
        "TO",
        *make.table(),
        "DO",
        make.pick(("ALSO", "INSTEAD")),
    ]
    body = ["(", *make.query(), ";", *make.query(), *make.pick(([], [";"])), ")"]
    return [*head, *body]


STATEMENTS: tuple[Maker, ...] = (
    Generator.query,
    Generator.query,
    function,
    function,
    _rule,
    lambda make: ["(", *make.query(), ")"],
    lambda make: ["WITH", "x", "AS", "(", *make.query(), ")", *make.query()],
    lambda make: ["INSERT", "INTO", *make.table(), "VALUES", "(", *make.listed(make.expression), ")"],
    lambda make: ["UPDATE", *make.table(), "SET", "a", "=", *make.expression(), "WHERE", *make.expression()],
    lambda make: ["DELETE", "FROM", *make.table(), "WHERE", *make.expression()],
    lambda make: ["CREATE", "TABLE", *make.table(), "(", "a", "int", "DEFAULT", "(", *make.expression(), ")", ")"],
    lambda make: ["CREATE", "VIEW", *make.table(), "AS", *make.query()],
    lambda make: ["CREATE", "INDEX", "CONCURRENTLY", "i", "ON", *make.table(), "(", "(", *make.expression(), ")", ")"],
    lambda make: ["COMMENT", "ON", "TABLE", *make.table(), "IS", make.pick(("'a;b'", "E'\\';'", "$$;$$", "'C:\\'"))],
    lambda make: ["DO", make.pick([string for string in STRINGS if string.startswith("$")])],
    lambda make: ["COPY", *make.table(), "FROM", "'/stdin;'"],
    lambda make: ["copy", "(", *make.query(), ")", "to", "STDOUT"],
    lambda make: ["ALTER", "TABLE", *make.table(), "DETACH", "PARTITION", *make.table(), "CONCURRENTLY"],
    lambda _: ["BEGIN"],
    lambda _: ["COMMIT"],
    lambda _: ["END"],
    lambda make: ["SET", "search_path", "=", make.pick(("'a;'", "public"))],
    lambda make: ["PREPARE", *make.name(), "AS", *make.query()],
)  # fmt: skip


def difference(seed: int) -> str:
    """Return what the scanner and libpg_query do not agree on in the script of a seed, "" where they do."""
    text = Generator(seed).script()
    try:
        expected = Reference(text).by_parser()
    except ParseError as error:
        return f"seed {seed}: libpg_query cannot parse it: {error}\n{text!r}"
    found = [(statement.start, statement.end) for statement in scan(text).statements]
    if found == expected:
        return ""
    ours, theirs = ([text[start:end] for start, end in spans] for spans in (found, expected))
    return f"seed {seed}: {text!r}\n  scanner:     {ours}\n  libpg_query: {theirs}"


def differences(first: int, count: int) -> Iterator[str]:
    """Yield what differs in the scripts of `count` seeds from `first` on."""
    return filter(None, map(difference, range(first, first + count)))


def main() -> int:
    """Compare, report, and say by the exit code whether all was the same."""
    parser = argparse.ArgumentParser(description="Hold the scanner against libpg_query on generated scripts.")
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1, help="seed of the first script; each next has the next number")
    parser.add_argument("--show", type=int, default=5, help="how many differences to show")
    arguments = parser.parse_args()
    began = time.monotonic()
    found = list(differences(arguments.seed, arguments.count))
    sys.stdout.write("\n".join([*found[: arguments.show], ""]))
    elapsed_s = time.monotonic() - began
    sys.stdout.write(f"{arguments.count} scripts in {elapsed_s:.0f} s, {len(found)} differences\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
