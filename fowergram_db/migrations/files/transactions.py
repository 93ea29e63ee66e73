"""Leave out the transaction that a script has around it: every migration has one already."""

import re
from dataclasses import replace

from fowergram_db.migrations.files.directives import parse_directives
from fowergram_db.migrations.files.sections import blank
from fowergram_db.migrations.files.source import SqlFile

_BEGIN = re.compile(r"BEGIN(?:\s+(?:WORK|TRANSACTION))?", re.IGNORECASE)
_COMMIT = re.compile(r"COMMIT(?:\s+(?:WORK|TRANSACTION))?", re.IGNORECASE)
_SEMICOLON = re.compile(r"\s*;")


def without_transaction(file: SqlFile) -> SqlFile:
    """Return the file with the BEGIN that it begins with and the COMMIT that it ends with made blank.

    Every migration has a transaction already. Where only one of both is there, both stay, and the checks
    refuse them.
    """
    from fowergram_db.migrations.script.scanner import scan

    text, statements = file.text, scan(file.text).statements
    if len(statements) < 2:  # noqa: PLR2004 - a BEGIN and a COMMIT
        return file
    ends = (statements[0], statements[-1])
    if not all(edge.fullmatch(text, end.start, end.end) for edge, end in zip((_BEGIN, _COMMIT), ends, strict=True)):
        return file
    for end in ends:
        semicolon = _SEMICOLON.match(text, end.end)
        stop = semicolon.end() if semicolon else end.end
        text = text[: end.start] + blank(text[end.start : stop]) + text[stop:]
    return replace(file, text=text, directives=parse_directives(str(file.path), text))
