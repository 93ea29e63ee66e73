"""Inputs that are wrong in some way, the same ones each time: command lines, variables, files, directories."""

import itertools
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from fowergram_db.cli.app import build_command

NOWHERE = "postgresql://me:sesame@localhost:1/x"
"""A server that refuses every connection: no input can leave anything in a database."""


@dataclass(frozen=True, slots=True)
class Case:
    """One input: its group, the command line, the variables, and what is in the working directory."""

    group: str
    arguments: tuple[str, ...]
    variables: Mapping[str, str] = field(default_factory=dict)
    prepare: Callable[[Path], object] | None = None

    def __str__(self) -> str:
        return f"{self.group}: {' '.join(map(ascii, self.arguments))} {dict(self.variables)!a}"


def cases(seed: int = 1) -> tuple[Case, ...]:
    """Return all cases, in the same order each time."""
    from tests.bad_inputs import files

    chance = random.Random(seed)
    found = [
        *_values(chance),
        *_variables(chance),
        *_shapes(),
        *_words(chance),
        *_urls(),
        *_parts(),
        *_durations(),
        *_surroundings(),
        *files.env_files(),
        *files.directories(),
        *files.scripts(chance),
    ]
    once = {(case.arguments, tuple(case.variables.items()), case.prepare): case for case in found}
    return tuple(once.values())


NUMBERS = (
    "", " ", "x", "1.5", "1e3", "0x10", "-1", "-0", "+", "--", "9" * 30, "-" + "9" * 30, "9" * 5000, "1 2", "1,000", "½", "²",
    "NaN", "inf", "-inf", "1e400", "true", "None", "\u202e1", "1\n2", "\x1b[31m1", "::error::1", "1;DROP TABLE x", "%s", "{0}",
    "\udcff", "\x00x".replace("\x00", "\udc80"), "[red]1[/red]",
)  # fmt: skip
WORDS = (
    "", " ", "-", "--", "x" * 300, "x" * 70_000, "ก" * 64, "\udcff", "a\nb", "a\tb", "\x1b]0;t\a", "\u202e", "\ufeff", "${X}", "$(id)",
    "`id`", "'", '"', "\\", "%", "%s%n", "{}", "[b]x[/b]", "::error::x", "##[error]x", "..", "/", "/dev/null", "/dev/full", "~", "*", "?",
    "a b", "a;b", "a|b", "../../etc/passwd", "con", "NULL", "😀", "e\u0301", "\U000e0041", "\u2028", "postgresql://u:sesame@h/d",
)  # fmt: skip
DURATIONS = (
    "", " ", "x", "5 s", "5S", "5sec", "-5s", "+5s", "1.5s", "1e3ms", "5s5", "s5", "5", "ms", "9" * 30 + "s", "9" * 400 + "h", "5h5m5",
    "∞", "1d 1h", "0x5s", "٥s", "5\ns", "5s\x1b", "\udcffs", "5µs", "5us", "5ns", "5w", "5y", "-0", "0.0000001s", "NaN", "inf", "1,5s",
    "PT5S", "00:00:05", "5s;", "5s --", "'5s'", "5minutes", "5m", "2147483648ms", "25d", "99999999999999999999d",
)  # fmt: skip


def commands() -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield every command, as the words that call it, with what Typer knows of it."""
    everything = build_command(["help"])
    for name, command in everything.commands.items():
        if hasattr(command, "commands"):
            yield from (((name, part), inner) for part, inner in command.commands.items())
        elif name != "slow-query":
            yield (name,), command


def _options() -> Iterator[tuple[tuple[str, ...], Any]]:
    for words, command in commands():
        yield from ((words, parameter) for parameter in command.params if parameter.param_type_name == "option")


def _required(words: Sequence[str]) -> tuple[str, ...]:
    """Return what else a command needs: an argument, a server that is none."""
    at_hand = {"new": ("a name",), "help": ()}
    return at_hand.get(words[0], ("--database-url", NOWHERE))


def _is_flag(parameter: Any) -> bool:
    """Say whether an option takes no value, as -v, which counts how often it is given."""
    return bool(parameter.is_flag or parameter.count)


def _bad_values(parameter: Any) -> Sequence[str]:
    kind = type(parameter.type).__name__
    if "Float" in kind:  # what is a number of seconds would be waited for
        return [text for text in NUMBERS if text not in ("9" * 30, "9" * 5000, "1.5", "1e3")]
    if "Int" in kind:
        return NUMBERS
    if parameter.metavar == "DURATION":
        return DURATIONS
    return WORDS


def _values(chance: random.Random) -> Iterator[Case]:
    """Yield, for each option of each command, values that it cannot have, and some that are only odd."""
    for words, parameter in _options():
        flag = parameter.opts[0]
        if _is_flag(parameter):
            yield from (Case("values", (*words, f"{flag}={value}", *_required(words))) for value in ("", "1", "no"))
            continue
        values = _bad_values(parameter)
        for value in sorted(chance.sample(values, 5)):
            yield Case("values", (*words, *_required(words), flag, value))
        yield Case("values", (*words, *_required(words), f"{flag}={chance.choice(values)}"))
        yield Case("values", (*words, *_required(words), flag))


def _variables(chance: random.Random) -> Iterator[Case]:
    """Yield the same by the variable of each option; an empty one counts as unset."""
    for words, parameter in _options():
        if not parameter.envvar:
            continue
        values = ("maybe", "2", "\udcff", "x" * 300) if _is_flag(parameter) else _bad_values(parameter)
        given = [value for value in values if "\x00" not in value]
        for value in chance.sample(given, min(3, len(given))):
            url = {} if parameter.envvar == "DATABASE_URL" else {"DATABASE_URL": NOWHERE}
            yield Case(
                "variables", (*words, *([] if words != ("new",) else ["name"])), {**url, parameter.envvar: value}
            )


def _shapes() -> Iterator[Case]:
    """Yield options that are repeated, abbreviated, unknown, written wrong, or exclude each other."""
    for words, command in commands():
        flags = [p.opts[0] for p in command.params if p.param_type_name == "option" and not _is_flag(p)]
        for flag in flags[:3]:
            yield Case("shapes", (*words, flag, "1", flag, "2"))
        yield from (Case("shapes", (*words, *_required(words), flag[:-2])) for flag in flags[:2])
        for wrong in (
            "--nonsense",
            "-x",
            "-",
            "--",
            "--=",
            "--JSON",
            "-json",
            "--json=",
            "---json",
            "--no-json",
            "--é",
        ):
            yield Case("shapes", (*words, *_required(words), wrong, "surplus", "more"))
        yield Case("shapes", ("--json", *words))
        yield Case("shapes", (*words, "--version"))
    yield Case("shapes", ("rollback", "--steps", "1", "--to", "1", "--database-url", NOWHERE))
    yield Case("shapes", ("migrate", "--atomic", "--dry-run", "--to", "999999", "--database-url", NOWHERE))


def _words(chance: random.Random) -> Iterator[Case]:
    """Yield words that are no command, and arguments that a command does not take."""
    for word in WORDS:
        if word != "--":  # which says nothing
            yield Case("words", (word,))
        yield Case("words", ("testdb", word))
        yield Case("words", ("help", word))
        yield Case("words", ("new", word, "--migrations-dir", "/dev/null/x"))
    names = [words[0] for words, _ in commands()]
    for name in names:
        yield from (Case("words", (wrong,)) for wrong in (name[:-1], name.upper(), f" {name}", f"{name}s", name[::-1]))
    for words, _ in commands():
        if words[0] not in ("analyze", "help", "new"):
            yield Case("words", (*words, *_required(words), chance.choice(WORDS) or "x"))


URLS = (
    " ", "x", "postgresql", "postgresql:", "postgresql:/", "postgresql://", "postgresql:///", "postgresql://h:0/d",
    "postgresql://h:65536/d", "postgresql://h:x/d", "postgresql://h:-1/d", "postgresql://h:1:2/d", "postgresql://h:/d?port=x",
    "mysql://h/d", "http://h/d", "postgresql+asyncpg://h:1/d", "POSTGRESQL://h:1/d", "jdbc:postgresql://h/d", "file:///etc/passwd",
    "postgresql://u:sesame@h:1/d?schema=x", "postgresql://u:sesame@h:1/d?pgbouncer=true", "postgresql://h:1/d?sslmode=maybe",
    "postgresql://h:1/d?connect_timeout=x", "postgresql://h:1/d?sslmode", "postgresql://h:1/d?=x", "postgresql://h:1/d?a=b=c",
    "postgresql://h:1/d?a=1&a=2", "postgresql://h:1/d?options=%00", "postgresql://h:1/%00", "postgresql://h:1/%", "postgresql://h:1/%zz",
    "postgresql://%ff:1/d", "postgresql://[::1/d", "postgresql://[::1]:x/d", "postgresql://[zz]:1/d", "postgresql://::1:1/d",
    "postgresql://u:ses@me@h:1/d", "postgresql://u:ses me@h:1/d", "postgresql://u:ses'me@h:1/d", 'postgresql://u:ses"me@h:1/d',
    "postgresql://u:ses/me@h:1/d", "postgresql://u:ses?me@h:1/d", "postgresql://u:ses#me@h:1/d", "postgresql://u:ses%@h:1/d",
    "postgresql://localhost:1/a b", "postgresql://localhost:1/a\nb", "postgresql://localhost:1/\x1b[31m", "postgresql://localhost:1/\u202e",
    "postgresql://localhost:1/${DB}", "postgresql://localhost:1/$DB", "postgresql://local host:1/d", "postgresql://localhost:1/" + "d" * 64,
    "postgresql://" + "h" * 300 + ":1/d", "postgresql://localhost:1/\udcff", "postgresql://localhost:1/d#f", "postgresql://h1,h2:1,2,3/d",
    "postgresql://localhost:1,x/d", "postgresql://localhost:1/d?hostaddr=x", "postgresql://localhost:1/d?service=nothere",
    "postgresql://localhost:1/d?sslrootcert=/nothere&sslmode=verify-full", "postgresql://localhost:1/d?passfile=/dev/null/x",
    "host=localhost port=1", "host=localhost port=1 dbname='x", "host='a b' password='c d'", "host", "=", "host==", "port=x",
    "embedded", "embedded:x", "embedded://h", "embedded://h/x", "embedded:///x?y", "embedded:///x#y", "embedded:////dev/null/x",
    "embedded:///dev/null", "embedded:relative/dir", "Embedded:", "embedded:///proc/x", "postgresql://localhost:1/d?target_session_attrs=x",
    "postgresql://localhost:1/d?channel_binding=x", "postgresql://localhost:1/d?gssencmode=x", "postgresql://localhost:1/d?keepalives=x",
    "postgresql://localhost:1/d?client_encoding=x", "postgresql://localhost:1/d?requiressl=1", "postgresql:// localhost:1/d",
    "postgresql://localhost:1/d?load_balance_hosts=x", "postgresql://localhost:1/d?options=-c%20x", " postgresql://localhost:1/d ",
)  # fmt: skip


def _write_env_file(content: bytes, home: Path) -> None:
    (home / ".env").write_bytes(content)


def _urls() -> Iterator[Case]:
    for url, command in itertools.product(URLS, ("status", "migrate")):
        yield Case("urls", (command, "--database-url", url))
    for url in URLS[::2]:
        yield Case("urls", ("analyze",), {"DATABASE_URL": url})
        text = f"DATABASE_URL='{url}'\n"
        yield Case("urls", ("status",), {}, partial(_write_env_file, _bytes(text)))
    yield from (Case("urls", ("analyze", url, "--database-url", NOWHERE)) for url in URLS[30:50])


def _parts() -> Iterator[Case]:
    """Yield hosts, ports, databases and users that are none, as options and as variables."""
    for flag, variable in (
        ("--host", "DB_HOST"),
        ("--port", "DB_PORT"),
        ("--dbname", "DB_NAME"),
        ("--user", "DB_USER"),
    ):
        # An option that is empty counts as one that is not given.
        for value in WORDS + NUMBERS[:12]:
            away = () if flag == "--host" else ("--host", "localhost")
            port = () if flag == "--port" else ("--port", "1")
            if value not in ("localhost", "1") and not (flag == "--host" and _resolves(value)):
                yield Case("parts", ("status", *away, *port, f"{flag}={value}"))
        yield Case("parts", ("status",), {"DATABASE_URL": NOWHERE, variable: "a\nb"})
        yield Case("parts", ("status",), {"DATABASE_URL": NOWHERE, variable: "${HOME}"})


def _resolves(host: str) -> bool:
    """Say whether resolving a host would take long, or lead to a server."""
    return host.startswith(("x" * 70, "9")) or host in (
        "",
        " ",
        "-",
        "--",
        "con",
        "x",
        "NULL",
        "a b",
        "*",
        "?",
        "..",
        "😀",
    )


def _durations() -> Iterator[Case]:
    for value in DURATIONS:
        yield Case("durations", ("migrate", "--database-url", NOWHERE, "--lock-timeout", value))
        yield Case("durations", ("testdb", "prune", "--database-url", NOWHERE, "--older-than", value))
        yield Case("durations", ("testdb", "create", "--database-url", NOWHERE, "--ttl", value))


SURROUNDINGS = {
    "COLUMNS": ("0", "-1", "abc", "1", "999999999999", "", "\udcff"),
    "LINES": ("0", "x"),
    "TERM": ("", "dumb", "unknown", "../../x", "\x1b[31m"),
    "LANG": ("xx_YY", "th_TH.TIS-620", "C"),
    "LC_ALL": ("xx_YY", "tr_TR.ISO-8859-9", "POSIX", "\udcff"),
    "NO_COLOR": ("", "1", "x"),
    "FORCE_COLOR": ("", "0", "1", "x"),
    "HOME": ("", "/nowhere", "/dev/null", "relative", "\udcff"),
    "XDG_DATA_HOME": ("", "relative", "/dev/null"),
    "TMPDIR": ("/nowhere", "relative"),
    "TZ": ("Nowhere/Else", ":", "\udcff"),
    "GITHUB_ACTIONS": ("true", "1", "\n"),
    "PGHOST": ("..", "a\nb", "x" * 300, "/nowhere", "@x"),
    "PGPORT": ("x", "-1", "0", "99999", "1,2"),
    "PGSERVICE": ("nothere", "\udcff"),
    "PGSERVICEFILE": ("/nowhere", "/dev/null", "/"),
    "PGSSLMODE": ("maybe", "verify-full"),
    "PGSSLROOTCERT": ("/nowhere", "/dev/null"),
    "PGCONNECT_TIMEOUT": ("x", "-1", "0"),
    "PGOPTIONS": ("--x", "\udcff"),
    "PGCLIENTENCODING": ("x", "SQL_ASCII"),
    "PGDATABASE": ("a\nb", "x" * 64, "postgresql://u:sesame@h/d"),
    "PGUSER": ("${USER}", "x" * 64),
    "FOWERGRAM_ENVIRONMENT": ("Production", "x", "\udcff"),
    "_FOWERGRAM_DB_COMPLETE": ("bash_source", "x"),
}


def _surroundings() -> Iterator[Case]:
    """Yield what the tool finds around it: terminals, languages, homes, and libpq's own variables."""
    for name, values in SURROUNDINGS.items():
        for value in values:
            url = {} if name in ("PGHOST", "PGSERVICE") else {"DATABASE_URL": NOWHERE}
            url |= {"DB_PORT": "1"} if name in ("PGHOST", "PGSERVICE") else {}
            yield from (
                Case("surroundings", (command,), {**url, name: value}) for command in ("status", "help", "reset")
            )
            if name in ("PGPORT", "PGDATABASE", "PGUSER"):
                yield Case(
                    "surroundings",
                    ("status", "--host", "localhost"),
                    {name: value, **({} if name == "PGPORT" else {"PGPORT": "1"})},
                )


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
