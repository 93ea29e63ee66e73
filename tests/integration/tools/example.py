"""A directory as another tool writes it, and what comes of it.

Each migration makes or adds the next column of the table ``t``: ``c1``, ``c2`` and so on. So the columns show what ran,
and in what order.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Migration:
    """One migration: the version that ``status`` shows, and its files by their path.

    ``adds`` is what it makes: a column, an index, or nothing.
    """

    version: int | str
    files: dict[str, str]
    adds: str = "column"
    reversible: bool = True
    transactional: bool = True


@dataclass(frozen=True, slots=True)
class Example:
    """A directory of one tool, its migrations in the order in which that runs them.

    ``other_files`` are the files that are no migrations. ``more`` is one migration more, which runs last.
    ``is_run_by_tool`` says whether the tool itself can run this, in the release that the tests have.
    """

    tool: str
    form: str
    migrations: tuple[Migration, ...]
    more: Migration
    other_files: dict[str, str]
    root: str
    is_run_by_tool: bool = True

    def __str__(self) -> str:
        return f"{self.tool}: {self.form}"

    @property
    def files(self) -> dict[str, str]:
        """All files but those of ``more``."""
        return self.other_files | {path: text for each in self.migrations for path, text in each.files.items()}

    @property
    def columns(self) -> list[str]:
        """The columns of the table t."""
        return [f"c{number}" for number in range(1, sum(each.adds == "column" for each in self.migrations) + 1)]


def up(number: int) -> str:
    """The statement that makes a column."""
    return "CREATE TABLE t (c1 int);" if number == 1 else f"ALTER TABLE t ADD c{number} int;"


def down(number: int) -> str:
    """What undoes it."""
    return "DROP TABLE t;" if number == 1 else f"ALTER TABLE t DROP c{number};"


MORE, MORE_UNDONE = "ALTER TABLE t ADD more int;", "ALTER TABLE t DROP more;"
LAST = 20990101000000
FUNCTION = "CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS $$\nBEGIN\n  RETURN 1;\nEND;\n$$;"


def pair(name: str, number: int, down_name: str = "") -> dict[str, str]:
    return pair_of(name, up(number) + "\n", down(number) + "\n", down_name)


def pair_of(name: str, up_text: str, down_text: str, down_name: str = "") -> dict[str, str]:
    return {f"{name}.up.sql": up_text, f"{down_name or name}.down.sql": down_text}


def example_of(tool, form, *migrations, more, other_files=None, root="", is_run_by_tool=True) -> Example:
    return Example(tool, form, migrations, more, other_files or {}, root, is_run_by_tool)
