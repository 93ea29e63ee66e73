"""Find words that we do not write, and say what to write instead.

`python -m tools.wording` checks what `tools/words.toml` lists, `python -m tools.wording PATH…` any other file or
directory. Each finding is one line, `file:line:column: word: write …`; the exit code is 1 if there is any.
"""

import re
import sys
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from tools.prose import prose_of

ROOT = Path(__file__).parent.parent
_CHECKED = ("*.md", "*.py", "*.sql", "*.toml", "*.yaml", "*.yml", "Makefile")


@dataclass(frozen=True, slots=True)
class Entry:
    """Some words that we do not write; `right` matches the places where one of them is right."""

    write: str
    right: re.Pattern[str] | None


@dataclass(frozen=True, slots=True)
class Allowed:
    """One place where such a word is right: a piece of a line of one file."""

    path: str
    text: str
    reason: str


@dataclass(frozen=True, slots=True)
class Words:
    """What `words.toml` says."""

    paths: tuple[str, ...]
    skip: tuple[str, ...]
    literals_are_data: tuple[str, ...]
    entries: tuple[Entry, ...]
    pattern: re.Pattern[str]  # of all entries; group `eN` is that of number N
    allowed: tuple[Allowed, ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """A word in a file; line and column count from 1."""

    path: str
    line: int
    column: int
    word: str
    write: str
    source: str  # the whole line


def main(arguments: Sequence[str]) -> int:
    """Check the files, print the findings, and give back the exit code."""
    words = read_words(Path(__file__).with_name("words.toml"))
    files = sorted(_below(arguments) if arguments else _listed(words))
    findings = [found for path in files for found in findings_in(path, (ROOT / path).read_text("utf-8"), words)]
    lines = report(findings, [allowed for allowed in words.allowed if PurePath(allowed.path) in files])
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    return 1 if lines else 0


def report(findings: Sequence[Finding], allowed: Sequence[Allowed]) -> list[str]:
    """Return a line for each finding that is not allowed, and for each place that has nothing to allow."""
    wrong = [found for found in findings if not any(_allows(place, found) for place in allowed)]
    unused = [place for place in allowed if not any(_allows(place, found) for found in findings)]
    lines = [f"{found.path}:{found.line}:{found.column}: {found.word}: write {found.write}" for found in wrong]
    return lines + [f"tools/words.toml: nothing to allow in {place.path}: {place.text!r}" for place in unused]


def read_words(path: Path) -> Words:
    """Read and compile the list. A pattern that is wrong, or an entry without its parts, is an error."""
    data = tomllib.loads(path.read_text("utf-8"))
    return Words(
        paths=tuple(data["paths"]),
        skip=tuple(data["skip"]),
        literals_are_data=tuple(data["literals_are_data"]),
        entries=tuple(Entry(entry["write"], _either(entry.get("except", ()))) for entry in data["entry"]),
        pattern=_pattern(data["entry"]),
        allowed=tuple(Allowed(**allowed) for allowed in data.get("allow", ())),
    )


def findings_in(path: PurePath, text: str, words: Words) -> Iterator[Finding]:
    """Find what is not ours in the prose of one file, in its order."""
    prose = prose_of(path, text, literals=not _matches(path, words.literals_are_data))
    lines = text.splitlines()
    for found in words.pattern.finditer(prose):
        entry = words.entries[int(str(found.lastgroup)[1:])]
        if entry.right and any(right.start() <= found.start() < right.end() for right in entry.right.finditer(prose)):
            continue
        line = text.count("\n", 0, found.start())
        column = found.start() - text.rfind("\n", 0, found.start())
        yield Finding(path.as_posix(), line + 1, column, " ".join(found[0].split()), entry.write, lines[line])


def _pattern(entries: list[dict[str, list[str]]]) -> re.Pattern[str]:
    groups = "|".join(_group(number, entry) for number, entry in enumerate(entries))
    return re.compile(rf"(?<![\w-])(?=[a-z])(?:{groups})(?!\w)", re.IGNORECASE)


def _group(number: int, entry: dict[str, list[str]]) -> str:
    patterns = [*map(re.escape, entry.get("words", ())), *entry.get("patterns", ())]
    if not patterns:
        raise ValueError(f"entry {number} of words.toml has neither words nor patterns")
    either = "|".join(patterns).replace("\\ ", " ").replace(" ", r"\s+")
    return f"(?P<e{number}>{either})"


def _either(patterns: Iterable[str]) -> re.Pattern[str] | None:
    joined = "|".join(patterns).replace(" ", r"\s+")
    return re.compile(joined, re.IGNORECASE) if joined else None


def _allows(allowed: Allowed, found: Finding) -> bool:
    return allowed.path == found.path and allowed.text in found.source


def _listed(words: Words) -> set[PurePath]:
    files = {path.relative_to(ROOT) for pattern in words.paths for path in ROOT.glob(pattern) if path.is_file()}
    return {path for path in files if not _matches(path, words.skip)}


def _below(arguments: Sequence[str]) -> set[PurePath]:
    """Find the files that are named, and those below the directories that are named, that can be checked."""
    named = [Path(argument).resolve() for argument in arguments]
    files = [file for path in named for file in (path.rglob("*") if path.is_dir() else (path,)) if file.is_file()]
    return {file.relative_to(ROOT) for file in files if _matches(file, _CHECKED)}


def _matches(path: PurePath, patterns: Iterable[str]) -> bool:
    """Say whether one of the patterns matches; `**` at the end of one matches all that is below."""
    return any(
        path.is_relative_to(pattern.removesuffix("/**")) if pattern.endswith("/**") else path.match(pattern)
        for pattern in patterns
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
