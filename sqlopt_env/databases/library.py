"""A town's library: 6,000 titles, 15,000 copies of them, 8,000 members and the 60,000 loans of 2021 to 2024.

Few titles have very many copies and many have none, genres and branches are skewed, a title's genre and length go with
its author, sequels refer to earlier titles. Some members never borrow, those who left are taken out of their loans, and
what is not returned yet has no date of return. A fine goes with the days that a copy came back too late.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Iterable, Iterator, Sequence
from datetime import date

import numpy as np

from .calendar import arrival, iso_day
from .draws import Draws, Skewed
from .people import Names

FILE = "library.db"
VERSION = 1

SCHEMA = """\
CREATE TABLE titles (
  id INTEGER PRIMARY KEY,
  isbn TEXT NOT NULL UNIQUE CHECK (length(isbn) = 13),
  name TEXT NOT NULL,
  author TEXT,
  genre TEXT NOT NULL,
  language TEXT NOT NULL,
  pages INTEGER CHECK (pages > 0),
  published INTEGER NOT NULL,
  listed TEXT NOT NULL CHECK (listed IS date(listed)),
  sequel_of INTEGER REFERENCES titles (id)
);
CREATE TABLE copies (
  id INTEGER PRIMARY KEY,
  title_id INTEGER NOT NULL REFERENCES titles (id),
  copy_no INTEGER NOT NULL CHECK (copy_no > 0),
  branch TEXT NOT NULL,
  shelf TEXT,
  condition TEXT NOT NULL CHECK (condition IN ('new', 'good', 'worn', 'damaged')),
  price REAL,
  acquired TEXT NOT NULL CHECK (acquired IS date(acquired)),
  UNIQUE (title_id, copy_no)
);
CREATE TABLE members (
  id INTEGER PRIMARY KEY,
  card TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('adult', 'child', 'student', 'senior', 'school')),
  district TEXT,
  email TEXT UNIQUE,
  birth_year INTEGER CHECK (birth_year BETWEEN 1900 AND 2100),
  joined TEXT NOT NULL CHECK (joined IS date(joined))
);
CREATE TABLE loans (
  id INTEGER PRIMARY KEY,
  copy_id INTEGER NOT NULL REFERENCES copies (id),
  member_id INTEGER REFERENCES members (id),
  channel TEXT NOT NULL,
  loaned TEXT NOT NULL CHECK (loaned IS date(loaned)),
  due TEXT NOT NULL CHECK (due IS date(due)),
  returned TEXT CHECK (returned IS date(returned)),
  renewals INTEGER NOT NULL CHECK (renewals BETWEEN 0 AND 3),
  fine REAL CHECK (fine >= 0),
  CHECK (due > loaned),
  CHECK (returned >= loaned)
);
"""

TITLES, COPIES, MEMBERS, LOANS = 6_000, 15_000, 8_000, 60_000
FIRST_DAY = date(2012, 1, 1)
DAYS = 4749  # to the end of 2024
LOAN_DAYS = 1461  # older loans are not kept
_AUTHORS = 1_000

_GENRES = (
    ("crime", 340), ("romance", 300), ("fantasy", 520), ("picture book", 32), ("biography", 380), ("history", 450),
    ("cookery", 190), ("travel", 260), ("science fiction", 410), ("children", 140), ("comic", 96), ("poetry", 88),
    ("philosophy", 310), ("gardening", 170), ("art", 220), ("music", 150), ("computing", 480), ("politics", 330),
    ("religion", 290), ("sport", 200), ("drama", 120), ("Märchen", 160), ("economics", 420), ("local history", 130),
)  # fmt: skip
_LANGUAGES = "English German French Turkish Polish Spanish Italian Русский Arabic Português Čeština Latin".split()
_HOWS = "last silent hidden first long blue forgotten little bitter golden broken secret wild cold great".split()
_THINGS = """river house garden winter sea letter city mountain daughter summer café bridge clock forest island road
    piano señora kingdom window orchard harbour shadow Straße lighthouse fox train moon""".split()
_BRANCHES = (
    "Central", "North", "Harbour", "Mühlentor", "University", "South", "Old Town", "West", "Lindenhof", "Book bus",
    "Rosengård", "Hospital",
)  # fmt: skip
_DISTRICTS = (
    "Old Town", "Harbour", "North End", "Lindenhof", "Mühlentor", "West", "Südstadt", "Hill", "Rosengård", "Meadows",
    "Station", "Castle", "Fischmarkt", "Kanal", "Parkside", "Åkerby", "Mill", "Vineyard", "Quarry", "Airport",
)  # fmt: skip
_CONDITIONS = ("new", "good", "worn", "damaged")
# A kind of member, the years of birth of its oldest and youngest, and for how many days it may borrow.
_KINDS = (
    ("adult", 1960, 2003, 28), ("child", 2009, 2018, 21), ("senior", 1926, 1959, 42), ("student", 1994, 2006, 28),
    ("school", 0, 0, 90),
)  # fmt: skip
_MAIL_HOSTS = ("post.example", "Mail.example", "uni.example")
_CHANNELS = ("desk", "kiosk", "app", "book bus", "post", "Kiosk")

Copy = namedtuple("Copy", "id title_id copy_no branch shelf condition price acquired")
Member = namedtuple("Member", "id card name kind district email birth_year joined")


def rows(seed: int, scale: int) -> Iterator[tuple[str, Iterable[Sequence[object]]]]:
    """(table, rows) in an order that foreign keys allow. `scale` multiplies the rows."""
    for_titles, for_copies, for_members, for_loans = map(Draws, np.random.SeedSequence(seed).spawn(4))
    n = TITLES * scale
    ids = [101 + i + i // 7 for i in range(n)]
    listed = [arrival(i, n, DAYS - 30) for i in range(n)]
    yield "titles", _titles(ids, listed, for_titles)
    copies = list(_copies(COPIES * scale, ids, listed, for_copies))
    yield "copies", copies
    members = list(_members(MEMBERS * scale, for_members))
    yield "members", members
    yield "loans", _loans(LOANS * scale, copies, members, for_loans)


def _titles(ids: list[int], listed: list[int], draws: Draws) -> Iterator[Sequence[object]]:
    author, genre, language = Skewed(_AUTHORS, 30), Skewed(len(_GENRES), 3), Skewed(len(_LANGUAGES), 1)
    how, thing, names = Skewed(len(_HOWS), 5), Skewed(len(_THINGS), 8), Names()
    # Most authors keep to one genre and one language.
    authors = [(names.draw(draws), genre.draw(draws), language.draw(draws)) for _ in range(_AUTHORS)]
    latest: dict[str, int] = {}
    for i, (number, day) in enumerate(zip(ids, listed, strict=True)):
        writer, home, tongue = authors[author.draw(draws)]
        kind, pages = _GENRES[home if draws.below(5) else genre.draw(draws)]
        name = f"The {_HOWS[how.draw(draws)]} {_THINGS[thing.draw(draws)]}"
        if draws.chance(250):
            name += f" of the {_THINGS[thing.draw(draws)]}"
        on = iso_day(FIRST_DAY, day)
        yield (
            number,
            _isbn(i),
            name.upper() if draws.chance(20) else name,  # as the publisher's list has it
            None if draws.chance(60) else writer,
            kind,
            _LANGUAGES[tongue if draws.below(10) else language.draw(draws)],
            None if draws.chance(80) else pages * (60 + draws.below(50) + draws.below(40)) // 100,
            int(on[:4]) - draws.below(8) * draws.below(8),
            on,
            latest.get(writer) if draws.chance(130) else None,
        )
        latest[writer] = number


def _isbn(i: int) -> str:
    """Thirteen digits, the last of which checks the others; another one for each title."""
    digits = f"978{(i + 1) * 48_271_003 % 999_999_937:09d}"
    return f"{digits}{-sum(int(digit) * (1, 3)[k % 2] for k, digit in enumerate(digits)) % 10}"


def _copies(n: int, ids: list[int], listed: list[int], draws: Draws) -> Iterator[Copy]:
    popular, branch = Skewed(len(ids) * 9 // 10, len(ids) // 60), Skewed(len(_BRANCHES), 1)
    titles, so_far, number = draws.shuffled(len(ids)), [0] * len(ids), 5_000
    for _ in range(n):
        title = titles[popular.draw(draws)]
        so_far[title] += 1
        number += draws.step()
        day = listed[title] + draws.below(30) * draws.below(40) * (DAYS - listed[title]) // DAYS
        wear = (DAYS - day) * draws.below(1000) // 600_000
        cents = (12 + title % 23) * 100 - (10, 5, 50)[title % 3] - draws.below(3) * 100
        yield Copy(
            number,
            ids[title],
            so_far[title],
            _BRANCHES[branch.draw(draws)],
            None if draws.chance(110) else f"{'ABCDEFGH'[title % 8]}{title % 40 + 1}",  # None: in the store
            _CONDITIONS[min(3, wear)],
            None if draws.chance(140) else cents / 100,  # None: a gift
            iso_day(FIRST_DAY, day),
        )


def _members(n: int, draws: Draws) -> Iterator[Member]:
    kind, district, names = Skewed(len(_KINDS), 1), Skewed(len(_DISTRICTS), 2), Names()
    number = 0
    for i in range(n):
        number += draws.step()
        group, oldest, youngest, _ = _KINDS[kind.draw(draws)]
        name = names.draw(draws)
        place = None if draws.chance(50) else _DISTRICTS[district.draw(draws)]
        email = None if draws.chance(240) else f"{name.split()[0]}{number}@{draws.one_of(_MAIL_HOSTS)}"
        yield Member(
            number,
            f"{'ELM'[number % 3]}{number * 7_321 % 9_999_991:07d}",
            name,
            group,
            place.lower() if place and draws.chance(20) else place,  # typed in by hand
            email.lower() if email and draws.below(6) else email,
            None if group == "school" or draws.chance(50) else oldest + draws.below(youngest - oldest + 1),
            iso_day(FIRST_DAY, arrival(i, n, DAYS)),
        )


def _loans(n: int, copies: list[Copy], members: list[Member], draws: Draws) -> Iterator[Sequence[object]]:
    wanted, eager = Skewed(len(copies), len(copies) // 40), Skewed(len(members) * 4 // 5, len(members) // 60)
    shelf, readers = draws.shuffled(len(copies)), draws.shuffled(len(members))
    channel, renewal = Skewed(len(_CHANNELS), 1), Skewed(4, 1)
    terms = {kind: days for kind, _, _, days in _KINDS}
    free, number = [0] * len(copies), 0  # `free`: the day on which each copy is back
    for i in range(n):
        number += draws.step()
        day = DAYS - LOAN_DAYS + min(LOAN_DAYS - 1, i * LOAN_DAYS // n + draws.below(5))
        loaned = iso_day(FIRST_DAY, day)
        copy = shelf[wanted.draw(draws)]
        while free[copy] > day or copies[copy].acquired > loaned:
            copy = shelf[wanted.draw(draws)]
        member = members[readers[eager.draw(draws)]]
        while member.joined > loaned:
            member = members[readers[eager.draw(draws)]]
        renewals = renewal.draw(draws)
        due = day + terms[member.kind] * (1 + renewals)
        late = draws.chance(170)
        free[copy] = due + 1 + draws.below(9) * draws.below(9) if late else due - draws.below(due - day + 1)
        if draws.chance(15):
            free[copy] = DAYS  # lost
        back = free[copy] < DAYS
        cents = min(2000, 20 * (free[copy] - due)) if late and member.kind != "child" else 0
        yield (
            number,
            copies[copy].id,
            None if draws.chance(60) else member.id,
            _CHANNELS[channel.draw(draws)],
            loaned,
            iso_day(FIRST_DAY, due),
            iso_day(FIRST_DAY, free[copy]) if back else None,
            renewals,
            cents / 100 if back else None,
        )
