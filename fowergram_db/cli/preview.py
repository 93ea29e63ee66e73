"""Print what a run would do, as a script for psql. Its secrets become psql variables."""

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from fowergram_db.cli.context import CommandContext, CommandResult
from fowergram_db.cli.steps import step_data
from fowergram_db.errors import UsageError
from fowergram_db.plurals import count
from fowergram_db.printable import on_one_line

if TYPE_CHECKING:
    from fowergram_db.migrations.engine.checks import CheckedStep
    from fowergram_db.migrations.plan import Step
    from fowergram_db.migrations.psql_script import Run
    from fowergram_db.redaction.psql_variables import Change, Variables


def preview(context: CommandContext, run: "Run", *, show_secrets: bool) -> CommandResult:
    """Print the SQL that would run, with ``show_secrets`` unchanged. Note on stderr which variables psql needs."""
    from fowergram_db.redaction.psql_variables import Variables

    variables, notes = Variables(), _Notes()
    for checked in () if show_secrets else run.steps:
        variables.learn(checked.script.text, checked.script.data)
    screen = context.screen
    with screen.script():
        screen.passage(run.beginning())
        for number, checked in enumerate(run.steps):
            step = checked.step
            screen.line(f"-- {step.direction} {step.version}: {on_one_line(step.source)}", "bold")
            screen.passage(run.before(number))
            for part in _listing(checked, None if show_secrets else variables, notes):
                screen.passage(part)
            screen.passage(run.after(number, down_sql=_recorded(step, None if show_secrets else notes)))
        screen.passage(run.end())
    steps = run.steps
    screen.note(f"Dry run: {count(len(steps), 'migration')} would run." if steps else "Dry run: nothing would run.")
    if run.creates_database and steps:
        screen.note("The database is missing: create it before psql runs this script.")
    if not screen.json:
        for note in notes.lines():
            screen.note(note)
    return CommandResult({"dry_run": True, "steps": [step_data(c.step) | {"duration_ms": None} for c in steps]})


def require_dry_run(context: CommandContext, *, dry_run: bool) -> None:
    """Raise UsageError if --show-secrets is on the command line without --dry-run."""
    if "show_secrets" in context.settings.on_command_line and not dry_run:
        raise UsageError("--show-secrets prints nothing without --dry-run", hint="Add --dry-run, or leave it out.")


class _Notes:
    """Where each variable is first used, and where a secret is masked, so that the script does not run."""

    def __init__(self) -> None:
        self.variables: dict[str, str] = {}
        self.masked: list[str] = []
        self.left_out: list[str] = []

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
                f"Secrets are replaced by psql variables: {places}. Set each before the script, for example from the "
                f"environment: `\\getenv {name} {name.upper()}` (psql 14 or newer), or by hand: "
                f"`\\prompt '{name}: ' {name}`. Other users of the machine can see the value in `psql -v {name}=…`."
            )
        if self.masked:
            yield (
                f"This script does not run as it is: a secret is masked at {', '.join(self.masked)}, where psql "
                "replaces no variables."
            )
        if self.left_out:
            yield (f"{', '.join(self.left_out)}: the down script contains a secret, so this script does not record it.")
        if self.variables or self.masked or self.left_out:
            yield "--show-secrets prints the secrets instead."


def _listing(checked: "CheckedStep", variables: "Variables | None", notes: _Notes) -> Iterator[str]:
    """Yield what is left to run of a script. With ``variables``, these replace its secrets."""
    from fowergram_db.migrations.psql_script import left_to_run
    from fowergram_db.redaction.psql_variables import Change, masked_data

    begin, again = left_to_run(checked)
    done = [Change(0, begin, again)] if begin else []
    if variables is None:
        yield from checked.listing(done)
        return
    changes = [c for c in variables.changes(checked.script.text, checked.script.data) if c.start >= begin]
    for change in changes:
        notes.add(checked, change)
    in_data = partial(notes.add, checked, Change(0, 0, "", is_valid=False))
    yield from checked.listing([*done, *changes], lambda parts: masked_data(parts, in_data))


def _recorded(step: "Step", notes: _Notes | None) -> str | None:
    """Return the down script of a migration, as it is recorded.

    With ``notes``, None if it contains a secret: a masked script must not be recorded and run later.
    """
    from fowergram_db.redaction.messages import secrets_in

    if step.down is None:
        return None
    down_sql = step.down.recordable_text()
    if notes is None or not secrets_in(down_sql):
        return down_sql
    notes.left_out.append(str(step.down.path))
    return None
