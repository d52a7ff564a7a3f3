"""A small web shop: 10,000 customers and 50,000 orders of 2023 and 2024.

The rows look as a person's data would: cities and products are skewed, some people share a name, some have placed no
order and a few have placed very many, ids have gaps, ages, cities and user ids are missing at times, e-mail addresses
come in mixed case, prices repeat.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from datetime import date

import numpy as np

from .calendar import arrival, iso_day
from .draws import Draws, Skewed
from .people import Names

FILE = "test.db"
VERSION = 1

SCHEMA = """\
CREATE TABLE users (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  email TEXT NOT NULL,
  age INTEGER,
  city TEXT,
  signup_date TEXT NOT NULL CHECK (signup_date IS date(signup_date))
);
CREATE TABLE orders (
  id INTEGER PRIMARY KEY,
  user_id INTEGER REFERENCES users (id),
  product TEXT NOT NULL,
  amount REAL NOT NULL,
  order_date TEXT NOT NULL CHECK (order_date IS date(order_date))
);
"""

USERS, ORDERS = 10_000, 50_000
FIRST_DAY = date(2023, 1, 1)
DAYS = 731  # to the end of 2024

_CITIES = (
    "Berlin", "London", "Paris", "Madrid", "Hamburg", "München", "Wien", "Zürich", "Kraków", "Milano", "Lisboa",
    "Porto", "Oslo", "Bergen", "København", "Malmö", "Göteborg", "Gdańsk", "Łódź", "Brno", "Graz", "Basel", "Genève",
    "Lyon", "Nice", "Sevilla", "Málaga", "A Coruña", "Torino", "Bologna", "Gent", "Liège", "Utrecht", "Århus",
    "Tampere", "Tromsø", "Tartu", "Győr", "Plzeň", "Cork",
)  # fmt: skip
_MAIL_HOSTS = ("example.com", "example.org", "mail.example", "post.example", "Example.COM")
_PRODUCTS = (
    ("USB-C cable", 7.99), ("phone case", 12.90), ("notebook A5", 4.50), ("coffee beans 1 kg", 18.95),
    ("desk lamp", 39.00), ("water bottle", 14.50), ("headphones", 79.99), ("keyboard", 59.90), ("mouse", 24.90),
    ("backpack", 64.95), ("monitor 27\"", 249.00), ("office chair", 189.00), ("power bank", 29.99),
    ("webcam", 49.95), ("tea, Darjeeling", 11.20), ("crème brûlée set", 34.00), ("Müsli 2 kg", 9.80),
    ("yoga mat", 27.50), ("running shoes", 99.95), ("rain jacket", 119.00), ("sunglasses", 89.00),
    ("board game", 32.99), ("puzzle 1000", 16.99), ("e-reader", 139.00), ("tablet", 329.00), ("laptop 14\"", 899.00),
    ("laptop sleeve", 21.90), ("printer paper", 5.49), ("ink cartridge", 23.75), ("standing desk", 449.00),
    ("bicycle light", 19.95), ("bicycle lock", 44.90), ("gift card", 50.00), ("USB hub", 17.49),
    ("espresso machine", 549.00), ("toaster", 42.00),
)  # fmt: skip


def rows(seed: int, scale: int) -> Iterator[tuple[str, Iterator[Sequence[object]]]]:
    """(table, rows) in an order that foreign keys allow. `scale` multiplies the rows."""
    for_users, for_orders = np.random.SeedSequence(seed).spawn(2)
    ids, signups = _user_ids(scale)
    yield "users", _users(ids, signups, Draws(for_users))
    yield "orders", _orders(ids, signups, ORDERS * scale, Draws(for_orders))


def _user_ids(scale: int) -> tuple[list[int], list[int]]:
    """Ids with gaps (deleted accounts), and the day of each sign-up; growth is faster in the second year."""
    n = USERS * scale
    ids = [i + i // 9 + i // 250 * 7 + 1 for i in range(n)]
    return ids, [arrival(i, n, DAYS) for i in range(n)]


def _users(ids: list[int], signups: list[int], draws: Draws) -> Iterator[Sequence[object]]:
    city, names = Skewed(len(_CITIES), 1), Names()
    for number, day in zip(ids, signups, strict=True):
        name = names.draw(draws)
        mail = _mail(name, number, draws)
        age = None if draws.chance(60) else 18 + (draws.below(50) + draws.below(40)) * 7 // 10
        town = None if draws.chance(30) else _CITIES[city.draw(draws)]
        if town and draws.chance(15):
            town = town.lower()  # typed in by hand
        yield number, name, mail, age, town, iso_day(FIRST_DAY, day)


def _mail(name: str, number: int, draws: Draws) -> str:
    letters = unicodedata.normalize("NFKD", name.replace("ß", "ss").replace("Ł", "L").replace("ł", "l"))
    plain = letters.replace("ø", "o").encode("ascii", "ignore").decode()
    dotted = ".".join(plain.replace("'", "").split())
    local = dotted if draws.chance(150) else dotted.lower()
    return f"{local}{number}@{draws.one_of(_MAIL_HOSTS)}"


def _orders(ids: list[int], signups: list[int], n: int, draws: Draws) -> Iterator[Sequence[object]]:
    product, buyer = Skewed(len(_PRODUCTS), 2), Skewed(len(ids) * 4 // 5, 200)
    # Every customer has a place in the order of eagerness; a fifth of them never buys.
    places = draws.shuffled(len(ids))
    number = 0
    for i in range(n):
        number += draws.step()
        # In the order of their dates by and large; nobody buys before the day of the sign-up.
        day = min(DAYS - 1, max(0, i * DAYS // n + draws.below(7) - 3))
        customer = None if draws.chance(35) else places[buyer.draw(draws)]
        for _ in range(20):
            if customer is None or signups[customer] <= day:
                break
            customer = places[buyer.draw(draws)]
        if customer is not None and signups[customer] > day:
            day = signups[customer]
        name, price = _PRODUCTS[product.draw(draws)]
        pieces = 1 if draws.below(4) else 1 + draws.below(5)
        percent = 100 if draws.below(6) else 100 - 5 * draws.below(5)
        cents = round(price * 100) * pieces * percent // 100
        yield number, None if customer is None else ids[customer], name, cents / 100, iso_day(FIRST_DAY, day)
