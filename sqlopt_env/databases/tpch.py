"""TPC-H: the eight tables of the benchmark for decision support, as duckdb's bundled generator makes them.

They hold the orders of 1992 to 1998 of a wholesaler. Scale 1 is the benchmark's scale factor 0.01: 60,175 line items,
15,000 orders, 1,500 customers, 2,000 parts from 100 suppliers. The values are drawn evenly and nothing is missing, but
a third of the customers has no order. The generator has one seed of its own: `seed` changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import Any

from ..types import SqlOptError

FILE = "tpch.db"
VERSION = 1

SCHEMA = """\
CREATE TABLE region (
  r_regionkey INTEGER PRIMARY KEY,
  r_name TEXT NOT NULL,
  r_comment TEXT NOT NULL
);
CREATE TABLE nation (
  n_nationkey INTEGER PRIMARY KEY,
  n_name TEXT NOT NULL,
  n_regionkey INTEGER NOT NULL REFERENCES region (r_regionkey),
  n_comment TEXT NOT NULL
);
CREATE TABLE supplier (
  s_suppkey INTEGER PRIMARY KEY,
  s_name TEXT NOT NULL,
  s_address TEXT NOT NULL,
  s_nationkey INTEGER NOT NULL REFERENCES nation (n_nationkey),
  s_phone TEXT NOT NULL,
  s_acctbal REAL NOT NULL,
  s_comment TEXT NOT NULL
);
CREATE TABLE part (
  p_partkey INTEGER PRIMARY KEY,
  p_name TEXT NOT NULL,
  p_mfgr TEXT NOT NULL,
  p_brand TEXT NOT NULL,
  p_type TEXT NOT NULL,
  p_size INTEGER NOT NULL,
  p_container TEXT NOT NULL,
  p_retailprice REAL NOT NULL,
  p_comment TEXT NOT NULL
);
CREATE TABLE partsupp (
  ps_partkey INTEGER NOT NULL REFERENCES part (p_partkey),
  ps_suppkey INTEGER NOT NULL REFERENCES supplier (s_suppkey),
  ps_availqty INTEGER NOT NULL,
  ps_supplycost REAL NOT NULL,
  ps_comment TEXT NOT NULL,
  PRIMARY KEY (ps_partkey, ps_suppkey)
);
CREATE TABLE customer (
  c_custkey INTEGER PRIMARY KEY,
  c_name TEXT NOT NULL,
  c_address TEXT NOT NULL,
  c_nationkey INTEGER NOT NULL REFERENCES nation (n_nationkey),
  c_phone TEXT NOT NULL,
  c_acctbal REAL NOT NULL,
  c_mktsegment TEXT NOT NULL,
  c_comment TEXT NOT NULL
);
CREATE TABLE orders (
  o_orderkey INTEGER PRIMARY KEY,
  o_custkey INTEGER NOT NULL REFERENCES customer (c_custkey),
  o_orderstatus TEXT NOT NULL,
  o_totalprice REAL NOT NULL,
  o_orderdate TEXT NOT NULL CHECK (o_orderdate IS date(o_orderdate)),
  o_orderpriority TEXT NOT NULL,
  o_clerk TEXT NOT NULL,
  o_shippriority INTEGER NOT NULL,
  o_comment TEXT NOT NULL
);
CREATE TABLE lineitem (
  l_orderkey INTEGER NOT NULL REFERENCES orders (o_orderkey),
  l_partkey INTEGER NOT NULL REFERENCES part (p_partkey),
  l_suppkey INTEGER NOT NULL REFERENCES supplier (s_suppkey),
  l_linenumber INTEGER NOT NULL,
  l_quantity REAL NOT NULL,
  l_extendedprice REAL NOT NULL,
  l_discount REAL NOT NULL CHECK (l_discount BETWEEN 0 AND 1),
  l_tax REAL NOT NULL,
  l_returnflag TEXT NOT NULL,
  l_linestatus TEXT NOT NULL,
  l_shipdate TEXT NOT NULL CHECK (l_shipdate IS date(l_shipdate)),
  l_commitdate TEXT NOT NULL CHECK (l_commitdate IS date(l_commitdate)),
  l_receiptdate TEXT NOT NULL CHECK (l_receiptdate IS date(l_receiptdate)),
  l_shipinstruct TEXT NOT NULL,
  l_shipmode TEXT NOT NULL,
  l_comment TEXT NOT NULL,
  PRIMARY KEY (l_orderkey, l_linenumber),
  FOREIGN KEY (l_partkey, l_suppkey) REFERENCES partsupp (ps_partkey, ps_suppkey),
  CHECK (l_shipdate <= l_receiptdate)
);
"""

# The tables in an order that foreign keys allow, each with its key: the generator's threads leave rows in any order.
_KEYS = {
    "region": "r_regionkey",
    "nation": "n_nationkey",
    "supplier": "s_suppkey",
    "part": "p_partkey",
    "partsupp": "ps_partkey, ps_suppkey",
    "customer": "c_custkey",
    "orders": "o_orderkey",
    "lineitem": "l_orderkey, l_linenumber",
}
_READ_AS = {"DATE": "VARCHAR", "DECIMAL(15,2)": "DOUBLE"}
_MISSING = "TPC-H is made by the generator that duckdb 1.1.3 bundles: install sqlopt-env[tpch]"


def rows(seed: int, scale: int) -> Iterator[tuple[str, Iterator[Sequence[object]]]]:
    """(table, rows) in an order that foreign keys allow. `scale` multiplies the rows; `seed` is ignored.

    Raises SqlOptError where duckdb or its generator is not installed.
    """
    generated = _generator()
    generated.execute(f"CALL dbgen(sf = {scale / 100})")
    for table, key in _KEYS.items():
        yield table, _read(generated, table, key)


def _generator() -> Any:
    """A connection of duckdb that has TPC-H's generator."""
    try:
        duckdb: Any = import_module("duckdb")
    except ImportError as error:
        raise SqlOptError(_MISSING) from error
    connection = duckdb.connect()
    try:
        connection.execute("LOAD tpch")
    except duckdb.Error as error:
        raise SqlOptError(_MISSING) from error
    return connection


def _read(generated: Any, table: str, key: str) -> Iterator[Sequence[object]]:
    columns = generated.execute(f"DESCRIBE {table}").fetchall()
    values = ", ".join(f"CAST({name} AS {_READ_AS.get(kind, kind)})" for name, kind, *_ in columns)
    found = generated.execute(f"SELECT {values} FROM {table} ORDER BY {key}")
    while chunk := found.fetchmany(10_000):
        yield from chunk
