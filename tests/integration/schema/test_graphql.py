"""PostGraphile answers the app's types User and Post from the schema api, by real queries over HTTP."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from urllib.parse import quote
from urllib.request import Request, urlopen

import pytest

from tools.npm_packages import node_modules

_SERVER = Path(__file__).with_name("graphql_server.js")
_TAGS = Path(__file__).resolve().parents[3] / "docs/graphql/postgraphile.tags.json5"

pytestmark = pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed")

_POST = """
    id user { username } caption location media { mediaUrl mediaType }
    likeCount commentCount isLiked isSaved createdAt"""
_USER = f"""
    id username fullName bio avatar isPrivate isVerified postsCount followersCount followingCount
    posts(limit: 2, offset: 1) {{ {_POST} }} stories {{ mediaUrl mediaType }} highlights {{ title storyCount }}"""


@pytest.fixture(scope="module")
def modules():
    return node_modules()


@pytest.fixture
def graphql(db, target, modules):  # noqa: ARG001 - the database that it serves
    """Send a query as a viewer; return its data."""
    account = f"{target.user}:{target.password}" if target.password else target.user
    url = f"postgres://{account}@{quote(target.host, safe='')}:{target.port}/{target.dbname}"
    command, variables = ["node", str(_SERVER), url, str(_TAGS)], os.environ | {"NODE_PATH": str(modules)}
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=variables, stdin=pipe, stdout=pipe, text=True) as server:
        port = int(server.stdout.readline())

        def ask(query: str, viewer: object = "") -> dict:
            request = Request(
                f"http://127.0.0.1:{port}/graphql",
                json.dumps({"query": query}).encode(),
                {"Content-Type": "application/json", "X-Viewer-Id": str(viewer)},
            )
            with urlopen(request, timeout=20) as answer:
                document = json.load(answer)
            assert "errors" not in document, document["errors"]
            return document["data"]

        yield ask
        server.terminate()


@pytest.fixture
def author(make_user):
    return make_user("author", full_name="An Author", bio="hello", avatar="a.jpg", is_verified=True)


@pytest.fixture
def viewer(make_user, follow, author):
    viewer = make_user("viewer")
    follow(viewer, author)
    return viewer


@pytest.fixture
def posts(author, viewer, make_post, make_story, add):
    """Three posts of the author, the oldest liked and saved by the viewer, a story and a highlight."""
    found = [
        make_post(author, caption=f"post {n}", location="Phuket", created_at=f"2026-01-0{n} 12:00+00")
        for n in (1, 2, 3)
    ]
    for order in (1, 0):
        add("post_media", post_id=found[0], media_url=f"{order}.jpg", media_type="image", display_order=order)
    for user in (author, viewer):
        add("likes", user_id=user, post_id=found[0])
    add("saved_posts", user_id=viewer, post_id=found[0])
    add("comments", user_id=viewer, post_id=found[0], content="nice")
    story = make_story(author, media_url="s.mp4")
    highlight = add("highlights", user_id=author, title="summer")
    add("highlight_stories", highlight_id=highlight, story_id=story)
    return found


def test_a_user_and_the_posts_are_answered_by_one_query(graphql, author, viewer, posts):
    data = graphql(f'{{ user(id: "{author}") {{ {_USER} }} }}', viewer)
    first, second = data["user"].pop("posts")
    assert data["user"] == {
        "id": str(author), "username": "author", "fullName": "An Author", "bio": "hello", "avatar": "a.jpg",
        "isPrivate": False, "isVerified": True, "postsCount": 3, "followersCount": 1, "followingCount": 0,
        "stories": [{"mediaUrl": "s.mp4", "mediaType": "video"}],
        "highlights": [{"title": "summer", "storyCount": 1}],
    }  # fmt: skip
    assert (first["caption"], first["media"], first["isLiked"]) == ("post 2", [], False)
    assert second == {
        "id": str(posts[0]), "user": {"username": "author"}, "caption": "post 1", "location": "Phuket",
        "media": [{"mediaUrl": f"{order}.jpg", "mediaType": "image"} for order in (0, 1)],
        "likeCount": 2, "commentCount": 1, "isLiked": True, "isSaved": True, "createdAt": "2026-01-01T12:00:00+00:00",
    }  # fmt: skip


def test_a_post_and_the_feed_are_answered_too(graphql, viewer, posts):
    data = graphql(
        f'{{ post(id: "{posts[0]}") {{ {_POST} }} feed(limit: 2) {{ caption user {{ username }} }} }}', viewer
    )
    assert data["post"]["likeCount"] == 2
    assert [post["caption"] for post in data["feed"]] == ["post 3", "post 2"]


def test_each_viewer_gets_what_that_viewer_may_see(graphql, author, viewer, posts, add, change):
    user, post = f'user(id: "{author}") {{ username posts {{ id }} stories {{ id }} }}', f'post(id: "{posts[0]}")'
    query = f"{{ {user} {post} {{ isLiked }} }}"
    assert len(graphql(query)["user"]["posts"]) == 3
    assert graphql(query)["post"] == {"isLiked": False}
    change("users", author, is_private=True)
    assert graphql(query) == {"user": {"username": "author", "posts": [], "stories": []}, "post": None}
    assert len(graphql(query, viewer)["user"]["posts"]) == 3
    add("blocks", blocker_id=author, blocked_id=viewer)
    assert graphql(query, viewer) == {"user": None, "post": None}


def test_types_and_fields_have_the_names_of_the_app(graphql):
    data = graphql(
        '{ user: __type(name: "User") { fields { name type { kind } } }'
        '  post: __type(name: "Post") { fields { name } } }'
    )
    user = {field["name"]: field["type"]["kind"] for field in data["user"]["fields"]}
    always = {"id", "username", "isPrivate", "isVerified", "postsCount", "followersCount", "followingCount"}
    assert {name for name, kind in user.items() if kind == "NON_NULL"} >= always
    assert set(user) >= always | {"fullName", "bio", "avatar", "posts", "stories", "highlights"}
    post = {field["name"] for field in data["post"]["fields"]}
    assert post >= {
        "id",
        "user",
        "caption",
        "location",
        "media",
        "likeCount",
        "commentCount",
        "isLiked",
        "isSaved",
        "createdAt",
    }


def test_one_account_and_one_post_are_found_by_their_keys(db, author, posts):
    for view, row in (("users", author), ("posts", posts[0])):
        db.execute("SET enable_seqscan = off")
        plan = "\n".join(line for (line,) in db.execute(f"EXPLAIN SELECT * FROM api.{view} WHERE id = '{row}'"))
        # The other unique index of accounts begins with the key, too.
        assert f"{view}_pkey" in plan or f"{view}_visibility_key" in plan
        assert "Seq Scan" not in plan, plan
