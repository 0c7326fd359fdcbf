# SPDX-License-Identifier: Apache-2.0
"""The service of figure A: Flask behind gunicorn, with an SQLite database and files. Nothing here knows of tracing:
opentelemetry-instrument adds it, or does not.

    SHOP_DATA=FOLDER gunicorn --worker-class gthread --threads 4 --bind 127.0.0.1:0 shop:app

GET /orders/N is one order: three queries, a file that is read and one that is written; some 2 ms.
GET /payment/N waits 60 ms for somebody else first: rare, and slow enough to be annotated.
"""

import json
import os
import sqlite3
import threading
import time
from pathlib import Path

from flask import Flask

ITEMS = 1000
data = Path(os.environ["SHOP_DATA"])
local = threading.local()


def connect() -> sqlite3.Connection:
    database = sqlite3.connect(data / "shop.db", isolation_level=None, timeout=5)
    # As is usual for a service: readers do not wait for the writer, and not each order waits for the disk.
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = NORMAL")
    return database


def create() -> None:
    with connect() as database:
        database.execute("CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT, price INTEGER, stock INTEGER)")
        database.execute("CREATE TABLE sale (id INTEGER PRIMARY KEY, item INTEGER, price INTEGER)")
        database.execute("CREATE INDEX sale_item ON sale (item)")
        database.execute("BEGIN")
        rows = [(i, f"item {i}", 100 + i, 1_000_000) for i in range(ITEMS)]
        database.executemany("INSERT INTO item VALUES (?, ?, ?, ?)", rows)
        database.execute("COMMIT")
    (data / "receipts").mkdir()
    (data / "terms.txt").write_text("Delivery within three days.\n" * 150)


def database() -> sqlite3.Connection:
    if not hasattr(local, "database"):
        local.database = connect()
    return local.database


create()
app = Flask("shop")


@app.get("/orders/<int:number>")
def order(number: int):
    item = number % ITEMS
    cursor = database().cursor()
    name, price, stock = cursor.execute("SELECT name, price, stock FROM item WHERE id = ?", (item,)).fetchone()
    # By the index, so that an order costs as much after an hour as at the start.
    last = cursor.execute("SELECT max(id) FROM sale WHERE item = ?", (item,)).fetchone()[0]
    cursor.execute("INSERT INTO sale (item, price) VALUES (?, ?)", (item, price))
    terms = (data / "terms.txt").read_text()
    receipt = {"item": name, "price": price, "stock": stock, "last": last, "terms": len(terms)}
    (data / "receipts" / f"{number % 64}.json").write_text(json.dumps(receipt))
    return receipt


@app.get("/payment/<int:number>")
def payment(number: int):
    time.sleep(0.06)
    return order(number)
