"""Read the lines with which drizzle-kit separates statements: it sends the text between two of them alone."""

import re
from dataclasses import replace

from fowergram_db.migrations.files.sql_file import SqlFile

_COMMENT = re.compile(r"-->[ \t]*statement-breakpoint\b")


def without_breaks(file: SqlFile) -> SqlFile:
    """Return the file with a semicolon for each break, which ends a statement that has none; places stay correct.

    The words stay as they are in a string or in the body of a function.
    """
    if "statement-breakpoint" not in file.text:
        return file
    from fowergram_db.migrations.script.scanner import scan

    text = file.text
    for start, _ in scan(text).comments:
        if _COMMENT.match(text, start):
            text = f"{text[:start]};--{text[start + 3 :]}"
    return replace(file, text=text)
