"""Wrong inputs, more than 1,360: each ends in one clear error, and in one JSON document where that is asked for."""

import contextlib
import io
import json
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from fowergram_db.cli.main import run
from fowergram_db.errors import ExitCode
from tests.bad_inputs.cases import Case, cases

ALL = cases()
GROUPS = sorted({case.group for case in ALL})
FEWEST = 1_360
PARTS = 4
WITHOUT_ERROR = (ExitCode.DONE, ExitCode.FINDINGS)
SECRET = "sesame"
LONGEST = 2_100
_COLOUR = re.compile(r"\x1b\[[\d;]*m")


@dataclass(frozen=True, slots=True)
class Outcome:
    exit_code: int
    out: str
    err: str


def test_the_inputs_are_numerous_and_the_same_in_each_run():
    assert len(ALL) >= FEWEST
    assert [str(case) for case in cases()] == [str(case) for case in ALL]


@pytest.mark.matrix(every=PARTS)
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("group", GROUPS)
def test_each_ends_in_one_clear_error(group, part, tmp_path, monkeypatch):
    if group != "urls":  # which name an embedded server, in a directory that does not exist
        monkeypatch.setattr("fowergram_db.database.embedded._find_package", lambda: None)
    faults = []
    for number, case in enumerate([case for case in ALL if case.group == group][part::PARTS]):
        home = tmp_path / str(number)
        home.mkdir()
        with monkeypatch.context() as patch:
            patch.chdir(home)
            if "new" in case.arguments:  # else it would write into this repository
                patch.setenv("MIGRATIONS_DIR", "m")
            for name, value in case.variables.items():
                patch.setenv(name, value)
            if case.prepare:
                case.prepare(home)
            before = _listing(home)
            faults += [f"{case}\n    {fault}" for fault in _faults(case)]
            is_whole = "FOWERGRAM_JSON" in case.variables  # with --json there is nothing wrong with it
            if _listing(home) != before and not is_whole and _runs(case.arguments).exit_code:
                faults.append(f"{case}\n    it left {_listing(home) - before}")
    assert not faults, f"{len(faults)}\n" + "\n".join(faults[:40])


def _faults(case: Case) -> Iterator[str]:
    plain = _runs(case.arguments)
    yield from _faults_of_text(plain)
    at = next((at for at, word in enumerate(case.arguments) if word.startswith("-")), len(case.arguments))
    as_json = _runs((*case.arguments[:at], "--json", *case.arguments[at:]))
    yield from _faults_of_json(as_json)
    if as_json.exit_code != plain.exit_code and "FOWERGRAM_JSON" not in case.variables:
        yield f"exit code {plain.exit_code}, and {as_json.exit_code} with --json"


def _faults_of_text(outcome: Outcome) -> Iterator[str]:
    shown = f"{outcome.out}\n{outcome.err}"
    if outcome.exit_code not in set(ExitCode):
        yield f"exit code {outcome.exit_code}"
    errors = [line for line in outcome.err.split("\n") if _COLOUR.sub("", line).startswith("error: ")]
    if len(errors) != (outcome.exit_code not in WITHOUT_ERROR):
        yield f"exit code {outcome.exit_code} with {len(errors)} errors: {outcome.err[:300]!r}"
    for word in ("Traceback", "internal error", SECRET, "object at 0x", "psycopg"):
        if word in shown:
            yield f"shows {word}: {shown[max(0, shown.index(word) - 200) :][:400]!r}"
    if any(len(line) > LONGEST for line in shown.split("\n")):
        yield f"a line of {max(map(len, shown.split(chr(10))))} characters"


def _faults_of_json(outcome: Outcome) -> Iterator[str]:
    if not outcome.out and outcome.exit_code:
        if outcome.exit_code != ExitCode.USAGE or "error: " not in outcome.err:
            yield f"no JSON: {outcome.exit_code} {outcome.err[:300]!r}"
        return
    if not outcome.out.startswith("{"):
        yield from () if outcome.exit_code == 0 else (f"no JSON: {outcome.out[:200]!r}",)
        return
    try:
        document = json.loads(outcome.out, object_pairs_hook=_unique, parse_constant=_refuse)
    except ValueError as error:
        yield f"no JSON ({error}): {outcome.out[:300]!r}"
        return
    if outcome.out.count("\n") != 1 or outcome.out.encode("utf-8", "replace") != outcome.out.encode(
        "utf-8", "surrogatepass"
    ):
        yield f"not one line of UTF-8: {outcome.out[:300]!r}"
    if document["ok"] != (outcome.exit_code in WITHOUT_ERROR) or bool(document["error"]) == document["ok"]:
        yield f"exit code {outcome.exit_code} and {document['error']}"
    if not document["ok"] and not (document["error"]["message"] and document["error"]["code"] != "internal"):
        yield f"{document['error']}"
    if SECRET in outcome.out + outcome.err:
        yield f"shows {SECRET}: {outcome.out[:300]!r}"


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    if len(dict(pairs)) != len(pairs):
        raise ValueError(f"a key is there twice: {pairs}")
    return dict(pairs)


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def _runs(arguments: tuple[str, ...]) -> Outcome:
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            exit_code = run(arguments)
        except BaseException as error:  # noqa: BLE001 - that is a fault of the tool
            err.write(f"Traceback: {type(error).__name__}: {error}")
            exit_code = -1
    return Outcome(exit_code, *(_written(stream) for stream in (out, err)))


def _written(stream: "io.TextIOWrapper[io.BytesIO]") -> str:
    stream.flush()
    return stream.buffer.getvalue().decode()


def _listing(home: Path) -> set[tuple[str, int]]:
    found = set()
    for folder, folders, names in os.walk(home):
        for name in (*folders, *names):
            state = Path(folder, name).lstat()
            found.add((str(Path(folder, name)), state.st_mtime_ns if stat.S_ISREG(state.st_mode) else 0))
    return found
