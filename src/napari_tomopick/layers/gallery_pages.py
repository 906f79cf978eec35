"""`Pages`: which of many boxes are in sight."""

from __future__ import annotations


class Pages:
    """A window on so many things in rows: it turns page by page, or scrolls row by row.

    Attributes
    ----------
    count : int
        Things there are.
    size : int
        Things there is room for.
    columns : int
        Things in a row where it scrolls by rows; 0 where it turns pages.
    first : int
        The first in sight.
    """

    def __init__(self) -> None:
        self.count, self.size, self.columns, self.first = 0, 1, 0, 0

    @property
    def shown(self) -> range:
        """Those in sight."""
        return range(self.first, min(self.first + self.size, self.count))

    @property
    def near(self) -> list[int]:
        """Those a page before and behind, the nearest first."""
        behind = range(min(self.first + self.size, self.count), min(self.first + 2 * self.size, self.count))
        before = range(self.first - 1, max(self.first - self.size, 0) - 1, -1) if self.first else ()
        return [*behind, *before]

    @property
    def pages(self) -> int:
        """How many pages there are, at least one."""
        return max(1, -(-self.count // self.size))

    @property
    def page(self) -> int:
        """The page in sight; between two, the later one."""
        return min(-(-self.first // self.size), self.pages - 1)

    @property
    def at_end(self) -> bool:
        """Whether the last one is in sight."""
        return self.first + self.size >= self.count

    @property
    def rows(self) -> int:
        """How many rows one can scroll by, in all."""
        columns = self.columns or self.size
        return max(0, -(-self.count // columns) - max(1, self.size // columns))

    @property
    def row(self) -> int:
        """The row that is the first in sight."""
        return self.first // (self.columns or self.size)

    def resize(self, size: int, columns: int = 0) -> None:
        """Make room for this many, in so many columns; the first in sight stays so."""
        first = self.first
        self.size, self.columns = max(1, size), columns
        self._go(first)

    def turn_to(self, page: int) -> None:
        """Show this page, or the first or last one."""
        self._go(min(max(page, 0), self.pages - 1) * self.size)

    def scroll_to(self, row: int) -> None:
        """Show this row first, or as near to that as there are rows."""
        self._go(row * (self.columns or self.size))

    def fit(self, count: int) -> None:
        """Take note that there are so many."""
        self.count = count
        self._go(self.first)

    def reveal(self, place: int) -> None:
        """Bring one in sight, moving no farther than need be."""
        if place in self.shown:
            return
        if not self.columns:
            self._go(place)
        elif place < self.first:
            self.scroll_to(place // self.columns)
        else:
            self.scroll_to(place // self.columns - max(1, self.size // self.columns) + 1)

    def _go(self, first: int) -> None:
        step = self.columns or self.size
        last = self.rows if self.columns else self.pages - 1
        self.first = min(max(first // step, 0), last) * step
