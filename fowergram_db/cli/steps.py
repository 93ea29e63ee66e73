"""Show the steps of a run as they are taken, and where the database stands in the end."""

from typing import TYPE_CHECKING, Any

from fowergram_db.cli.render import duration
from fowergram_db.cli.session import Outcome, Session

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fowergram_db.migrations.execute import CheckedStep
    from fowergram_db.migrations.migrate import Event, OnEvent, Standing
    from fowergram_db.migrations.plan import Step


def step_listener(session: Session) -> "OnEvent":
    """Return a listener that also keeps the steps for the JSON document, the failed run's included."""
    done: list[dict[str, Any]] = []
    session.data["steps"] = done
    return listener(session, done)


def listener(session: Session, done: list[dict[str, Any]]) -> "OnEvent":
    """Return what shows each event as it comes, and adds each finished step to ``done``."""
    from fowergram_db.migrations.execute import StepResult
    from fowergram_db.migrations.migrate import Connected, DatabaseCreated, Notice, StepStarted

    def listen(event: "Event") -> None:
        match event:
            case Connected(version):
                session.server_version = version
            case DatabaseCreated(name):
                session.screen.note(f'Created database "{name}".')
            case StepStarted(step, number, total):
                session.screen.progress(step.filename, number - 1, total)
            case StepResult(step, duration_ms):
                done.append(_step_data(step) | {"duration_ms": rounded(duration_ms)})
                verb = "applied" if step.direction == "up" else "undone"
                recorded = "" if step.direction == "up" or step.is_file else ", by the script recorded with it"
                session.screen.line(f"{verb:8} {step.filename} ({duration(duration_ms)}{recorded})")
            case Notice(severity, message):
                session.screen.note(f"{severity.lower()}: {message}")

    return listen


def _step_data(step: "Step") -> dict[str, Any]:
    return {"version": step.version, "name": step.name, "file": step.filename, "direction": str(step.direction)}


def arrived(session: Session, standing: "Standing") -> Outcome:
    """Say where the database now stands."""
    if not session.data["steps"]:
        session.screen.line("Nothing to do.")
    assert session.target is not None  # noqa: S101 - a command that has arrived has had a target
    session.screen.line(f'Database "{session.target.dbname}" is {standing}.', "bold")
    return Outcome({"summary": {"applied": len(standing.applied), "pending": len(standing.pending)}})


def preview(session: Session, steps: "Sequence[CheckedStep]") -> Outcome:
    """Print the scripts that would run; literals of PASSWORD clauses stay hidden here too."""
    from fowergram_db.database.redaction import mask_passwords

    for checked in steps:
        step = checked.step
        session.screen.line(f"-- {step.direction} {step.version}: {step.source}", "bold")
        session.screen.line(mask_passwords(step.text).rstrip("\n"))
    count = len(steps)
    session.screen.note(f"Dry run: {count} migration(s) would run." if count else "Dry run: nothing would run.")
    return Outcome({"dry_run": True, "steps": [_step_data(c.step) | {"duration_ms": None} for c in steps]})


def rounded(milliseconds: float | None) -> float | None:
    """Round a duration to microseconds, for JSON."""
    return None if milliseconds is None else round(milliseconds, 3)
