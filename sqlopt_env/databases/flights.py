"""A year of air traffic: 48 airports, 16 airlines, 12,000 passengers, 20,000 flights of 2024 and 80,000 bookings.

Airports and airlines are known by their codes. An airline flies a few hundred routes from its hubs, a route's minutes
go with the distance and its aircraft with the minutes, winter and large airports bring delays. Some flights are empty
and few are crowded, some passengers never fly and few fly every week, a fare goes with minutes, class and how early it
was booked. Airports and airlines are the same at every scale.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import namedtuple
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from itertools import accumulate

import numpy as np

from .calendar import iso_day
from .draws import Draws, Skewed
from .people import Names

FILE = "flights.db"
VERSION = 1

SCHEMA = """\
CREATE TABLE airports (
  iata TEXT NOT NULL PRIMARY KEY,
  city TEXT NOT NULL,
  country TEXT NOT NULL,
  latitude REAL NOT NULL,
  longitude REAL NOT NULL,
  runways INTEGER NOT NULL CHECK (runways > 0),
  opened TEXT CHECK (opened IS date(opened))
) WITHOUT ROWID;
CREATE TABLE airlines (
  code TEXT NOT NULL PRIMARY KEY CHECK (length(code) = 2),
  name TEXT NOT NULL UNIQUE,
  hub TEXT NOT NULL REFERENCES airports (iata),
  alliance TEXT,
  fleet INTEGER NOT NULL
);
CREATE TABLE passengers (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  home TEXT REFERENCES airports (iata),
  tier TEXT CHECK (tier IN ('blue', 'silver', 'gold', 'black')),
  miles INTEGER NOT NULL CHECK (miles >= 0),
  born TEXT CHECK (born IS date(born))
);
CREATE TABLE flights (
  id INTEGER PRIMARY KEY,
  airline TEXT NOT NULL REFERENCES airlines (code),
  number INTEGER NOT NULL CHECK (number > 0),
  day TEXT NOT NULL CHECK (day IS date(day)),
  origin TEXT NOT NULL REFERENCES airports (iata),
  destination TEXT NOT NULL REFERENCES airports (iata),
  aircraft TEXT,
  minutes INTEGER NOT NULL CHECK (minutes > 0),
  status TEXT NOT NULL,
  delay INTEGER,
  UNIQUE (airline, number, day),
  CHECK (origin <> destination)
);
CREATE TABLE bookings (
  flight_id INTEGER NOT NULL REFERENCES flights (id),
  seat TEXT NOT NULL,
  passenger_id INTEGER NOT NULL REFERENCES passengers (id),
  class TEXT NOT NULL CHECK (class IN ('economy', 'premium', 'business')),
  fare REAL NOT NULL CHECK (fare >= 0),
  booked TEXT NOT NULL CHECK (booked IS date(booked)),
  agent TEXT,
  bags INTEGER,
  PRIMARY KEY (flight_id, seat),
  UNIQUE (passenger_id, flight_id)
);
"""

PASSENGERS, FLIGHTS, BOOKINGS = 12_000, 20_000, 80_000
FIRST_DAY = date(2024, 1, 1)
DAYS = 366
_ROUTES = 320  # of which each day flies a part

# Code, city, country, tenths of degrees north and east. The first ones are the busiest.
_AIRPORTS = (
    ("LHR", "London", "United Kingdom", 515, -5), ("FRA", "Frankfurt", "Germany", 500, 86),
    ("CDG", "Paris", "France", 490, 26), ("AMS", "Amsterdam", "Netherlands", 523, 48),
    ("IST", "İstanbul", "Türkiye", 413, 287), ("MAD", "Madrid", "Spain", 405, -36),
    ("MUC", "München", "Germany", 484, 118), ("FCO", "Roma", "Italy", 418, 123),
    ("JFK", "New York", "United States", 406, -738), ("ZRH", "Zürich", "Switzerland", 475, 86),
    ("VIE", "Wien", "Austria", 481, 166), ("CPH", "København", "Denmark", 556, 127),
    ("OSL", "Oslo", "Norway", 602, 111), ("ARN", "Stockholm", "Sweden", 597, 179),
    ("LGW", "London", "United Kingdom", 512, -2), ("ORY", "Paris", "France", 487, 24),
    ("DXB", "Dubai", "United Arab Emirates", 253, 554), ("BCN", "Barcelona", "Spain", 413, 21),
    ("LIS", "Lisboa", "Portugal", 388, -91), ("ATH", "Athína", "Greece", 379, 239),
    ("HEL", "Helsinki", "Finland", 603, 250), ("WAW", "Warszawa", "Poland", 522, 210),
    ("PRG", "Praha", "Czechia", 501, 143), ("BUD", "Budapest", "Hungary", 474, 193),
    ("DUB", "Dublin", "Ireland", 534, -63), ("BRU", "Bruxelles", "Belgium", 509, 45),
    ("BER", "Berlin", "Germany", 524, 135), ("HAM", "Hamburg", "Germany", 536, 100),
    ("AGP", "Málaga", "Spain", 367, -45), ("PMI", "Palma", "Spain", 396, 27),
    ("OPO", "Porto", "Portugal", 412, -87), ("NCE", "Nice", "France", 437, 72),
    ("KRK", "Kraków", "Poland", 501, 198), ("GDN", "Gdańsk", "Poland", 544, 185),
    ("BGO", "Bergen", "Norway", 603, 52), ("GOT", "Göteborg", "Sweden", 577, 123),
    ("YUL", "Montréal", "Canada", 455, -737), ("ORD", "Chicago", "United States", 420, -879),
    ("LAX", "Los Angeles", "United States", 339, -1184), ("GRU", "São Paulo", "Brazil", -234, -465),
    ("BOG", "Bogotá", "Colombia", 47, -741), ("HND", "Tōkyō", "Japan", 355, 1398),
    ("SIN", "Singapore", "Singapore", 13, 1040), ("KEF", "Reykjavík", "Iceland", 640, -226),
    ("TRD", "Trondheim", "Norway", 634, 109), ("TOS", "Tromsø", "Norway", 696, 189),
    ("FAE", "Vágar", "Faroe Islands", 620, -72), ("LYR", "Longyearbyen", "Norway", 782, 155),
)  # fmt: skip
# Code, name, hub, alliance.
_AIRLINES = (
    ("NK", "Nordkranich", "FRA", "Sky Union"), ("AB", "Albion Air", "LHR", "Blue World"),
    ("LG", "Lutèce Airways", "CDG", "Sky Union"), ("TU", "Tulip Lines", "AMS", "Sky Union"),
    ("BS", "Boğaziçi Hava", "IST", "Star Ring"), ("IB", "Meseta", "MAD", "Blue World"),
    ("BV", "Bavaria Jet", "MUC", None), ("AQ", "Aquila", "FCO", "Star Ring"),
    ("EM", "Empire Air", "JFK", "Blue World"), ("HV", "Helvetia", "ZRH", "Star Ring"),
    ("DN", "Donau Air", "VIE", "Star Ring"), ("HF", "Havfrue", "CPH", None), ("FJ", "Fjordfly", "OSL", "Blue World"),
    ("TK", "Tre Kronor", "ARN", None), ("XC", "Xpress Cheap", "LGW", None), ("ZZ", "Zeta Charter", "FAE", None),
)  # fmt: skip
# Aircraft and for how many minutes they can fly.
_AIRCRAFT = (
    ("ATR 72", 100), ("Q400", 110), ("CRJ-900", 130), ("E190", 170), ("A319", 210), ("737-800", 260), ("A320", 300),
    ("A321neo", 400), ("787-9", 840), ("A330", 700), ("A350", 900), ("777-300", 2000),
)  # fmt: skip
_AGENTS = (
    "web", "app", "Flugbörse", "call centre", "corporate desk", "Viajes Ágora", "airport counter", "TravelPoint", "Web",
)  # fmt: skip

Route = namedtuple("Route", "airline number origin destination minutes rush")
Flight = namedtuple("Flight", "id airline number day origin destination aircraft minutes status delay")


def rows(seed: int, scale: int) -> Iterator[tuple[str, Iterable[Sequence[object]]]]:
    """(table, rows) in an order that foreign keys allow. `scale` multiplies all but airports and airlines."""
    for_order, for_passengers, for_routes, for_flights, for_bookings = map(Draws, np.random.SeedSequence(seed).spawn(5))
    yield "airports", (_airport(i) for i in range(len(_AIRPORTS)))
    yield "airlines", ((*airline, 240 // (i + 1) + 3) for i, airline in enumerate(_AIRLINES))
    passengers = [1_000 + i * 3 + i // 14 * 4 for i in range(PASSENGERS * scale)]
    order = for_order.shuffled(len(passengers))  # who flies how often: the first ones the most
    yield "passengers", _passengers(passengers, order, for_passengers)
    flights = list(_flights(FLIGHTS * scale, _routes(_ROUTES * scale, for_routes), for_flights))
    yield "flights", flights
    yield "bookings", _bookings(BOOKINGS * scale, flights, [passengers[i] for i in order], for_bookings)


def _airport(i: int) -> Sequence[object]:
    iata, city, country, latitude, longitude = _AIRPORTS[i]
    opened = iso_day(date(1919, 8, 25), i * 997 % 31_000) if i % 6 != 4 else None
    return iata, city, country, latitude / 10, longitude / 10, 1 + i * 5 % 7 * (48 - i) // 48, opened


def _passengers(ids: list[int], order: list[int], draws: Draws) -> Iterator[Sequence[object]]:
    names, home, n = Names(), Skewed(len(_AIRPORTS), 4), len(ids)
    places = {passenger: place * 1000 // n for place, passenger in enumerate(order)}
    for i, number in enumerate(ids):
        name, place = names.draw(draws), places[i]
        tier = None if draws.chance(280) else ("black", "gold", "silver", "blue")[bisect_right([15, 80, 250], place)]
        yield (
            number,
            name.upper() if draws.chance(40) else name,  # as on a ticket
            None if draws.chance(90) else _AIRPORTS[home.draw(draws)][0],
            tier,
            0 if tier is None else (1000 - place) * (1000 - place) * (10 + draws.below(50)) // 1000 * 10,
            None if draws.chance(60) else iso_day(date(1935, 1, 1), draws.below(17_000) + draws.below(11_000)),
        )


def _routes(n: int, draws: Draws) -> list[Route]:
    """An airline's routes lead from its hub or to it for the most part; no flight goes to the last few airports."""
    airline, place = Skewed(len(_AIRLINES), 3), Skewed(len(_AIRPORTS) * 9 // 10, 6)
    codes = [airport[0] for airport in _AIRPORTS]
    routes, number = [], 100
    for _ in range(n):
        code, _, hub, _ = _AIRLINES[airline.draw(draws)]
        origin = codes.index(hub) if draws.chance(750) else place.draw(draws)
        destination = place.draw(draws)
        while destination == origin:
            destination = place.draw(draws)
        if draws.chance(500):
            origin, destination = destination, origin
        *_, north, east = _AIRPORTS[origin]
        *_, to_north, to_east = _AIRPORTS[destination]
        degrees = min(abs(east - to_east), 3600 - abs(east - to_east))
        minutes = 35 + (abs(north - to_north) + degrees * 2 // 3) * 4 // 5
        number += 1 + draws.below(25)
        routes.append(Route(code, number, codes[origin], codes[destination], minutes, 260 - 4 * origin))
    return routes


def _flights(n: int, routes: list[Route], draws: Draws) -> Iterator[Flight]:
    popular, reaches = Skewed(len(routes), len(routes) // 8), [reach for _, reach in _AIRCRAFT]
    until = list(accumulate(200 + day * (DAYS - day) // 100 for day in range(DAYS)))  # more of them in summer
    today, flown = -1, set[int]()
    for i in range(n):
        day = bisect_right(until, i * until[-1] // n)
        if day != today:
            today, flown = day, set()
        route = popular.draw(draws)
        while route in flown:
            route = popular.draw(draws)
        flown.add(route)
        airline, number, origin, destination, minutes, rush = routes[route]
        able = [k for k, reach in enumerate(reaches) if reach >= minutes]
        aircraft = _AIRCRAFT[able[draws.below(min(3, len(able)))]][0]
        winter = day < 60 or day > 334
        delay = draws.below(18) - 12 + draws.chance(rush * (1 + winter)) * draws.below(14) * draws.below(22)
        status = "late" if delay > 15 else "on time" if draws.below(9) else "On time"
        if draws.chance(12 * (1 + winter)):
            status = "cancelled"
        elif draws.chance(5):
            status = "diverted"
        yield Flight(
            2_000 + i + i // 19 + i // 800 * 13,
            airline,
            number,
            iso_day(FIRST_DAY, day),
            origin,
            destination,
            None if draws.chance(45) else aircraft,
            minutes + draws.below(9),
            status,
            None if status == "cancelled" or draws.chance(30) else delay,
        )


def _bookings(n: int, flights: list[Flight], passengers: list[int], draws: Draws) -> Iterator[Sequence[object]]:
    crowded, order = Skewed(len(flights) * 9 // 10, len(flights) // 100), draws.shuffled(len(flights))
    frequent = Skewed(len(passengers) * 4 // 5, len(passengers) // 80)
    agent, early = Skewed(len(_AGENTS), 1), Skewed(300, 12)
    seats = [0] * len(flights)
    for _ in range(n):
        seats[order[crowded.draw(draws)]] += 1
    for flight, taken in zip(flights, seats, strict=True):
        aboard = set[int]()
        for k in range(taken):
            row, letter = divmod((flight.id * 7 + k * 37) % 180, 6)  # 30 rows of six
            passenger = passengers[frequent.draw(draws)]
            while passenger in aboard:
                passenger = passengers[frequent.draw(draws)]
            aboard.add(passenger)
            level, days = bisect_right([3, 8], row), early.draw(draws)
            price, percent = 1_900 + flight.minutes * (19, 38, 95)[2 - level], 160 - min(days, 100) + draws.below(30)
            yield (
                flight.id,
                f"{row + 1}{'ABCDEF'[letter]}",
                passenger,
                ("business", "premium", "economy")[level],
                (price * percent // 5_000 * 50 - 1) / 100,
                iso_day(date.fromisoformat(flight.day), -days),
                None if draws.chance(80) else _AGENTS[agent.draw(draws)],
                None if draws.chance(120) else (draws.below(3) * draws.below(3) + 2 - level) // 2,
            )
