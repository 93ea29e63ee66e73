"""Directories of tools that have folders or a list of their files: each form that their documentation allows."""

import json
from dataclasses import replace

from tests.integration.tools.example import FUNCTION, LAST, MORE, MORE_UNDONE, Example, Migration, down, example_of, up


def diesel() -> list[Example]:
    def example(form, *migrations, more=str(LAST)):
        files = {f"{more}_more/up.sql": MORE, f"{more}_more/down.sql": MORE_UNDONE}
        return example_of("diesel", form, *migrations, more=Migration(int(more), files))

    def folder(name, number):
        return texts(name, up(number), down(number))

    def texts(name, up_text, down_text):
        return {f"{name}/up.sql": up_text, f"{name}/down.sql": down_text}

    setup = texts("00000000000000_diesel_initial_setup", FUNCTION, "DROP FUNCTION f();")
    outside = texts("2_b", "CREATE INDEX CONCURRENTLY i ON t (c1);", "DROP INDEX CONCURRENTLY i;")
    return [
        example(
            "its own first migration, and times with hyphens",
            Migration(0, setup, ""),
            Migration(20240101120000, folder("2024-01-01-120000_a", 1)),
            Migration(20240101120001, folder("20240101120001_b-c", 2)),
        ),
        example(
            "versions of different length as text",
            Migration(202306010000000000, folder("2023-06-01-000000-0000_a", 1)),
            Migration(20240101000000, folder("2024-01-01-000000_b", 2)),
            Migration(202401010000001234, folder("202401010000001234_c", 3)),
            Migration(3, folder("3_d", 4)),
            more="99",
        ),
        example(
            "no transaction",
            Migration(1, folder("1_a", 1)),
            Migration(2, outside | {"2_b/metadata.toml": "run_in_transaction = false\n"}, "index", transactional=False),
            Migration(3, folder("3_c", 2) | {"3_c/metadata.toml": "run_in_transaction = true\n"}),
            more="99",
        ),
        example(
            "nothing in a file",
            Migration(1, texts("1_a", up(1), "-- cannot be undone"), reversible=False),
            Migration(2, {"2_b/up.sql": up(2)}, reversible=False),
            Migration(3, texts("3_c", "-- nothing", ""), "", reversible=False),
            more="99",
        ),
    ]


def sqitch() -> list[Example]:
    def plan(*lines):
        head = "%syntax-version=1.0.0\n%project=app\n%uri=https://example.org/app\n\n"
        return {"sqitch.plan": head + "".join(f"{line}\n" for line in lines)}

    def change(name, depends=""):
        return f"{name} {depends}2024-01-01T00:00:00Z Ann <ann@example.org> # adds {name}"

    def script(name, up_text, down_text):
        return {f"deploy/{name}.sql": up_text, f"revert/{name}.sql": down_text}

    def wrapped(name, up_text, down_text):
        return script(
            name,
            f"-- Deploy app:{name} to pg\n\nBEGIN;\n\n{up_text}\n\nCOMMIT;\n",
            f"-- Revert app:{name} from pg\n\nBEGIN;\n\n{down_text}\n\nCOMMIT;\n",
        ) | {f"verify/{name}.sql": f"-- Verify app:{name} on pg\n\nBEGIN;\n\nSELECT 1;\n\nROLLBACK;\n"}

    def example(form, lines, *migrations, other_files=None, core="", place=str):
        """``place`` says where a file is with the settings ``core``."""
        more = wrapped("more", MORE, MORE_UNDONE) | plan(*lines, change("more"))
        every = [*migrations, Migration(len(migrations) + 1, more)]
        *others, last = (replace(each, files=placed(each.files, place)) for each in every)
        other_files = (
            placed(plan(*lines), place) | {"sqitch.conf": f"[core]\n\tengine = pg\n{core}"} | (other_files or {})
        )
        return example_of("sqitch", form, *others, more=last, other_files=other_files)

    def placed(files, place):
        return {place(path): text for path, text in files.items()}

    def named_apart(path):
        path = path.replace("sqitch.plan", "a.plan").replace("deploy/", "up/").replace("revert/", "undo/")
        return path.replace(".sql", ".ddl")

    return [
        example(
            "the order of the plan",
            [
                change("zoo"),
                change("app/a", "[zoo] "),
                "@v1.0.0 2024-01-01T00:00:00Z Ann <ann@example.org> # a release",
                "",
                "# a remark",
                change("b", "[app/a !lib:x] "),
            ],
            Migration(1, wrapped("zoo", up(1), down(1))),
            Migration(2, wrapped("app/a", up(2), down(2))),
            Migration(3, wrapped("b", up(3), down(3))),
        ),
        example(
            "scripts that are not planned, and without a transaction of their own",
            [change("b"), change("a")],
            Migration(1, script("b", up(1), down(1))),
            Migration(2, script("a", f"begin;\n{up(2)}\nend;\nbegin; SELECT 1; commit;", f"BEGIN;{down(2)}END;")),
            other_files={"deploy/unplanned.sql": "CREATE TABLE unplanned ();"},
        ),
        example(
            "statements around and in the transaction",
            [change("a"), change("b"), change("c")],
            Migration(1, script("a", f"SET client_min_messages = 'warning';\nBEGIN;\n{up(1)}\nCOMMIT;\n", down(1))),
            Migration(2, script("b", f"BEGIN;\r\nSET search_path = public;\r\n{up(2)}\r\nCOMMIT;\r\n", down(2))),
            Migration(3, wrapped("c", f"SAVEPOINT s;\nDO $$\nBEGIN\nEND;\n$$;\nROLLBACK TO s;\n{up(3)}", down(3))),
        ),
        example(
            "statements that run outside a transaction",
            [change("a"), change("b"), change("c")],
            Migration(1, wrapped("a", up(1), down(1))),
            Migration(
                2,
                script("b", "CREATE INDEX CONCURRENTLY i ON t (c1);", "DROP INDEX CONCURRENTLY i;"),
                "index",
                transactional=False,
            ),
            Migration(3, script("c", "VACUUM t;", "-- nothing"), "", reversible=False, transactional=False),
        ),
        example(
            "nothing in a script",
            [change("a"), change("b"), change("c")],
            Migration(1, wrapped("a", up(1), ""), reversible=False),
            Migration(2, script("b", up(2), "-- cannot be undone"), reversible=False),
            Migration(3, wrapped("c", "-- nothing", ""), "", reversible=False),
        ),
        example(
            "all files below another directory",
            [change("zoo"), change("app/a")],
            Migration(1, wrapped("zoo", up(1), down(1))),
            Migration(2, wrapped("app/a", up(2), down(2))),
            core="\ttop_dir = db\n",
            place="db/{}".format,
        ),
        example(
            "other names of directories and files",
            [change("zoo"), change("app/a")],
            Migration(1, wrapped("zoo", up(1), down(1))),
            Migration(2, wrapped("app/a", up(2), down(2))),
            other_files={"deploy/zoo.sql": "CREATE TABLE unused ();"},
            core="\tplan_file = a.plan\n\tdeploy_dir = up\n\trevert_dir = ./undo\n\textension = ddl\n",
            place=named_apart,
        ),
    ]


def prisma() -> list[Example]:
    lock = {"migration_lock.toml": '# Prisma\nprovider = "postgresql"\n'}

    def example(form, *migrations, more):
        return example_of("Prisma", form, *migrations, more=folder(more, "more", MORE), other_files=lock)

    def folder(version, name, text, **options):
        path = f"{version}_{name}" if isinstance(version, int) else version
        return Migration(version, {f"{path}/migration.sql": text}, reversible=False, **options)

    undone = {"0_init/migration.sql": up(1), "0_init/down.sql": down(1)}
    return [
        example(
            "folders in order of name",
            Migration("0_init", undone),
            folder("10_b", "", f"-- AlterTable\n{up(2)}\n"),
            folder("20240101000000_c", "", up(3)),
            folder("2_d", "", up(4)),
            more="9_more",
        ),
        example(
            "transactions in the files, and statements that run outside one",
            folder(20240101000000, "a", f"BEGIN;\n{up(1)}\nCOMMIT;\n"),
            folder(20240101000001, "b", "CREATE INDEX CONCURRENTLY i ON t (c1);", adds="index", transactional=False),
            folder(20240101000002, "c", "-- This is an empty migration.", adds=""),
            more=LAST,
        ),
    ]


def drizzle() -> list[Example]:
    def journal(*tags):
        entries = [
            {"idx": n, "version": "7", "when": 1700000000000 + n, "tag": tag, "breakpoints": True}
            for n, tag in enumerate(tags)
        ]
        return {"meta/_journal.json": json.dumps({"version": "7", "dialect": "postgresql", "entries": entries})}

    def example(form, *texts):
        tags = [*(tag for tag, _ in texts), f"{len(texts):04}_more"]
        # Versions are numbers where these say the order.
        versions = [int(tag[:4]) for tag in tags] if tags == sorted(tags) else tags
        migrations = [
            Migration(version, {f"{tag}.sql": text}, "" if "SELECT" in text else "column", reversible=False)
            for version, (tag, text) in zip(versions, texts, strict=False)
        ]
        more = Migration(versions[-1], {f"{tags[-1]}.sql": MORE} | journal(*tags), reversible=False)
        other_files = journal(*tags[:-1]) | {
            "0099_unlisted.sql": "CREATE TABLE unlisted ();",
            "meta/0000_snapshot.json": "{}",
        }
        return example_of("drizzle", form, *migrations, more=more, other_files=other_files)

    guarded = "DO $$ BEGIN\n CREATE TYPE e AS ENUM('a');\nEXCEPTION\n WHEN duplicate_object THEN null;\nEND $$;"
    broken = '--> statement-breakpoint\nALTER TABLE "t" ADD COLUMN "c2" int'
    return [
        example(
            "the order of the journal",
            ("0000_shiny_hulk", up(1)),
            ("0002_b", up(2)),
            ("0001_c", up(3)),
        ),
        example(
            "bodies with semicolons",
            ("0000_a", f"{guarded}\n--> statement-breakpoint\n{up(1)}\n"),
            ("0001_b", f"{FUNCTION}--> statement-breakpoint\n{up(2)}--> statement-breakpoint\n"),
        ),
        example(
            "breakpoints after statements",
            ("0000_a", f"{up(1)}\n--> statement-breakpoint\nCOMMENT ON TABLE t IS 'x'"),
            ("0001_b", "SELECT 1\n--> statement-breakpoint\nSELECT 2;--> statement-breakpoint\nSELECT 3"),
            ("0002_c", f"COMMENT ON TABLE t IS NULL;\n{broken}"),
        ),
    ]


EXAMPLES = (
    *diesel(),
    *sqitch(),
    *prisma(),
    *drizzle(),
)
