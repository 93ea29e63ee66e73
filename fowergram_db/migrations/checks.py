"""Refuse, before anything runs, what could not run as a migration. Pure."""

from collections.abc import Iterator

from fowergram_db.errors import FileFault, Location
from fowergram_db.migrations.directives import header_end, is_directive
from fowergram_db.migrations.script import Script, Trait, position, scan


def read_script(file: str, text: str) -> Script:
    """Scan a script that is about to run, and refuse what could not run as one transaction.

    Raises FileFault at the place of the fault.
    """
    script = scan(text)
    faults = [*_command_faults(script), *_statement_faults(script), *_directive_faults(script)]
    if faults:
        offset, message, hint = min(faults)
        raise FileFault(message, hint=hint, location=Location(file, *position(text, offset)))
    return script


def _command_faults(script: Script) -> Iterator[tuple[int, str, str]]:
    for start, end in script.commands:
        command = script.text[start:end].split()[0]
        yield start, f"{command} is a command of psql, not SQL", "Remove it, or write what it does in SQL."


def _statement_faults(script: Script) -> Iterator[tuple[int, str, str]]:
    for statement in script.statements:
        if Trait.ENDS_TRANSACTION in statement.traits:
            yield (
                statement.start,
                f"{statement.words[0]} would break the transaction that the migration runs in",
                "Remove it: every migration is one transaction already, its bookkeeping included.",
            )
        elif Trait.COPIES_FROM_CLIENT in statement.traits:
            yield (
                statement.start,
                "COPY … FROM stdin is not supported in a migration yet",
                "Write INSERT statements (`pg_dump --inserts` does).",
            )
        elif Trait.COPIES_TO_CLIENT in statement.traits:
            yield statement.start, "COPY … TO stdout has nobody to read it", "Remove it."


def _directive_faults(script: Script) -> Iterator[tuple[int, str, str]]:
    """Find directives below the header, which would otherwise be passed over without a word."""
    header = header_end(script.text)
    for start, end in script.comments:
        if start >= header and is_directive(script.text[start:end]):
            yield (
                start,
                "a directive stands below the header",
                "Move it to the comment lines at the top of the file.",
            )
