"""Names of people for databases: some are common, some are seldom, and many are not ASCII."""

from __future__ import annotations

from .draws import Draws, Skewed

_FIRST_NAMES = (
    "Anna", "Marie", "Thomas", "Michael", "Sofia", "Laura", "Peter", "Julia", "David", "Elena", "Lukas", "Emma",
    "José", "François", "Zoë", "Björn", "Jürgen", "Łukasz", "Agnieszka", "Åsa", "Søren", "Chloé", "Iñigo", "Renée",
    "João", "Márta", "Ümit", "Dvořák", "Siobhán", "Ana", "Tom", "Nina", "Oscar", "Paula", "Felix", "Clara",
)  # fmt: skip
_LAST_NAMES = (
    "Müller", "Schmidt", "García", "Martin", "Smith", "Jones", "Rossi", "Novak", "Nowak", "Silva", "Santos",
    "Jensen", "Hansen", "Johansson", "Dubois", "Lefèvre", "Fernández", "López", "O'Brien", "Murphy", "Kovács",
    "Nagy", "Svoboda", "de Vries", "van den Berg", "Björk", "Weiß", "Keller", "Moreau", "Ferrari", "Costa", "Pérez",
    "Ólafsson", "Kowalski", "Wójcik", "Horvat", "MacDonald", "Fischer", "Becker", "Wagner",
)  # fmt: skip


class Names:
    def __init__(self) -> None:
        self._first, self._last = Skewed(len(_FIRST_NAMES), 6), Skewed(len(_LAST_NAMES), 8)

    def draw(self, draws: Draws) -> str:
        return f"{_FIRST_NAMES[self._first.draw(draws)]} {_LAST_NAMES[self._last.draw(draws)]}"
