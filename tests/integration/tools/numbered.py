"""Directories of tools that name files by number: each form that their documentation allows."""

from tests.integration.tools.example import (
    LAST,
    MORE,
    MORE_UNDONE,
    Example,
    Migration,
    down,
    example_of,
    pair,
    pair_of,
    up,
)


def golang_migrate() -> list[Example]:
    def example(form, *migrations):
        return example_of(
            "golang-migrate", form, *migrations, more=Migration(LAST, pair_of(f"{LAST}_more", MORE, MORE_UNDONE))
        )

    def files(number, up_text, down_text):
        return {f"{number}_x.up.sql": up_text, f"{number}_x.down.sql": down_text}

    first = Migration(1, pair("1_a", 1))
    return [
        example("numbers of any width", first, Migration(2, pair("000002_b", 2)), Migration(10, pair("10_c", 3))),
        example("hyphens and dots", first, Migration(2, pair("2_b-c.d e", 2))),
        example(
            "pairs by number alone",
            Migration(1, pair("1_add_t", 1, "1_drop_t")),
            Migration(20240101000000, pair("20240101000000_b", 2, "20240101000000_revert_b")),
        ),
        example("version 0", Migration(0, pair("0_a", 1)), Migration(1, pair("1_b", 2))),
        example_of(
            "golang-migrate",
            "20 digits",
            Migration(9, pair("9_a", 1)),
            Migration(10, pair("10_b", 2)),
            Migration("18446744073709551614", pair("18446744073709551614_c", 3)),
            more=Migration("18446744073709551615", {"18446744073709551615_more.up.sql": MORE}),
        ),
        example(
            "transactions in the files",
            Migration(1, files(1, f"BEGIN;\n{up(1)}\nCOMMIT;\n", f"begin;\n{down(1)}\nend;\n")),
            Migration(2, files(2, f"-- why\nBEGIN TRANSACTION;\n{up(2)}\nEND;", f"BEGIN WORK;{down(2)}COMMIT WORK;")),
            Migration(3, files(3, f"BEGIN;\n{up(3)}\nCOMMIT;\nBEGIN;\nSELECT 1;\nCOMMIT;\n", f"{down(3)}\n")),
            Migration(
                4, files(4, f"start transaction;\n{up(4)}\ncommit;\n-- end\n", f"BEGIN;{down(4)}END TRANSACTION")
            ),
        ),
        example(
            "statements that run outside a transaction",
            first,
            Migration(
                2,
                files(2, "CREATE INDEX CONCURRENTLY i ON t (c1);\n", "DROP INDEX CONCURRENTLY i;"),
                "index",
                transactional=False,
            ),
            Migration(3, files(3, "VACUUM t", "-- nothing to do\n"), "", reversible=False, transactional=False),
            Migration(
                4,
                files(4, "-- unnamed\nCREATE INDEX CONCURRENTLY ON t (c1)", "DROP INDEX CONCURRENTLY t_c1_idx"),
                "index",
                transactional=False,
            ),
        ),
        example(
            "nothing in a file",
            Migration(1, files(1, up(1), ""), reversible=False),
            Migration(2, {"2_b.up.sql": up(2)}, reversible=False),
            Migration(3, files(3, up(3), "-- cannot be undone\n\n/* so */ ;"), reversible=False),
            Migration(4, files(4, "-- nothing\n", ""), "", reversible=False),
            Migration(5, pair("5_e", 4)),
        ),
    ]


def sqlx() -> list[Example]:
    def example(form, *migrations):
        return example_of("sqlx", form, *migrations, more=Migration(LAST, {f"{LAST}_more.sql": MORE}, reversible=False))

    return [
        example(
            "files that go one way, in the order of numbers",
            Migration(2, {"2_a.sql": up(1)}, reversible=False),
            Migration(10, {"0010_b.sql": up(2)}, reversible=False),
            Migration(20240101000000, {"20240101000000_c.sql": up(3)}, reversible=False),
        ),
        example(
            "no transaction",
            Migration(1, {"1_a.sql": up(1)}, reversible=False),
            Migration(
                2,
                {"2_b.sql": "-- no-transaction\nCREATE INDEX CONCURRENTLY i ON t (c1);\n"},
                "index",
                reversible=False,
                transactional=False,
            ),
        ),
        example_of(
            "sqlx",
            "files for both ways",
            Migration(20240101000000, pair("20240101000000_a", 1)),
            Migration(
                20240101000001,
                {
                    "20240101000001_b.up.sql": "-- no-transaction\nCREATE INDEX CONCURRENTLY i ON t (c1);",
                    "20240101000001_b.down.sql": "-- no-transaction\nDROP INDEX CONCURRENTLY i;",
                },
                "index",
                transactional=False,
            ),
            more=Migration(LAST, pair_of(f"{LAST}_more", MORE, MORE_UNDONE)),
        ),
    ]


def flyway() -> list[Example]:
    def example(form, *migrations):
        more = Migration(LAST, {f"V{LAST}__more.sql": MORE}, reversible=False)
        return example_of("Flyway", form, *migrations, more=more)

    def both(name, number, folder=""):
        return {f"{folder}V{name}": up(number), f"U{name}": down(number)}

    def once(name, number):
        return {f"V{name}": up(number)}

    return [
        example(
            "whole numbers",
            Migration(1, both("1__a.sql", 1)),
            Migration(2, once("002__b.sql", 2), reversible=False),
            Migration(10, both("10__c d.sql", 3)),
        ),
        example(
            "versions with parts",
            Migration(1, both("1__a.sql", 1)),
            Migration("1.2", both("1.2__b.sql", 2)),
            Migration("1.10.0", both("1_10_0__c.sql", 3)),
            Migration("2.0", both("2.0__d.sql", 4)),
            Migration("2.0.1", both("02.000.1__e.sql", 5)),
        ),
        example(
            "folders below",
            Migration(0, both("0__a.sql", 1, "first/")),
            Migration(20240101120000, both("20240101120000__b.sql", 2, "first/then/")),
        ),
        example(
            "no transaction",
            Migration(1, both("1__a.sql", 1)),
            Migration(
                2,
                {
                    "V2__b.sql": "CREATE INDEX CONCURRENTLY i ON t (c1);",
                    "V2__b.sql.conf": "executeInTransaction=false\n",
                    "U2__b.sql": "DROP INDEX CONCURRENTLY i;",
                },
                "index",
                transactional=False,
            ),
            Migration(
                3,
                {"V3__c.sql": "CREATE INDEX CONCURRENTLY ON t (c1);"},
                "index",
                reversible=False,
                transactional=False,
            ),
        ),
        example(
            "nothing in a file",
            Migration(1, {"V1__a.sql": up(1), "U1__a.sql": "-- cannot be undone"}, reversible=False),
            Migration(2, {"V2__b.sql": "-- nothing\n"}, "", reversible=False),
        ),
    ]


def supabase() -> list[Example]:
    def example(form, *migrations):
        more = Migration(LAST, {f"{LAST}_more.sql": MORE}, reversible=False)
        return example_of("supabase", form, *migrations, more=more, root="supabase/migrations")

    def once(name, number):
        return {f"{name}.sql": up(number)}

    return [
        example(
            "times and hyphens",
            Migration(1, once("0001-name", 1), reversible=False),
            Migration(20240101000000, once("20240101000000_b", 2), reversible=False),
        ),
        example(
            "file names as text",
            Migration(0, once("0_a", 1), reversible=False),
            Migration(10, once("10_b", 2), reversible=False),
            Migration(1, once("1_c", 3), reversible=False),
        ),
    ]


EXAMPLES = (
    *golang_migrate(),
    *sqlx(),
    *flyway(),
    *supabase(),
)
