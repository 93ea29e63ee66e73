"""A test for each fixture: it writes a few rows, and leaves nobody connected."""

import time

import psycopg


def _work(url):
    with psycopg.connect(url, autocommit=True) as session:
        session.execute("INSERT INTO hashtags (name) VALUES ('a'), ('b')")
    # Others that wait for the end of this session would pay for it, and not for what they do.
    time.sleep(0.02)


def test_raw(raw, number):
    _work(raw)


def test_fowergram_database(fowergram_database, number):
    _work(fowergram_database.url)


def test_fowergram_emptied_database(fowergram_emptied_database, number):
    _work(fowergram_emptied_database.url)


def test_fowergram_transaction(fowergram_transaction, number):
    fowergram_transaction.execute("INSERT INTO hashtags (name) VALUES ('a'), ('b')")
