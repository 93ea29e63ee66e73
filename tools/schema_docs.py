"""``python -m tools.schema_docs [--write]``: docs/database-schema.md, made from what the migrations build.

Shows the page as it should be; with ``--write``, writes it. A scratch database is made for it on the server that
TEST_DATABASE_URL names, else on the embedded one.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from fowergram_db.database.connection import connect, started
from fowergram_db.database.owner import Owner
from fowergram_db.database.scratch import scratch_database
from fowergram_db.database.sql import shipped_migrations
from fowergram_db.database.target import Target, resolve_target
from fowergram_db.migrations.files.directory import read_migrations
from fowergram_db.migrations.migrate import migrate
from fowergram_db.migrations.run import UpgradeTarget
from fowergram_db.schema.catalog import describe
from fowergram_db.schema.description import Description
from fowergram_db.schema.markdown import markdown
from fowergram_db.schema.page_layout import Area, FunctionGroup, PageLayout, misplaced

PAGE = Path(__file__).resolve().parents[1] / "docs/database-schema.md"

# The area of each table and view, in the order of the page. Add each new one to an area.
AREAS = {
    "Accounts": "users user_stats user_stat_slots verification_requests",
    "Authentication": "refresh_tokens email_verifications password_resets",
    "Social graph": "follows blocks close_friends",
    "Posts and comments": "posts post_media post_stats post_stat_slots likes comments comment_stats comment_stat_slots "
    "comment_likes user_mentions feeds",
    "Saved posts and collections": "saved_posts collections collection_posts",
    "Hashtags and search": "hashtags post_hashtags hashtag_trends search_history",
    "Stories and highlights": "stories story_views story_reactions story_polls story_poll_votes story_questions "
    "story_question_responses music_tracks music_track_trends highlights highlight_stories",
    "Direct messages": "conversations conversation_participants conversation_archives messages message_reads",
    "Reels and sounds": "reels reel_stats reel_stat_slots reel_trends reel_likes reel_comments reel_shares saved_reels "
    "audio_tracks",
    "IGTV": "igtv_series igtv_videos igtv_stats igtv_stat_slots igtv_likes igtv_comments",
    "Live streams": "live_streams live_stream_viewers live_comments",
    "Shopping": "products post_product_tags wishlists",
    "Notifications and activity": "notifications user_activities",
    "For clients that introspect": "api.users api.posts api.post_media api.stories api.highlights",
}
GROUPS = (
    FunctionGroup("Readers", "(get|search)_(?!text|pattern).*", "What the app reads with."),
    FunctionGroup(
        "For clients that introspect",
        "viewer_id|user|post|feed|(users|posts)_(posts|stories|highlights|user|media)",
        "Of the schema api.",
    ),
    FunctionGroup("Visibility", "(reachable|visible)_.*|stories_for", "Who may see what; every reader joins them."),
    FunctionGroup(
        "Counts", ".*_counts|post_details", "Of one row, as the readers and the views of statistics take them."
    ),
    FunctionGroup(
        "Maintenance",
        "cleanup_.*|erase_(user|row)|generate_user_feed|maintain_.*|recount|rebase_trends",
        "What is to be called now and then.",
    ),
    FunctionGroup(
        "For migrations",
        "keep_.*|sum_of_changes|changes_of_rows|addition_.*",
        "What creates the triggers that keep counts.",
    ),
)
ABOUT = (
    """\
Every table, view, type and function of Fowergram, described by the comments in the catalog. What a backend sends to
them is in [using the schema](using-the-schema.md).""",
    "`make docs` writes this page: change the comments in `sql/migrations`, not the page.",
)


def main(given: Sequence[str]) -> int:
    """Show or write the page; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools.schema_docs", description=__doc__)
    parser.add_argument("--write", action="store_true", help="write the page instead of showing it")
    options = parser.parse_args(given)
    with started(_server()) as server, scratch_database(server, Owner.unmarked()) as scratch:
        migrate(scratch, read_migrations(shipped_migrations()), UpgradeTarget(), lambda _event: None)
        with connect(scratch) as connection:
            text = page(describe(connection))
    if options.write:
        PAGE.write_text(text, encoding="utf-8")
    else:
        sys.stdout.write(text)
    return 0


def _server() -> Target:
    url = os.environ.get("TEST_DATABASE_URL") or "embedded:"
    target = resolve_target({"database_url": url}, {}, {}, libpq=lambda _: {}, embedded_available=True)
    return replace(target, dbname="postgres") if target.embedded else target


def page(description: Description) -> str:
    """Return the page. Raises ValueError where a table or view has no place, or a place no table."""
    areas = (Area(title, tuple(map(_identity, names.split()))) for title, names in AREAS.items())
    layout = PageLayout("Database schema", tuple(areas), GROUPS, ABOUT)
    if wrong := misplaced(description, layout):
        raise ValueError(f"correct AREAS in tools/schema_docs.py: {'; '.join(wrong)}")
    return markdown(description, layout)


def _identity(name: str) -> str:
    return name if "." in name else f"public.{name}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
