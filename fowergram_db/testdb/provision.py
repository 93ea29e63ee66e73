"""Provide templates: build one if it is missing, then drop what is no longer needed."""

from contextlib import suppress

from fowergram_db.database.connection import Connection
from fowergram_db.database.target import Target
from fowergram_db.errors import FowergramError
from fowergram_db.migrations.events import DatabasePruned, OnEvent
from fowergram_db.testdb.pruning import prune
from fowergram_db.testdb.template import Template, TemplateSpec, complete_template, read_template_state
from fowergram_db.testdb.template_lifecycle import build_template


def ensure_template(admin: Connection, spec: TemplateSpec, on_event: OnEvent, wait_s: float = 600.0) -> Template:
    """Return the template of a spec; build it if it is missing, unfinished or out of date.

    Each change of the migrations leads to one more template, so ``prune`` follows a build. ``admin`` is a session in
    another database. Raises what ``build_template`` raises.
    """
    found = read_template_state(admin, spec)
    if template := complete_template(admin, found):
        return template
    template, is_new = build_template(admin, spec, found.name, on_event, wait_s)
    if is_new:
        _prune_quietly(admin, spec.target, on_event)
    return template


def _prune_quietly(admin: Connection, target: Target, on_event: OnEvent) -> None:
    with suppress(FowergramError):
        for database, kept_by in prune(admin, target):
            if not kept_by:
                on_event(DatabasePruned(database.name, str(database.use)))
