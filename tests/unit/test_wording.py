"""The wording check finds a word in prose, and in no code."""

from pathlib import PurePath

import pytest

from tools.prose import CODE, prose_of
from tools.wording import ROOT, Allowed, findings_in, read_words, report

WORDS = read_words(ROOT / "tools" / "words.toml")


def found(name, text):
    return [(f.line, f.column, f.word) for f in findings_in(PurePath(name), text, WORDS)]


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("docs/a.md", "It is built anew.\n", [(1, 13, "anew")]),
        ("docs/a.md", "Case does not matter: ANEW\n", [(1, 23, "ANEW")]),
        ("docs/a.md", "A wait of so\nmany seconds\n", [(1, 11, "so many")]),
        ("docs/a.md", "[told](b.md)\n", [(1, 2, "told")]),
        ("docs/a.md", "1 statement, 2 row(s)\n", [(1, 16, "row(s)")]),
        ("package/a.py", "x = 1  # so\n       # many\n", [(1, 10, "so many")]),
        ("package/a.py", '"""Tell a story."""\n', [(1, 4, "Tell")]),
        ("package/a.py", 'raise Error("it is "\n    "not told")\n', [(2, 10, "told")]),
        ("package/a.py", 'raise Error(f"{name} was told")\n', [(1, 26, "told")]),
        ("tests/a.py", "def test_nobody_waits():\n    pass\n", [(1, 10, "nobody")]),
        ("tests/a.py", 'def f():\n    """Tell."""\n', []),  # one word in quotes is a value
        ("a.sql", "SELECT 1; -- built anew\n", [(1, 20, "anew")]),
        ("a.sql", "COMMENT ON TABLE t IS 'as nobody said';\n", [(1, 27, "nobody")]),
        ("Makefile", "all: ## Mend it\n", [(1, 9, "Mend")]),
    ],
)
def test_a_word_is_found_at_its_place(name, text, words):
    assert found(name, text) == words


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("docs/a.md", "Run `cut -f1`, and [the page](0001-the-server-cuts-the-script.md).\n"),
        ("docs/a.md", "```sh\ncut -f1 told\n```\n"),
        ("docs/a.md", "<!-- nobody -->\nhttps://example.com/told\n"),
        ("docs/a.md", "A standby server stands for nothing here; a shortcut, a short-cut.\n"),
        ("docs/a.md", "The lock is released behind a pooler, and replicas lag behind.\n"),
        ("docs/a.md", "It waits so\n\n`x` many times.\n"),
        ("package/a.py", "told = tell(nobody)\n"),
        ("package/a.py", 'keys = {"told": 1, "nobody": 2}\n'),
        ("package/a.py", 'f"{told} of the steps"\n'),
        ("package/a.py", '"""Do.\n\n>>> told = 1\n"""\n'),
        ("tests/a.py", 'assert output == "it was told so"\n'),
        ("a.sql", "SELECT told FROM nobody WHERE cut = 'told';\n"),
        ("Makefile", "told:\n\tcut -f1\n"),
    ],
)
def test_code_and_what_is_right_are_left_alone(name, text):
    assert found(name, text) == []


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.md", "one `two\nthree` four\n\n```\nfive\n```\nสวัสดี [six](seven)\n"),
        ("a.py", 'x = """a\nb"""  # c\ny = f"{x!r:>3} d {{e}}"\n\n\ndef f_g(): ...\n'),
        ("a.sql", "/* a\nb */ SELECT 'c d', 'e''f g'; -- h\n"),
    ],
)
def test_prose_stays_in_its_place(name, text):
    masked = prose_of(PurePath(name), text, literals=True)
    assert len(masked) == len(text)
    assert [m for m, t in zip(masked, text, strict=True) if m not in {t, CODE, " "}] == []
    assert masked.count("\n") == text.count("\n")


def test_one_place_is_allowed_with_a_reason_and_an_unused_place_is_an_error():
    findings = list(findings_in(PurePath("docs/a.md"), "Built anew.\n\nNobody, the film.\n", WORDS))
    film = Allowed("docs/a.md", "Nobody, the film", "a title")
    (line,) = report(findings, [film])
    assert line.startswith("docs/a.md:1:7: anew: write again")
    (line,) = report(findings[1:], [film, Allowed("docs/a.md", "somebody", "gone since")])
    assert line == "tools/words.toml: nothing to allow in docs/a.md: 'somebody'"
