"""PostgreSQL's own regression suite: fetch its SQL files, and split each as psql and libpg_query would.

    python -m tests.scanner.regress

The files are not part of this project: they come from Debian's source package, once, into the user's cache directory.

What psql itself does with a file is taken out of it, with spaces in its place:

- for both: ``\\if`` … ``\\endif``, ``\\copy … from stdin`` with its data, the colon of psql's variables (a line that is
  only a variable becomes ``END``), ``stdin`` where the COPY is to fail and has no data, and the few lines of
  copyselect.sql and psql.sql that send COPY among others as one query, with ``\\;``;
- for libpg_query: COPY data with the line that ends it, and meta-commands. Those that send the statement before
  them (``\\gset``, ``\\gexec``, …) become a semicolon.
  Both are found with the scanner under test: if it found data or a command where there is none, or missed one,
  libpg_query would read another text and split it differently.
"""

import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from pglast.parser import ParseError

from fowergram_db.migrations.script.scanner import Script, Trait, scan

from .reference import Reference, Span, is_one_statement

PACKAGE = "postgresql-15"
_TIMEOUT_S = 300
_SENDS = re.compile(r"\\(?:g|gx|gset|gexec|gdesc|crosstabview|watch)\b")
_CONDITIONAL = re.compile(r"^\\if\b(?>\n|.)*^\\endif\b.*", re.MULTILINE)
_CLIENT_COPY = re.compile(r"^\\copy .* from stdin\b(?>\n|.)*?^\\\.$", re.MULTILINE | re.IGNORECASE)
_JOINED_COPIES = re.compile(
    r"^select 0\\; copy test3(?>\n|.)*?^\\\.\n(?>\n|.)*?^\\\.$"
    r"|^COPY psql_comics FROM STDIN \\;(?>\n|.)*?^\\\.$",
    re.MULTILINE,
)
_STATEMENT = re.compile(
    r"^(?:alter|copy|create|delete|drop|insert|reset|select|set|truncate)\b.*;", re.MULTILINE | re.IGNORECASE
)
_STD = re.compile(r"\bstd(?=in|out)", re.IGNORECASE)
_VARIABLE_LINE = re.compile(r"^:\w+(?=;)", re.MULTILINE)
_VARIABLE = re.compile(r"(?<![:\w]):(?=['\"A-Za-z_])")
_SQL = re.compile(r"[^/]+/src/test/regress/sql/([^/]+\.sql)")


class Unavailable(Exception):
    """The source package is not available on this machine, and why."""


def regress_files() -> list[Path]:
    """Return the suite's SQL files, fetched where they are not there yet. Raises Unavailable."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fowergram-db-tests"
    kept = cache / f"{PACKAGE}-regress"
    if not kept.is_dir():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as name:
            unpacked = _unpack(_fetch(Path(name)), Path(name) / "sql")
            if not kept.is_dir():
                shutil.move(unpacked, kept)
    return sorted(kept.glob("*.sql"))


def _fetch(directory: Path) -> Path:
    """Download the source package with apt, in a configuration of its own made of the machine's."""
    if not shutil.which("apt-get"):
        raise Unavailable("this machine has no apt-get")
    sources = directory / "sources"
    sources.mkdir()
    for path in (Path("/etc/apt/sources.list"), *Path("/etc/apt/sources.list.d").glob("*.*")):
        if path.suffix in (".list", ".sources") and path.is_file():
            binary = re.compile(r"^(Types:[ \t]*)?deb(?=\s)", re.MULTILINE)
            (sources / path.name).write_text(binary.sub(r"\1deb-src", path.read_text()))
    (directory / "lists/partial").mkdir(parents=True)
    (directory / "cache/archives/partial").mkdir(parents=True)
    settings = {
        "Dir::Etc::SourceList": "/dev/null",
        "Dir::Etc::SourceParts": sources,
        "Dir::State::Lists": directory / "lists",
        "Dir::Cache": directory / "cache",
        "APT::Sandbox::User": "root",
    }
    options = [f"--option={name}={value}" for name, value in settings.items()]
    _run(["apt-get", *options, "--quiet", "update"], directory)
    listing = _run(["apt-cache", *options, "showsrc", "--only-source", PACKAGE], directory)
    # The newest may be listed and yet be gone already.
    for version in reversed(re.findall(r"^Version: (\S+)", listing, re.MULTILINE)):
        command = ["apt-get", *options, "--quiet", "source", "--download-only", f"{PACKAGE}={version}"]
        done = subprocess.run(command, cwd=directory, capture_output=True, check=False, timeout=_TIMEOUT_S)
        archives = list(directory.glob("*.orig.tar.bz2"))
        if done.returncode == 0 and archives:
            return archives[0]
    raise Unavailable(f"the source of {PACKAGE} is not to be had from the package sources of this machine")


def _run(command: list[str], directory: Path) -> str:
    try:
        done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=True, timeout=_TIMEOUT_S)
    except (OSError, subprocess.SubprocessError) as error:
        raise Unavailable(f"{command[0]} failed: {getattr(error, 'stderr', '') or error}") from error
    return done.stdout


def _unpack(archive: Path, target: Path) -> Path:
    target.mkdir()
    with tarfile.open(archive) as package:
        for member in package:
            if match := _SQL.fullmatch(member.name):
                content = package.extractfile(member)
                (target / match[1]).write_bytes(content.read() if content else b"")
    return target


@dataclass(slots=True)
class SchemaComparison:
    """How the statements of one file were confirmed, and those that were not."""

    name: str
    confirmed: Counter[str] = field(default_factory=Counter)
    different: list[str] = field(default_factory=list)


def compare(path: Path) -> SchemaComparison:
    """Split a file twice. Every statement must be one that libpg_query finds there too.

    - Where the grammar takes the whole file, it says where each statement begins and ends ("file").
    - Else, a statement that the grammar alone takes for exactly one is confirmed so ("statement").
    - What it refuses, a syntax error on purpose, must be a statement of the lexer alone ("lexer").

    And the lexer must find nothing outside of these statements.
    """
    result = SchemaComparison(path.name)
    text = _without_conditions(path.read_bytes().decode(errors="replace").replace("\r\n", "\n"))
    script = _without_failing_copies(text)
    _check_data(script, result)
    text = _without_psql(script)
    found = [(statement.start, statement.end) for statement in scan(text).statements]
    try:
        reference = Reference(text)
    except ParseError as error:
        _compare_around(text, found, error, result)
        return result
    try:
        _match(text, found, reference.by_parser(), result, "file")
    except ParseError:
        _match(text, found, reference.by_lexer(), result, "lexer")
    return result


def _check_data(script: Script, result: SchemaComparison) -> None:
    """Every line that is only a backslash and a dot ends a block of data, and nothing else does."""
    lines = len(re.findall(r"^\\\.$", script.text, re.MULTILINE))
    ends = sum(script.text.startswith("\\.", end) for _, end in script.data)
    if lines != ends:
        result.different.append(f"{lines} lines end COPY data, the scanner found {ends}")


def _without_conditions(text: str) -> str:
    for pattern in (_CONDITIONAL, _CLIENT_COPY, _JOINED_COPIES):
        text = pattern.sub(lambda match: _blank(match[0]), text)
    return _VARIABLE.sub(" ", _VARIABLE_LINE.sub(lambda match: "END".ljust(len(match[0])), text))


def _without_failing_copies(text: str) -> Script:
    """Take the words that ask for data out of each COPY that is followed by statements, and no data."""
    script = scan(text)
    copies = [statement for statement in script.statements if Trait.COPIES_FROM_CLIENT in statement.traits]
    for copy, (begin, end) in zip(copies, script.data, strict=True):
        if _STATEMENT.search(text, begin, end) or not text.startswith("\\.", end):
            fails = _STD.sub("xtd", text[copy.start : copy.end])
            return _without_failing_copies(text[: copy.start] + fails + text[copy.end :])
    return script


def _blank(text: str) -> str:
    return re.sub(r"[^\n]", " ", text)


def _without_psql(script: Script) -> str:
    text = script.text
    for begin, end in script.data:
        text = text[:begin] + _blank(text[begin : end + 2]) + text[end + 2 :]
    for begin, end in script.commands:
        blank = _blank(text[begin:end])
        text = text[:begin] + (";" + blank[1:] if _SENDS.match(text, begin) else blank) + text[end:]
    return re.sub(r"(?i)\bfrom(\s+)std(in|out)\b", r"from\1xtd\2", text)


def _match(text: str, found: list[Span], expected: list[Span], result: SchemaComparison, by: str) -> None:
    known = set(expected)
    for start, end in found:
        if by == "file":
            how = by if (start, end) in known else ""
        else:
            alone = is_one_statement(text[start:end])
            # The lexer alone skips statements without a keyword.
            cut = (start, end) in known or text[start:end].isidentifier()
            how = "statement" if alone else by if alone is None and cut else ""
        if how:
            result.confirmed[how] += 1
        else:
            result.different.append(f"only the scanner: {text[start:end]!r}")
    inside = iter([*found, (len(text), len(text))])
    span = next(inside)
    for start, end in expected:
        while span[1] < end:
            span = next(inside)
        if not span[0] <= start:
            result.different.append(f"only libpg_query: {text[start:end]!r}")


def _compare_around(text: str, found: list[Span], error: ParseError, result: SchemaComparison) -> None:
    """Compare a file in which the lexer finds something that is no token: each statement on its own."""
    result.confirmed["files with what is no token"] += 1
    for start, end in found:
        part = text[start:end]
        alone = is_one_statement(part)
        if alone:
            result.confirmed["statement"] += 1
            continue
        try:
            cut = Reference(part).by_lexer()
        except ParseError:
            result.confirmed["no token"] += 1
            continue
        if alone is None and cut == [(0, len(part))]:
            result.confirmed["lexer"] += 1
        else:
            result.different.append(f"only the scanner: {part!r} ({error})")


def main() -> int:
    """Compare every file, report, and say by the exit code whether all was the same."""
    results = [compare(path) for path in regress_files()]
    total: Counter[str] = Counter()
    for result in results:
        total += result.confirmed
        for line in result.different:
            sys.stdout.write(f"{result.name}: {line[:400]}\n")
    differing = sum(bool(result.different) for result in results)
    sys.stdout.write(f"{len(results)} files, {differing} differ; statements confirmed by {dict(total)}\n")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
