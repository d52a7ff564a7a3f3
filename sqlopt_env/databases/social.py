"""A discussion board: 20,000 posts and 100,000 comments of 2023 and 2024.

Topics, languages and reactions are skewed. Three posts in ten have no comment and a few have hundreds; those that
are talked about much are seen much too. Comments do not come before their post, most come soon, and many reply to an
earlier one on the same post. Authors are bare numbers, some accounts are gone, and short remarks repeat.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date

import numpy as np

from .calendar import arrival, iso_day
from .draws import Draws, Skewed

FILE = "social.db"
VERSION = 1

SCHEMA = """\
CREATE TABLE posts (
  id INTEGER PRIMARY KEY,
  author_id INTEGER NOT NULL,
  topic TEXT NOT NULL,
  title TEXT NOT NULL,
  language TEXT,
  views INTEGER NOT NULL CHECK (views >= 0),
  tips REAL,
  posted_on TEXT NOT NULL CHECK (posted_on IS date(posted_on))
);
CREATE TABLE comments (
  id INTEGER PRIMARY KEY,
  post_id INTEGER NOT NULL REFERENCES posts (id),
  reply_to INTEGER REFERENCES comments (id),
  author_id INTEGER,
  body TEXT NOT NULL,
  reaction TEXT,
  likes INTEGER NOT NULL CHECK (likes >= 0),
  written_on TEXT NOT NULL CHECK (written_on IS date(written_on))
);
"""

POSTS, COMMENTS = 20_000, 100_000
AUTHORS = 5_000
FIRST_DAY = date(2023, 1, 1)
DAYS = 731  # to the end of 2024

_TOPICS = (
    ("cooking", ("sourdough", "crème fraîche", "ramen", "my grandmother's goulash", "a cast-iron pan")),
    ("travel", ("Lisboa", "the night train", "Tromsø in winter", "a cheap hostel", "São Paulo")),
    ("programming", ("SQL", "Python", "the borrow checker", "a 20-year-old code base", "regular expressions")),
    ("football", ("the derby", "Bayern München", "the offside rule", "a season ticket")),
    ("films", ("Amélie", "the director's cut", "subtitles", "a silent film")),
    ("music", ("Björk", "vinyl", "the second album", "a used piano")),
    ("gardening", ("tomatoes", "slugs", "a balcony", "compost")),
    ("politics", ("the budget", "the election", "a petition", "rent control")),
    ("health", ("running", "back pain", "sleep", "a standing desk")),
    ("books", ("Dostoevsky", "the last chapter", "audiobooks", "a library card")),
    ("photography", ("film grain", "a 50 mm lens", "street photography")),
    ("cars", ("winter tyres", "electric cars", "a strange noise")),
    ("parenting", ("homework", "sleep", "screen time")),
    ("money", ("index funds", "a mortgage", "the tax return")),
    ("games", ("Go", "speedrunning", "a pen-and-paper campaign")),
    ("history", ("the Hanse", "Byzantium", "a family tree")),
    ("science", ("black holes", "CRISPR", "the placebo effect")),
    ("cycling", ("gravel bikes", "helmets", "the commute")),
    ("pets", ("cats", "a shy rescue dog", "aquariums")),
    ("chess", ("the Sicilian", "blitz", "endgames")),
    ("languages", ("Ελληνικά", "the subjunctive", "日本語")),
    ("Other", ("this", "coffee", "the weather")),
)
_TITLES = (
    "What do you think of {}?", "Help with {}", "My first time with {}", "{}: an honest review", "Is {} worth it?",
    "How I learned to love {}", "Unpopular opinion: {}", "{}, one year later", "Can somebody explain {}?",
    "{} again", "help with {}", "The trouble with {}", "A beginner's guide to {}", "Why nobody talks about {}",
    "PSA: {}", "Weekly thread: {}",
)  # fmt: skip
_LANGUAGES = ("en", "de", "fr", "es", "pt", "pl", "it", "nl", "sv", "ja", "el", "tr")
_REACTIONS = ("like", "love", "laugh", "wow", "sad", "angry", "thanks")
_REMARKS = (
    "Thanks!", "+1", "Great post", "I disagree.", "Source?", "This.", "Same here", "Lovely!", "What about the price?",
    "It depends", "Never again.", "Merci beaucoup !", "Works for me", "Can you share a link?", "Schön gesagt",
    "Not sure about that", "Welcome to the club", "Congratulations", "First!", "Asked and answered last week",
    "¡Qué bueno!", "Interesting read", "Edited for clarity", "Please use the search", "I tried it, and it was fine",
    "Dziękuję", "You should write a book", "Following", "どうも", "Nobody expected that",
)  # fmt: skip


def rows(seed: int, scale: int) -> Iterator[tuple[str, Iterator[Sequence[object]]]]:
    """(table, rows) in an order that foreign keys allow. `scale` multiplies the rows."""
    for_fame, for_posts, for_comments = map(Draws, np.random.SeedSequence(seed).spawn(3))
    n = POSTS * scale
    ids = [i + i // 7 + i // 400 * 11 + 1 for i in range(n)]  # with gaps: posts that were deleted
    days = [arrival(i, n, DAYS) for i in range(n)]
    ranks = for_fame.shuffled(n)  # how much each post is talked about: 0 is the most
    yield "posts", _posts(ids, days, ranks, AUTHORS * scale, for_posts)
    yield "comments", _comments(ids, days, ranks, COMMENTS * scale, AUTHORS * scale, for_comments)


def _posts(ids: list[int], days: list[int], ranks: list[int], authors: int, draws: Draws) -> Iterator[Sequence[object]]:
    author, topic, title = Skewed(authors, 50), Skewed(len(_TOPICS), 2), Skewed(len(_TITLES), 3)
    language = Skewed(len(_LANGUAGES), 1)
    for number, day, rank in zip(ids, days, ranks, strict=True):
        name, subjects = _TOPICS[topic.draw(draws)]
        yield (
            number,
            1 + author.draw(draws) * 3,
            name.upper() if draws.chance(12) else name,
            _TITLES[title.draw(draws)].format(draws.one_of(subjects)),
            None if draws.chance(70) else _LANGUAGES[language.draw(draws)],
            len(ids) * 8 // (rank + 40) + draws.below(60),
            None if draws.chance(250) else draws.below(30) * draws.below(30) * 25 / 100,
            iso_day(FIRST_DAY, day),
        )


def _comments(
    ids: list[int], days: list[int], ranks: list[int], n: int, authors: int, draws: Draws
) -> Iterator[Sequence[object]]:
    author, remark, reaction = Skewed(authors, 100), Skewed(len(_REMARKS), 2), Skewed(len(_REACTIONS), 1)
    earlier: defaultdict[int, list[int]] = defaultdict(list)  # the comments on each post, by their ids
    number = 0
    for day, post in _conversations(days, ranks, n, draws):
        number += draws.step()
        body = _REMARKS[remark.draw(draws)]
        if draws.chance(200):
            body = body.lower()
        if draws.chance(400):
            body = f"{body} {draws.one_of(_REMARKS)}"
        yield (
            number,
            ids[post],
            draws.one_of(earlier[post]) if earlier[post] and draws.chance(800) else None,
            None if draws.chance(80) else 1 + author.draw(draws) * 3,
            body,
            None if draws.chance(300) else _REACTIONS[reaction.draw(draws)],
            draws.below(1 + draws.below(1 + draws.below(60))),
            iso_day(FIRST_DAY, day),
        )
        earlier[post].append(number)


def _conversations(days: list[int], ranks: list[int], n: int, draws: Draws) -> list[tuple[int, int]]:
    """The day and the post of each comment, in the order of the days."""
    posts = sorted(range(len(ranks)), key=ranks.__getitem__)
    fame, delay = Skewed(len(posts) * 4 // 5, 60), Skewed(200, 1)
    found = []
    for _ in range(n):
        post = posts[fame.draw(draws)]
        found.append((days[post] + delay.draw(draws) % (DAYS - days[post]), post))
    return sorted(found, key=lambda comment: comment[0])
