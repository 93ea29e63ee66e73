"""What a page in Markdown shows to its reader."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from urllib.parse import unquote

from markdown_it import MarkdownIt
from markdown_it.token import Token

from fowergram_db.schema.markup import slugs

_MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"])


@dataclass(frozen=True, slots=True)
class Page:
    """The texts of a page, as they are shown; ``fences`` are (language, text)."""

    headings: tuple[str, ...]
    paragraphs: tuple[str, ...]
    tables: tuple[tuple[tuple[str, ...], ...], ...]
    fences: tuple[tuple[str, str], ...]
    links: frozenset[str]
    markup: frozenset[str]

    @property
    def dangling(self) -> set[str]:
        """The links within the page that lead nowhere."""
        return {link for link in self.links if link.startswith("#")} - {f"#{slug}" for slug in slugs(self.headings)}


def rendered(text: str) -> Page:
    """Read a page as GitHub does."""
    tokens = _MARKDOWN.parse(text)
    inline = [child for token in tokens for child in token.children or ()]
    return Page(
        headings=tuple(_contents(tokens, "heading_open")),
        paragraphs=tuple(_contents(tokens, "paragraph_open")),
        tables=tuple(_tables(tokens)),
        fences=tuple((token.info, token.content) for token in tokens if token.type == "fence"),
        links=frozenset(unquote(str(token.attrs["href"])) for token in inline if token.type == "link_open"),
        markup=frozenset(token.type for token in (*tokens, *inline)),
    )


def _contents(tokens: Sequence[Token], kind: str) -> Iterator[str]:
    for before, token in pairwise(tokens):
        if before.type == kind:
            yield _shown(token)


def _tables(tokens: Sequence[Token]) -> Iterator[tuple[tuple[str, ...], ...]]:
    rows: list[list[str]] = []
    for before, token in pairwise(tokens):
        if token.type == "table_open":
            rows = []
        elif token.type == "tr_open":
            rows.append([])
        elif before.type in ("th_open", "td_open"):
            rows[-1].append(_shown(token))
        elif token.type == "table_close":
            yield tuple(map(tuple, rows))


def _shown(inline: Token) -> str:
    return "".join("\n" if token.content == "<br>" else _plain(token) for token in inline.children or ())


def _plain(token: Token) -> str:
    if token.type == "html_inline":
        return "" if token.content in ("<code>", "</code>") else f"HTML: {token.content}"
    return token.content if token.type in ("text", "code_inline") else "\n" if token.type == "softbreak" else ""
