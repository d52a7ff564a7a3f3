"""The staff of a company: 5,000 employees hired from 2009 to 2024, who report to one another.

Department heads report to the first employee, everybody else to somebody of a higher grade in the same department; a
few have nobody for the time being, most lead nobody, and some lead very many. Pay follows grade, department and office.
A third has left. Ids have gaps, some people share a name, and an office is missing where somebody works from home.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from .calendar import arrival, iso_day
from .draws import Draws, Skewed
from .people import Names

FILE = "hr.db"
VERSION = 1

SCHEMA = """\
CREATE TABLE employees (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  department TEXT NOT NULL,
  title TEXT NOT NULL,
  grade INTEGER NOT NULL CHECK (grade BETWEEN 1 AND 10),
  manager_id INTEGER REFERENCES employees (id),
  salary REAL NOT NULL CHECK (salary > 0),
  bonus REAL CHECK (bonus >= 0),
  office TEXT,
  hired_on TEXT NOT NULL CHECK (hired_on IS date(hired_on)),
  left_on TEXT CHECK (left_on IS date(left_on)),
  CHECK (left_on >= hired_on)
);
"""

EMPLOYEES = 5_000
FIRST_DAY = date(2009, 1, 1)
DAYS = 5_844  # to the end of 2024

_DEPARTMENTS = (  # with what it calls its people and what it pays, in per cent
    ("Production", "Operator", 84), ("Sales", "Account Manager", 105), ("Logistics", "Dispatcher", 82),
    ("Engineering", "Engineer", 121), ("Customer Service", "Agent", 80), ("IT", "Administrator", 108),
    ("Quality", "Technician", 92), ("Marketing", "Marketer", 97), ("Purchasing", "Buyer", 98),
    ("Finance", "Controller", 112), ("Research & Development", "Engineer", 124), ("Facilities", "Technician", 78),
    ("People", "Recruiter", 95), ("Legal", "Counsel", 131), ("Management", "Assistant", 103),
)  # fmt: skip
_OFFICES = (  # with what it pays, in per cent
    ("Hamburg", 100), ("München", 108), ("Łódź", 72), ("London", 118), ("Lyon", 95), ("Zürich", 139), ("Porto", 70),
    ("Kraków", 74), ("Göteborg", 102), ("Madrid", 85), ("Brno", 73), ("Dublin", 114), ("Milano", 92), ("Århus", 110),
    ("Tallinn", 78), ("Liège", 96),
)  # fmt: skip
_LEVELS = ("", "Junior ", "Junior ", "", "", "Senior ", "Senior ", "Lead ", "Lead ")
_TITLES = {9: "Director", 10: "Managing Director"}
_LEADS = 6  # from this grade on people have others to lead


@dataclass(frozen=True, slots=True)
class _Manager:
    id: int
    grade: int
    left: int  # the day


def rows(seed: int, scale: int) -> Iterator[tuple[str, Iterator[Sequence[object]]]]:
    """The one table and its rows. `scale` multiplies them."""
    yield "employees", _employees(EMPLOYEES * scale, Draws(np.random.SeedSequence(seed)))


def _employees(n: int, draws: Draws) -> Iterator[Sequence[object]]:
    names, department, office = Names(), Skewed(len(_DEPARTMENTS), 2), Skewed(len(_OFFICES), 2)
    managers: list[list[_Manager]] = [[] for _ in _DEPARTMENTS]
    number = 0
    for i in range(n):
        number += draws.step()
        hired = arrival(i, n, DAYS)
        # The first employee leads the company and its management, and the next ones a department each.
        if i < len(_DEPARTMENTS):
            place, grade, left = i - 1, 9 if i else 10, DAYS
            manager = managers[-1][0].id if i else None
        else:
            place, grade = department.draw(draws), _grade(draws)
            left = hired + 20 + draws.below(1 + draws.below(DAYS * 4))
            manager = None if draws.chance(25) else _manager(managers[place], grade, hired, draws).id
        if grade >= _LEADS:
            managers[place].append(_Manager(number, grade, left))
        town, town_percent = _OFFICES[office.draw(draws)]
        name, role, percent = _DEPARTMENTS[place]
        cents = (2_400_000 + 110_000 * grade * grade + 20_000 * draws.below(20)) // 100 * percent // 100 * town_percent
        yield (
            number,
            names.draw(draws),
            name,
            _TITLES.get(grade) or _LEVELS[grade] + role,
            grade,
            manager,
            cents / 100,
            None if draws.chance(280) else cents * draws.below(3 + grade) // 100 / 100,
            None if draws.chance(60) else town.lower() if draws.chance(15) else town,
            iso_day(FIRST_DAY, hired),
            iso_day(FIRST_DAY, left) if left < DAYS else None,
        )


def _grade(draws: Draws) -> int:
    """1 .. 8, the higher the fewer."""
    return 1 + min(draws.below(8), draws.below(8))


def _manager(candidates: list[_Manager], grade: int, day: int, draws: Draws) -> _Manager:
    """One of a higher grade who has not left by that day: longer-serving ones more often, else the head."""
    for _ in range(8):
        found = candidates[draws.below(1 + draws.below(len(candidates)))]
        if found.grade > grade and found.left > day:
            return found
    return candidates[0]
