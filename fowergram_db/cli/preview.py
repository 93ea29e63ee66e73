"""Print what a run would do, as a script for psql; its secrets are variables of psql there."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

from fowergram_db.cli.session import Outcome, Session
from fowergram_db.cli.steps import step_data
from fowergram_db.errors import UsageError
from fowergram_db.printable import on_one_line

if TYPE_CHECKING:
    from fowergram_db.migrations.engine.checks import CheckedStep
    from fowergram_db.redaction.psql_variables import Change, Variables


def preview(session: Session, steps: "Sequence[CheckedStep]", *, show_secrets: bool) -> Outcome:
    """Print the scripts that would run, with ``show_secrets`` as they are; say on stderr what psql needs for them."""
    from fowergram_db.redaction.psql_variables import Variables

    variables, notes = Variables(), _Notes()
    for checked in () if show_secrets else steps:
        variables.learn(checked.script.text, checked.script.data)
    with session.screen.script():
        for checked in steps:
            step = checked.step
            session.screen.line(f"-- {step.direction} {step.version}: {on_one_line(step.source)}", "bold")
            for part in checked.listing() if show_secrets else _without_secrets(checked, variables, notes):
                session.screen.passage(part)
    count = len(steps)
    session.screen.note(f"Dry run: {count} migration(s) would run." if count else "Dry run: nothing would run.")
    if not session.screen.json:
        for note in notes.lines():
            session.screen.note(note)
    return Outcome({"dry_run": True, "steps": [step_data(c.step) | {"duration_ms": None} for c in steps]})


def require_dry_run(session: Session, *, dry_run: bool) -> None:
    """Raise UsageError where --show-secrets stands on the command line, and nothing would be shown."""
    if "show_secrets" in session.settings.on_command_line and not dry_run:
        raise UsageError("--show-secrets prints nothing without --dry-run", hint="Add --dry-run, or leave it out.")


class _Notes:
    """Where the variables stand for the first time, and where secrets are masked so that a script does not run."""

    def __init__(self) -> None:
        self.variables: dict[str, str] = {}
        self.masked: list[str] = []

    def add(self, checked: "CheckedStep", change: "Change") -> None:
        line, _ = checked.step.sql.position(change.start)
        place = f"{checked.step.filename}:{line}"
        if change.variable:
            self.variables.setdefault(change.variable, place)
        elif not change.is_valid and place not in self.masked:
            self.masked.append(place)

    def lines(self) -> Iterator[str]:
        if self.variables:
            places = ", ".join(f"{name} ({place})" for name, place in self.variables.items())
            name = next(iter(self.variables))
            yield (
                f"Secrets are variables of psql here: {places}. Set each before the script, for example from the "
                f"environment: `\\getenv {name} {name.upper()}` (psql 14 or newer), or by hand: "
                f"`\\prompt '{name}: ' {name}`. Other users of the machine can see `psql -v {name}=…`."
            )
        if self.masked:
            yield (
                f"This script does not run as it is: a secret is masked at {', '.join(self.masked)}, where psql puts "
                "in no variable."
            )
        if self.variables or self.masked:
            yield "--show-secrets prints the secrets in their places."


def _without_secrets(checked: "CheckedStep", variables: "Variables", notes: _Notes) -> Iterator[str]:
    from fowergram_db.redaction.psql_variables import Change, masked_data

    changes = variables.changes(checked.script.text, checked.script.data)
    for change in changes:
        notes.add(checked, change)
    in_data = partial(notes.add, checked, Change(0, 0, "", is_valid=False))
    yield from checked.listing(changes, lambda parts: masked_data(parts, in_data))
