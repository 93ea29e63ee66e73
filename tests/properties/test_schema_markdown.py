"""Markdown of a schema: any text is shown to the reader as it is."""

from hypothesis import example, given
from hypothesis import strategies as st

from fowergram_db.schema.markup import code, code_block, code_in_cell, prose, table
from tests.rendered import rendered

TEXTS = st.text(
    st.one_of(st.sampled_from("\\|`*_[]<>&#-+=~!$()1. \n\r:a;กำ"), st.characters(exclude_categories=("Cs", "Cc"))),
    max_size=30,
)


def lines(text):
    """The lines of a text, but for the spaces around them, which Markdown does not keep."""
    return [line.strip() for line in text.splitlines() if line.strip()]


@given(TEXTS)
@example("1. one")
@example("- [x] `a` | &amp; <b>\n# no")
@example("a\\|b \\\\| c\\")
def test_prose_is_shown_as_it_is_in_a_paragraph_in_a_list_and_in_a_cell(text):
    shown = lines(text)
    page = rendered(f"before\n\n{prose(text)}\n\n- {prose(text)}\n\n{table('a | b', [(prose(text), 'c')])}\n")
    assert lines("\n".join(page.paragraphs)) == ["before", *shown, *shown]
    assert [(lines(row[0]), *row[1:]) for row in page.tables[0]] == [(["a"], "b"), (shown, "c")]
    assert page.markup <= {
        "paragraph_open", "paragraph_close", "inline", "text", "html_inline", "bullet_list_open", "list_item_open",
        "list_item_close", "bullet_list_close", "table_open", "thead_open", "tr_open", "th_open", "th_close",
        "tr_close", "thead_close", "tbody_open", "td_open", "td_close", "tbody_close", "table_close", "text_special",
    }  # fmt: skip


@given(TEXTS.filter(str.strip))
@example("a\\|b")
@example("`|`")
@example("||")
@example("\\")
def test_code_is_shown_as_it_is_on_one_line(text):
    page = rendered(f"{code(text)}\n\n## {code(text)}\n\n{table('a | b', [(code_in_cell(text), 'c')])}\n")
    shown = " ".join(lines(text))
    found = [*page.paragraphs, *page.headings, page.tables[0][1][0]]
    assert [" ".join(lines(each)) for each in found] == [shown] * 3
    assert page.tables[0][1][1] == "c"
    assert rendered(code_block(text)).fences == (("sql", f"{text}\n"),) or "\r" in text
