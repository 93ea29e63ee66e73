"""A test for each fixture: it writes a few rows, and leaves no session."""

import time

import psycopg


def _work(url):
    with psycopg.connect(url, autocommit=True) as session:
        session.execute("INSERT INTO hashtags (name) VALUES ('a'), ('b')")
    # About what a test of a web application takes: meanwhile clones are prepared, and the server ends the session.
    time.sleep(0.1)


def test_raw(raw, number):
    _work(raw)


def test_fowergram_database(fowergram_database, number):
    _work(fowergram_database.url)


def test_fowergram_emptied_database(fowergram_emptied_database, number):
    _work(fowergram_emptied_database.url)


def test_fowergram_transaction(fowergram_transaction, number):
    fowergram_transaction.execute("INSERT INTO hashtags (name) VALUES ('a'), ('b')")
    time.sleep(0.1)
