"""Queries to make mistakes in: the seeds' fast ones, and a hundred generated ones over two schemas."""

from __future__ import annotations

import random
from dataclasses import dataclass

import sqlglot

from sqlopt_env import load_tasks
from sqlopt_env.databases.shop import SCHEMA as SHOP

from .oracle import split
from .shapes import SHAPES, WORLDS


@dataclass(frozen=True)
class Subject:
    """A query and the schema it is about."""

    name: str
    schema: str
    query: str


def seeds() -> list[Subject]:
    """The fast queries of the shipped seeds, without their indexes."""
    return [Subject(task.id, SHOP, split(task.reference)[-1]) for task in load_tasks()]


def generated(count: int = 100, seed: int = 0) -> list[Subject]:
    """Different queries of every shape in turn, the same for the same seed."""
    subjects: dict[str, Subject] = {}
    number = 0
    while len(subjects) < count:
        rng = random.Random(f"{seed}/{number}")
        world = WORLDS[number % len(WORLDS)]
        shape = SHAPES[number // len(WORLDS) % len(SHAPES)]
        query = sqlglot.parse_one(shape(world, rng), dialect="sqlite").sql(dialect="sqlite")
        subjects.setdefault(query, Subject(f"{shape.__name__.strip('_')}-{number}", world.schema, query))
        number += 1
    return list(subjects.values())


def columns_of(schema: str) -> dict[str, dict[str, str]]:
    """The declared types by table and column."""
    types: dict[str, dict[str, str]] = {}
    for statement in sqlglot.parse(schema, dialect="sqlite"):
        if statement is not None:
            definitions = statement.this.expressions
            types[statement.this.this.name] = {d.name: d.args["kind"].sql() for d in definitions if d.args.get("kind")}
    return types
