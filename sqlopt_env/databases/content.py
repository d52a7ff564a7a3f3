"""A magazine's archive: 10,000 articles of 2015 to 2024, 100 tags, and 30,000 times an article that has a tag.

Sections, authors and tags are skewed: one tag is on every fourth article and some are on none, a fifth of the articles
has no tag and a few have very many. Drafts have no day of publication, staff writers no fee, and long articles earn
more. Tags were made by different people: `Climate` and `climate` are two of them, and some have no description.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

import numpy as np

from .calendar import arrival, iso_day
from .draws import Draws, Skewed
from .people import Names

FILE = "content.db"
VERSION = 1

SCHEMA = """\
CREATE TABLE articles (
  id INTEGER PRIMARY KEY,
  title TEXT NOT NULL,
  author TEXT NOT NULL,
  section TEXT NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('draft', 'published', 'archived')),
  words INTEGER NOT NULL CHECK (words > 0),
  fee REAL,
  written_on TEXT NOT NULL CHECK (written_on IS date(written_on)),
  published_on TEXT CHECK (published_on IS date(published_on)),
  CHECK (published_on >= written_on)
);
CREATE TABLE tags (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  kind TEXT NOT NULL,
  followers INTEGER NOT NULL,
  description TEXT,
  created_on TEXT NOT NULL CHECK (created_on IS date(created_on))
);
CREATE TABLE article_tags (
  article_id INTEGER NOT NULL REFERENCES articles (id),
  tag_id INTEGER NOT NULL REFERENCES tags (id),
  relevance INTEGER NOT NULL CHECK (relevance BETWEEN 1 AND 100),
  tagged_by TEXT,
  tagged_on TEXT NOT NULL CHECK (tagged_on IS date(tagged_on)),
  PRIMARY KEY (article_id, tag_id)
);
"""

ARTICLES, TAGS, ARTICLE_TAGS = 10_000, 100, 30_000
AUTHORS = 400
FIRST_DAY = date(2015, 1, 1)
DAYS = 3_653  # to the end of 2024

_SECTIONS = (
    ("Politics", ("the coalition", "a new mayor", "the budget", "the referendum")),
    ("Business", ("inflation", "the port", "start-ups", "the four-day week")),
    ("Culture", ("the opera", "a lost painting", "the new museum", "Eurovision")),
    ("Sport", ("the derby", "handball", "the marathon", "the transfer window")),
    ("Science", ("the vaccine", "dark matter", "the reef", "an old bone")),
    ("Technology", ("the chip shortage", "open source", "a data leak", "robots")),
    ("Travel", ("the night train", "hidden beaches", "the old town", "hut to hut")),
    ("Food", ("the bakery", "pierogi", "natural wine", "the perfect crêpe")),
    ("Opinion", ("our cities", "the school system", "silence", "the tram")),
    ("Health", ("sleep", "the waiting list", "pollen")),
    ("Books", ("a first novel", "the translator's note", "poetry")),
    ("Obituaries", ("a life in film", "the last clockmaker")),
    ("sport", ("chess", "the relegation battle")),
)
_TITLES = (
    "{0} in {1}", "What {1} can learn from {0}", "{1}: {0}, explained", "A letter from {1}: {0}", "After {0}",
    "Who pays for {0}?", "{0} comes to {1}", "Five things to know about {0}", "The end of {0}?",
    "{1} and the question of {0}", "Photo essay: {0}", "Why {1} talks about {0}",
)  # fmt: skip
_PLACES = (
    "Berlin", "Paris", "Kraków", "London", "Wien", "Zürich", "Lisboa", "Malmö", "Genève", "Gdańsk", "Porto", "Århus",
    "Sevilla", "A Coruña", "Brno", "Győr", "Tartu", "Tromsø", "Reykjavík", "the village",
)  # fmt: skip
_TAGS = {
    "subject": (
        "climate", "elections", "housing", "energy", "migration", "schools", "traffic", "water", "Climate", "jobs",
        "taxes", "agriculture", "security", "courts", "data protection", "AI", "space", "biology", "archaeology",
        "mathematics", "medicine", "nutrition", "wine", "baking", "hiking", "trains", "cycling", "Cycling", "sailing",
        "film", "theatre", "painting", "jazz", "opera", "novels", "poetry", "comics", "design", "fashion", "games",
        "café culture", "strikes", "banks", "trade", "insurance", "media", "religion", "family", "ageing", "youth",
    ),
    "place": (
        "Europe", "Germany", "France", "Poland", "Spain", "Portugal", "Österreich", "Switzerland", "Italy", "Denmark",
        "Sweden", "Norway", "Ireland", "Greece", "Türkiye", "the Alps", "the Baltic", "the Danube", "Bruxelles", "Asia",
    ),
    "event": (
        "World Cup", "Olympics", "Berlinale", "Eurovision", "Tour de France", "COP", "Nobel Prize", "budget day",
        "Christmas", "summer break", "Fête de la Musique", "book fair",
    ),
    "format": ("interview", "long read", "essay", "photo essay", "podcast", "review", "live blog", "Interview"),
    "series": ("The Big Question", "Month in Review", "My Street", "Zu Hause", "Letters", "From the Archive"),
    "internal": ("sponsored", "corrected", "paywall", "syndicated"),
}  # fmt: skip
_EDITORS = (
    "Anna", "Tomasz", "Zoë", "import", "Miguel", "Jürgen", "Claire", "Nils", "Aoife", "Márta", "anna", "intern",
)  # fmt: skip
_DESCRIPTIONS = (
    "Everything about {}", "Use it only where {} is the main subject.", "{}, and what belongs to it", "Not for reviews",
    "Please ask first.",
)  # fmt: skip


def rows(seed: int, scale: int) -> Iterator[tuple[str, Iterator[Sequence[object]]]]:
    """(table, rows) in an order that foreign keys allow. `scale` multiplies the rows, but for the tags."""
    for_articles, for_tags, for_article_tags = map(Draws, np.random.SeedSequence(seed).spawn(3))
    n = ARTICLES * scale
    ids = [i + i // 12 + i // 300 * 5 + 1 for i in range(n)]  # with gaps
    days = [arrival(i, n, DAYS) for i in range(n)]
    yield "articles", _articles(ids, days, for_articles)
    tag_ids = [i + i // 8 * 3 + 1 for i in range(TAGS)]
    tag_days = [for_tags.below(DAYS // 2) for _ in tag_ids]
    ranks = for_tags.shuffled(TAGS)  # how much each tag is used: 0 is the most
    yield "tags", _tags(tag_ids, tag_days, ranks, for_tags)
    tags = [(tag, day) for _, tag, day in sorted(zip(ranks, tag_ids, tag_days, strict=True))]
    articles = list(zip(ids, days, strict=True))
    yield "article_tags", _article_tags(articles, tags, ARTICLE_TAGS * scale, for_article_tags)


def _articles(ids: list[int], days: list[int], draws: Draws) -> Iterator[Sequence[object]]:
    names = Names()
    authors = [names.draw(draws) for _ in range(AUTHORS)]
    author, section, title = Skewed(AUTHORS, 12), Skewed(len(_SECTIONS), 2), Skewed(len(_TITLES), 4)
    place, wait = Skewed(len(_PLACES), 2), Skewed(60, 1)
    for number, day in zip(ids, days, strict=True):
        name, subjects = _SECTIONS[section.draw(draws)]
        text = _TITLES[title.draw(draws)].format(draws.one_of(subjects), _PLACES[place.draw(draws)])
        words = 150 + draws.below(40) * draws.below(40) * 2 // 10 * 10
        published = day + wait.draw(draws)
        is_draft = published >= DAYS or draws.chance(60)
        by = author.draw(draws)
        yield (
            number,
            text[0].upper() + text[1:],
            authors[by],
            name,
            "draft" if is_draft else "archived" if draws.below(DAYS) > day + 1_000 else "published",
            words,
            None if by % 5 == 0 else (5_000 + words * (8 + by % 7)) / 100,
            iso_day(FIRST_DAY, day),
            None if is_draft else iso_day(FIRST_DAY, published),
        )


def _tags(ids: list[int], days: list[int], ranks: list[int], draws: Draws) -> Iterator[Sequence[object]]:
    kinds = [(kind, name) for kind, names in _TAGS.items() for name in names]
    for number, day, rank, (kind, name) in zip(ids, days, ranks, kinds, strict=True):
        followers = 9_000 // (rank + 2) + draws.below(40)
        description = None if draws.chance(250) else draws.one_of(_DESCRIPTIONS).format(name)
        yield number, name, kind, followers, description, iso_day(FIRST_DAY, day)


def _article_tags(
    articles: list[tuple[int, int]], tags: list[tuple[int, int]], n: int, draws: Draws
) -> Iterator[Sequence[object]]:
    """Both are given by id and day, the tags by how much they are used."""
    article, tag = Skewed(len(articles) * 9 // 10, 400), Skewed(len(tags) * 19 // 20, 3)
    order, wait, editor = draws.shuffled(len(articles)), Skewed(90, 1), Skewed(len(_EDITORS), 1)
    pairs: set[tuple[int, int]] = set()
    while len(pairs) < n:
        pairs.add((order[article.draw(draws)], tag.draw(draws)))
    for place, rank in sorted(pairs):
        (article_id, article_day), (tag_id, tag_day) = articles[place], tags[rank]
        relevance = 5 * (1 + max(draws.below(20), draws.below(20)))
        by = None if draws.chance(150) else _EDITORS[editor.draw(draws)]
        day = min(DAYS - 1, max(article_day, tag_day) + wait.draw(draws))
        yield article_id, tag_id, relevance, by, iso_day(FIRST_DAY, day)
