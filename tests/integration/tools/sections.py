"""Directories of tools that write both ways into one file: each form that their documentation allows."""

from tests.integration.tools.example import FUNCTION, LAST, MORE, MORE_UNDONE, Example, Migration, down, example_of, up


def goose() -> list[Example]:
    def file(up_text, down_text, head=""):
        return f"{head}-- +goose Up\n{up_text}\n\n-- +goose Down\n{down_text}\n"

    def example(form, *migrations):
        more = Migration(LAST, {f"{LAST}_more.sql": file(MORE, MORE_UNDONE)})
        return example_of("goose", form, *migrations, more=more)

    block = f"-- +goose StatementBegin\n{FUNCTION}\n-- +goose StatementEnd"
    first = Migration(1, {"00001_a.sql": file(up(1), down(1))})
    return [
        example(
            "sequences and times together",
            first,
            Migration(2, {"00002_b.sql": file(up(2), down(2))}),
            Migration(20240101000000, {"20240101000000_c.sql": file(up(3), down(3))}),
        ),
        example(
            "statements in a block",
            first,
            Migration(2, {"2_b.sql": file(f"{block}\n{up(2)}", f"DROP FUNCTION f();\n{down(2)}")}),
        ),
        example(
            "annotations in other cases",
            first,
            Migration(2, {"2_b.sql": f"--+goose up\n{up(2)}\n--  +goose DOWN\n{down(2)}\n"}),
        ),
        example(
            "no transaction",
            first,
            Migration(
                2,
                {
                    "2_b.sql": file(
                        "CREATE INDEX CONCURRENTLY i ON t (c1);",
                        "DROP INDEX CONCURRENTLY i;",
                        "-- +goose NO TRANSACTION\n",
                    )
                },
                "index",
                transactional=False,
            ),
            Migration(
                3,
                {
                    "3_c.sql": file(
                        f"BEGIN;\n{up(2)}\nCOMMIT;", f"BEGIN;\n{down(2)}\nCOMMIT;", "-- +goose NO TRANSACTION\n"
                    )
                },
            ),
        ),
        example(
            "nothing in a section",
            Migration(1, {"1_a.sql": file(up(1), "")}, reversible=False),
            Migration(2, {"2_b.sql": f"-- +goose Up\n{up(2)}\n"}, reversible=False),
            Migration(3, {"3_c.sql": file(up(3), "-- cannot be undone")}, reversible=False),
            Migration(4, {"4_d.sql": file("", "")}, "", reversible=False),
        ),
    ]


def dbmate() -> list[Example]:
    def file(up_text, down_text, up_option="", down_option=""):
        return f"-- migrate:up{up_option}\n{up_text}\n\n-- migrate:down{down_option}\n{down_text}\n"

    def example(form, *migrations):
        more = Migration(9, {"9_more.sql": file(MORE, MORE_UNDONE)})
        return example_of("dbmate", form, *migrations, more=more)

    def plain(name, number):
        return {f"{name}.sql": file(up(number), down(number))}

    outside = " transaction:false"
    return [
        example(
            "names with underscores, hyphens, dots and without any",
            Migration(20240101000000, plain("20240101000000-init", 1)),
            Migration(20240101000001, plain("20240101000001_b", 2)),
            Migration(20240101000002, plain("20240101000002", 3)),
            Migration(20240101000003, plain("20240101000003_d.e", 4)),
        ),
        example(
            "file names as text",
            Migration(0, plain("0_a", 1)),
            Migration(10, plain("10_b", 2)),
            Migration(2, plain("2_c", 3)),
        ),
        example(
            "markers with other white space, and a text above",
            Migration(1, {"1_a.sql": f"\n-- head\n--migrate:up\n{up(1)}\n--\tmigrate:down  \n{down(1)}"}),
            Migration(
                2, {"2_b.sql": f"--   migrate:up\t\n{FUNCTION}\n{up(2)}\n--migrate:down\nDROP FUNCTION f();{down(2)}"}
            ),
        ),
        example(
            "no transaction",
            Migration(1, plain("1_a", 1)),
            Migration(
                2,
                {
                    "2_b.sql": file(
                        "CREATE INDEX CONCURRENTLY i ON t (c1);", "DROP INDEX CONCURRENTLY i;", outside, outside
                    )
                },
                "index",
                transactional=False,
            ),
            Migration(3, {"3_c.sql": file(up(2), down(2), " transaction:true")}),
        ),
        example(
            "nothing in a section",
            Migration(1, {"1_a.sql": file(up(1), "")}, reversible=False),
            Migration(2, {"2_b.sql": file(up(2), "-- cannot be undone")}, reversible=False),
            Migration(3, {"3_c.sql": file("", "")}, "", reversible=False),
        ),
    ]


def sql_migrate() -> list[Example]:
    def file(up_text, down_text, up_option="", down_option=""):
        return f"-- +migrate Up{up_option}\n{up_text}\n\n-- +migrate Down{down_option}\n{down_text}\n"

    def example(form, *migrations, more=None, **options):
        more = more or Migration(LAST, {f"{LAST}_more.sql": file(MORE, MORE_UNDONE)})
        return example_of("sql-migrate", form, *migrations, more=more, **options)

    def plain(name, number):
        return {f"{name}.sql": file(up(number), down(number))}

    block = f"-- +migrate StatementBegin\n{FUNCTION}\n-- +migrate StatementEnd"
    outside = " notransaction"
    return [
        example("numbers", *(Migration(n, plain(f"{n}_x", k)) for k, n in enumerate((1, 2, 10), start=1))),
        example(
            "twins and names without a number",
            Migration("1_a", plain("1_a", 1)),
            Migration("1_b", plain("1_b", 2)),
            Migration("10-c", plain("10-c", 3)),
            Migration("Zoo", plain("Zoo", 4)),
            Migration("init", plain("init", 5)),
            more=Migration("more", {"more.sql": file(MORE, MORE_UNDONE)}),
        ),
        example(
            "statements in a block",
            Migration(1, plain("1_a", 1)),
            Migration(2, {"2_b.sql": file(f"{block}\n{up(2)}", f"DROP FUNCTION f();\n{down(2)}")}),
        ),
        example(
            "no transaction",
            Migration(1, plain("1_a", 1)),
            Migration(
                2,
                {
                    "2_b.sql": file(
                        "CREATE INDEX CONCURRENTLY i ON t (c1);", "DROP INDEX CONCURRENTLY i;", outside, outside
                    )
                },
                "index",
                transactional=False,
            ),
        ),
        example(
            "nothing in a section",
            Migration(1, {"1_a.sql": file(up(1), "")}, reversible=False),
            Migration(2, {"2_b.sql": f"-- +migrate Up\n{up(2)}\n"}, reversible=False),
            Migration(3, {"3_c.sql": file("", "")}, "", reversible=False),
        ),
    ]


def node_pg_migrate() -> list[Example]:
    def file(up_text, down_text):
        return f"-- Up Migration\n{up_text}\n\n-- Down Migration\n{down_text}\n"

    def example(form, *migrations, **options):
        name = "4070908800000_more"
        version = 4070908800000 if isinstance(migrations[0].version, int) else name
        more = Migration(version, {f"{name}.sql": file(MORE, MORE_UNDONE)})
        return example_of("node-pg-migrate", form, *migrations, more=more, **options)

    def plain(name, number):
        return {f"{name}.sql": file(up(number), down(number))}

    return [
        example(
            "milliseconds since 1970",
            Migration(1589353644505, plain("1589353644505_a", 1)),
            Migration(1589353644506, plain("1589353644506_b-c", 2)),
        ),
        example(
            "times of 17 digits among milliseconds",
            Migration("1589353644505_a", plain("1589353644505_a", 1)),
            Migration("20200513070724506_b", plain("20200513070724506_b", 2)),
            Migration("1589353644507_c", plain("1589353644507_c", 3)),
        ),
        example(
            "markers in other cases, and files without one",
            Migration(
                1589353644505, {"1589353644505_a.sql": f"--up migration\n{up(1)}\n--- DOWN MIGRATION\n{down(1)}"}
            ),
            Migration(1589353644506, {"1589353644506_b.sql": up(2)}, reversible=False),
            Migration(
                1589353644507, {"1589353644507_c.sql": f"-- Down Migration\n{down(3)}\n\n-- Up Migration\n{up(3)}\n"}
            ),
        ),
        example(
            "no transaction",
            Migration(1589353644505, plain("1589353644505_a", 1)),
            Migration(
                1589353644506,
                {
                    "1589353644506_b.sql": "-- no transaction\n"
                    + file("CREATE INDEX CONCURRENTLY i ON t (c1);", "DROP INDEX CONCURRENTLY i;")
                },
                "index",
                transactional=False,
            ),
            is_run_by_tool=False,
        ),
        example(
            "one number twice",
            *(
                Migration(name, plain(name, number))
                for number, name in enumerate(
                    ("001_ada", "001_Add-a", "001_b9", "001_b10", "001_B10", "002_e"), start=1
                )
            ),
        ),
        example(
            "nothing in a section",
            Migration(1, {"1_a.sql": file(up(1), "")}, reversible=False),
            Migration(2, {"2_b.sql": file(up(2), "-- cannot be undone")}, reversible=False),
            Migration(3, {"3_c.sql": file("", "")}, "", reversible=False),
        ),
    ]


def tern() -> list[Example]:
    def file(up_text, down_text):
        return f"{up_text}\n\n---- create above / drop below ----\n\n{down_text}\n"

    def example(form, *migrations):
        number = len(migrations) + 1
        more = Migration(number, {f"{number:03}_more.sql": file(MORE, MORE_UNDONE)})
        return example_of("tern", form, *migrations, more=more)

    def plain(name, number):
        return {f"{name}.sql": file(up(number), down(number))}

    outside = "---- tern: disable-tx ----\n"
    return [
        example("numbers", *(Migration(n, plain(f"{n:03}_x", n)) for n in range(1, 4))),
        example(
            "no transaction",
            Migration(1, plain("001_a", 1)),
            Migration(
                2,
                {
                    "002_b.sql": file(
                        f"{outside}CREATE INDEX CONCURRENTLY i ON t (c1);", f"{outside}DROP INDEX CONCURRENTLY i;"
                    )
                },
                "index",
                transactional=False,
            ),
        ),
        example(
            "nothing in a section, and no marker",
            Migration(1, {"001_a.sql": file(up(1), "")}, reversible=False),
            Migration(2, {"002_b.sql": up(2)}, reversible=False),
            Migration(3, {"003_c.sql": file("-- nothing", "-- nothing")}, "", reversible=False),
        ),
    ]


EXAMPLES = (
    *goose(),
    *dbmate(),
    *sql_migrate(),
    *node_pg_migrate(),
    *tern(),
)
