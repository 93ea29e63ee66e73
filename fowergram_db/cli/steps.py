"""Show the steps of a run as they happen, and a summary of the database at the end."""

import re
from typing import TYPE_CHECKING, Any

from fowergram_db.cli.context import CommandContext, CommandResult
from fowergram_db.cli.figures import duration, size
from fowergram_db.plurals import count

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fowergram_db.migrations.events import Event, OnEvent, Progressed, StatementReached
    from fowergram_db.migrations.files.directory import MigrationFile
    from fowergram_db.migrations.plan import Step
    from fowergram_db.migrations.status import Summary
    from fowergram_db.testdb.reset import Reset


def step_listener(context: CommandContext, show: "Callable[[str], None] | None" = None) -> "OnEvent":
    """Return a listener that also keeps the steps for the JSON document, including those of a run that fails.

    ``show`` gets a line for each finished step. Without it, the lines are printed on stdout as the result.
    """
    done: list[dict[str, Any]] = []
    context.data["steps"] = done
    return listener(context, done, show)


def listener(
    context: CommandContext, done: list[dict[str, Any]], show: "Callable[[str], None] | None" = None
) -> "OnEvent":
    """Return a function that shows each event at once, and adds each finished step to ``done``."""
    from fowergram_db.migrations import events

    screen, secrets = context.screen, _Secrets()

    def listen(event: "Event") -> None:
        match event:
            case events.Connected(version):
                context.server_version = version
            case events.DatabaseCreated(name):
                screen.note(f'Created database "{name}".', event=_word(event))
            case events.StepStarted(step, number, total):
                secrets.begin(step)
                screen.progress(step.filename, number - 1, total)
            case events.StepResult(step, duration_ms):
                screen.end_progress(step.filename)
                done.append(step_data(step) | {"duration_ms": rounded(duration_ms)})
                verb = "applied" if step.direction == "up" else "undone"
                recorded = "" if step.direction == "up" or step.is_file else ", with the recorded down script"
                (show or screen.line)(f"{verb:8} {step.filename} ({duration(duration_ms)}{recorded})")
            case events.TemplateBuilt(name):
                screen.note(f"Built the template {name}.", event=_word(event))
            case events.BuildDiscarded():
                done.clear()
            case events.PartitionsMaintained(changes):
                context.data["partitions"] = [{"name": name, "action": action} for name, action in changes]
                text = f"Partitions: {', '.join(f'{action} {name}' for name, action in changes)}"
                screen.note(text, event=_word(event))
            case events.Progressed() | events.StatementReached():
                screen.progress_within(_describe_progress(event))
            case _:
                screen.note(secrets.hidden(_describe_event(event)), event=_word(event))

    return listen


def _word(event: "Event") -> str:
    """Return the word for an event in the log: ``lock_awaited`` for LockAwaited."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", type(event).__name__).lower()


class _Secrets:
    """The secrets in the scripts of a run, which a server may repeat in notices. Searched at the first notice."""

    def __init__(self) -> None:
        self._steps: list[Step] = []
        self._forms: set[str] = set()

    def begin(self, step: "Step") -> None:
        self._steps.append(step)

    def hidden(self, said: str) -> str:
        from fowergram_db.migrations.script.scanner import scan
        from fowergram_db.redaction.messages import forms, mask_message, secrets_in

        for step in self._steps:
            text = step.sql.text
            self._forms.update(forms(secrets_in(text, scan(text).data), text))
        self._steps.clear()
        return mask_message(said, sorted(self._forms, key=len, reverse=True))


def _describe_progress(event: "Progressed | StatementReached") -> str:
    from fowergram_db.migrations import events

    if isinstance(event, events.StatementReached):
        later = "" if event.is_exact else " or later"
        return f"{event.step.filename}: statement {event.number:,}{later} of {event.total:,}"
    figures = (
        [size(event.done), size(event.total)] if event.unit == "bytes" else [f"{event.done:,}", f"{event.total:,}"]
    )
    share = " of ".join(figures if event.total else figures[:1])
    unit = f", {event.rows:,} rows" if event.unit == "bytes" else f" {event.unit}"
    return f"{event.step.filename}: {event.phase}, {share}{unit}"


def _describe_event(event: "Event") -> str:  # noqa: C901, PLR0911 - a sentence for each
    """Describe an event that is not a step: who blocks a migration, what is retried."""
    from fowergram_db.migrations import events

    match event:
        case events.LockAwaited(holders):
            return f"Waiting for another migrator: {'; '.join(map(str, holders))}"
        case events.TemplateAwaited(name, holders):
            return f"Waiting for another process that builds the template {name}: {'; '.join(map(str, holders))}"
        case events.Blocked(step, blockers):
            return f"{step.filename} waits for {'; '.join(map(str, blockers))}"
        case events.Retried(step, reason, attempt, attempts, delay_s, _):
            return f"{reason}\n{step.filename} was rolled back; try {attempt + 1} of {attempts} in {delay_s:.1f} s"
        case events.Resumed(step, number, total):
            return f"{step.filename} continues with statement {number} of {total}"
        case events.IndexDropped(_, index):
            return f"Dropped the invalid index {index} that an earlier attempt left; the statement runs again"
        case events.DetachmentFinished(_, partition):
            return f"Completing the detachment of partition {partition}, which an earlier attempt did not complete"
        case events.DatabasePruned(name, use):
            return f"Dropped {name} ({use})."
        case events.StatementLeftOut() | events.RoleCreated() | events.SettingLeftOut():
            return str(event)
        case events.Notice(severity, message):
            return f"{severity.lower()}: {message}"
        case _:
            raise AssertionError(event)


def step_data(step: "Step") -> dict[str, Any]:
    """Return a step for the JSON document, without its duration."""
    from fowergram_db.migrations.version import as_data

    return {
        "version": as_data(step.version),
        "name": step.name,
        "file": step.filename,
        "direction": str(step.direction),
    }


def report_summary(context: CommandContext, summary: "Summary") -> CommandResult:
    """Show the summary of the database, and return it as the result of a command."""
    if not context.data["steps"]:
        context.screen.line("Nothing to do.")
    return CommandResult({"summary": _show_summary(context, summary)})


def _show_summary(context: CommandContext, summary: "Summary") -> dict[str, int]:
    """Show the summary of the database, and return it for the JSON document."""
    assert context.target is not None  # noqa: S101 - a command that ends well has had a target
    context.screen.line(f'Database "{context.target.dbname}" is {summary}.', "bold")
    return {"applied": len(summary.applied), "pending": len(summary.pending)}


def show_reset(context: CommandContext, files: "Sequence[MigrationFile]", done: "Reset") -> CommandResult:
    """Show how a database was recreated, and its summary."""
    from fowergram_db.migrations.status import Summary

    if done.emptied:
        rows, tables = done.emptied.rows, done.emptied.tables
        emptied = f"{count(rows, 'row')} of {count(tables, 'table')}"
        context.screen.note(f"Emptied: {emptied} deleted; nothing else was changed.")
    elif done.template:
        # If there was no template yet, a line above says who built it.
        reason = "" if done.template_was_missing else done.fallback_reason
        context.screen.note(f"Cloned from {done.template}" + (f" ({reason})." if reason else "."))
    elif done.fallback_reason:
        context.screen.note(
            f"Dropped the objects in the database and built them again, because {done.fallback_reason} "
            "(ALTER ROLE … CREATEDB makes this faster and safer)."
        )
    deleted = {"rows": done.emptied.rows, "tables": done.emptied.tables} if done.emptied else None
    return CommandResult(
        {
            "method": str(done.method),
            "template": done.template or None,
            "emptied": deleted,
            "reason": done.fallback_reason or None,
            "summary": _show_summary(context, Summary(tuple(file.version for file in files), ())),
        }
    )


def rounded(milliseconds: float | None) -> float | None:
    """Round a duration in ms to microseconds, for JSON."""
    return None if milliseconds is None else round(milliseconds, 3)
