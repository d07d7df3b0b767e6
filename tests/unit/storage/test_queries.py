from __future__ import annotations

import contextlib
import itertools
from pathlib import Path

import pytest

from bot.storage.sqlite.database import Database
from bot.storage.sqlite.migrate import migrate, read_migrations
from bot.storage.sqlite.queries import Queries, Transaction


def test_queries_are_found_by_name(tmp_path: Path):
    (tmp_path / "one.sql").write_text(
        "-- For this.\n-- name: this\nSELECT 1;\n\n-- For that,\n-- too.\n-- name: that\nSELECT\n2;\n"
    )

    queries = Queries.load(tmp_path)

    assert {name: queries[name] for name in queries} == {"this": "SELECT 1;", "that": "SELECT\n2;"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("-- name: this\nSELECT 1;", "not a named query"),
        ("-- For this.\nSELECT 1;", "not a named query"),
        ("-- For this.\n-- name: this\nSELECT 1", "not a named query"),
        ("-- For this.\n-- name: this\nSELECT 1; SELECT 2;", "not a named query"),
        ("-- A.\n-- name: a\nSELECT 1;\n\n-- A.\n-- name: a\nSELECT 1;", "twice"),
    ],
)
def test_a_query_without_purpose_name_or_end_is_refused(tmp_path: Path, text: str, says: str):
    (tmp_path / "one.sql").write_text(text)

    with pytest.raises(ValueError, match=says):
        Queries.load(tmp_path)


@pytest.mark.parametrize("name", list(Queries.load()))
async def test_every_query_of_the_bot_fits_the_schema(tmp_path: Path, name: str):
    database = await Database.open(tmp_path / "here.sqlite3")
    await database.run(lambda conn: migrate(conn, read_migrations()))
    sql = Queries.load()[name]

    class AnyValue(dict):
        def __missing__(self, _key):
            return None

    await database.run(lambda conn: conn.execute(f"EXPLAIN {sql}", AnyValue()).fetchall())
    await database.close()


@pytest.mark.parametrize("name", list(Queries.load()))
def test_every_query_is_used(name: str):
    folder = Path(__file__).parents[3] / "bot" / "storage"
    code = "".join(path.read_text("utf-8") for path in folder.rglob("*.py"))

    assert f'"{name}"' in code


async def test_iterating_finds_no_more_than_is_taken(tmp_path: Path):
    (tmp_path / "one.sql").write_text(
        "-- Ten numbers.\n-- name: numbers\nSELECT look(value) AS n FROM json_each(:ten);\n"
    )
    queries = Queries.load(tmp_path)
    database = await Database.open(tmp_path / "here.sqlite3")
    looked: list[int] = []

    def take_three(conn):
        conn.create_function("look", 1, lambda n: looked.append(n) or n)
        numbers = Transaction(conn, queries).iterate("numbers", ten=str(list(range(10))))
        with contextlib.closing(numbers):
            return [row["n"] for row in itertools.islice(numbers, 3)]

    assert await database.read(take_three) == [0, 1, 2]
    assert looked[:3] == [0, 1, 2]
    assert len(looked) < 5
    await database.close()
