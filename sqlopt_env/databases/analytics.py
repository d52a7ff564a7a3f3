"""What visitors of a web site did: 200,000 events of 2024, in one table.

A visit is a session of a few events that follow each other, by one user, from one country and on one device. Some users
come daily and many once; every fifth visit is by somebody who is not signed in. How long an event took is unknown for
the last one of a session, amounts belong to carts and purchases, and purchases are seldom. Ids rise with time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

import numpy as np

from .calendar import arrival, iso_day
from .draws import Draws, Skewed

FILE = "analytics.db"
VERSION = 1

SCHEMA = """\
CREATE TABLE events (
  id INTEGER PRIMARY KEY,
  session_id INTEGER NOT NULL,
  user_id INTEGER,
  kind TEXT NOT NULL,
  path TEXT NOT NULL,
  country TEXT,
  device TEXT NOT NULL,
  duration_ms INTEGER CHECK (duration_ms >= 0),
  amount REAL,
  day TEXT NOT NULL CHECK (day IS date(day)),
  happened_at INTEGER NOT NULL
);
"""

EVENTS = 200_000
USERS = 8_000
FIRST_DAY = date(2024, 1, 1)
DAYS = 366
FIRST_SECOND = 1_704_067_200  # of that day, in seconds since 1970

_KINDS = (
    "view", "scroll", "click", "search", "hover", "video play", "add to cart", "form error", "share", "download",
    "purchase", "sign in", "video end", "remove from cart", "sign out", "sign up", "print", "refund",
)  # fmt: skip
_PLACES = {  # where it can happen at all
    "add to cart": "/cart", "remove from cart": "/cart", "purchase": "/checkout/done", "refund": "/account/orders",
    "sign in": "/login", "sign out": "/login", "sign up": "/register", "search": "/search",
}  # fmt: skip
_WITH_AMOUNT = ("add to cart", "remove from cart", "purchase", "refund")
_PATHS = (
    "/", "/products", "/products/shoes", "/search", "/blog", "/products/jackets", "/pricing", "/cart", "/about",
    "/products/bags", "/help", "/checkout", "/blog/spring-sale", "/de", "/fr", "/account", "/products/hats",
    "/help/returns", "/blog/how-it-is-made", "/contact", "/account/orders", "/products/socks", "/careers",
    "/de/über-uns", "/fr/à-propos", "/stores", "/stores/berlin", "/stores/paris", "/help/shipping", "/Products",
    "/blog/size-guide", "/de/größen", "/es", "/es/tamaños", "/legal/privacy", "/legal/terms", "/press", "/gift-cards",
    "/products/gloves", "/newsletter", "/PRICING", "/blog/archive", "/stores/göteborg", "/404",
)  # fmt: skip
_COUNTRIES = (
    "DE", "FR", "GB", "US", "ES", "IT", "PL", "NL", "AT", "CH", "SE", "BE", "PT", "DK", "CZ", "NO", "IE", "FI", "HU",
    "RO", "GR", "CA", "JP", "BR", "TR", "AU", "IN", "LU", "EE", "IS",
)  # fmt: skip
_DEVICES = ("phone", "desktop", "tablet", "Phone", "tv", "watch", "bot")
_DAY, _LONGEST_PAUSE = 86_400, 600  # seconds
_MOST_EVENTS = 24  # in a session


def rows(seed: int, scale: int) -> Iterator[tuple[str, Iterator[Sequence[object]]]]:
    """The one table and its rows. `scale` multiplies them."""
    for_users, for_events = map(Draws, np.random.SeedSequence(seed).spawn(2))
    country, device = Skewed(len(_COUNTRIES), 1), Skewed(len(_DEVICES), 1)
    homes = [
        (None if for_users.chance(40) else _COUNTRIES[country.draw(for_users)], _DEVICES[device.draw(for_users)])
        for _ in range(USERS * scale)
    ]
    yield "events", _events(EVENTS * scale, homes, for_events)


def _events(n: int, homes: list[tuple[str | None, str]], draws: Draws) -> Iterator[Sequence[object]]:
    visitor, kind, path = Skewed(len(homes), 30), Skewed(len(_KINDS), 1), Skewed(len(_PATHS), 1)
    pause = Skewed(_LONGEST_PAUSE, 3)
    days = [iso_day(FIRST_DAY, day) for day in range(DAYS)]
    number = session = done = 0
    while done < n:
        session += draws.step()
        second = arrival(done, n, DAYS * _DAY - _MOST_EVENTS * _LONGEST_PAUSE)
        length = min(1 + draws.below(1 + draws.below(_MOST_EVENTS)), n - done)
        done += length
        user = visitor.draw(draws)
        country, device = homes[user] if draws.below(8) else draws.one_of(homes)  # away from home at times
        signed_in = draws.below(5) > 0
        for remaining in range(length - 1, -1, -1):
            number += draws.step()
            what = _KINDS[kind.draw(draws)]
            seconds = 1 + pause.draw(draws)
            yield (
                number,
                session,
                1 + user * 3 if signed_in else None,
                what,
                _PLACES.get(what) or _PATHS[path.draw(draws)],
                country,
                device,
                seconds * 1000 - draws.below(1000) if remaining else None,
                _amount(what, draws),
                days[second // _DAY],
                FIRST_SECOND + second,
            )
            second += seconds


def _amount(what: str, draws: Draws) -> float | None:
    if what not in _WITH_AMOUNT:
        return None
    cents = (1 + draws.below(60)) * (1 + draws.below(4)) * 250 - 5
    return -cents / 100 if what == "refund" else cents / 100
