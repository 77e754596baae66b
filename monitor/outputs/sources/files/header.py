"""Which column of a file is which: our names, the user's names for them, and what is left over."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from monitor.outputs.sources.files.problems import shown

_NAMES_SHOWN = 10


class HeaderError(Exception):
    """The columns cannot be told apart; the message says why."""


@dataclass(frozen=True, slots=True)
class Header:
    """places: where each of our columns is. theirs: what the file calls it. ignored: columns nobody asked for.

    missing: names that the user gave for our columns and that the file does not have.
    """

    places: Mapping[str, int]
    theirs: Mapping[str, str]
    ignored: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()

    def told_as(self, column: str) -> str:
        """The file's own name of a column."""
        return self.theirs.get(column, column)


def plain(name: str) -> str:
    """A column's name without what exports add: blanks around it, a byte order mark, capitals, `Last good`."""
    return re.sub(r"[\s_-]+", "_", name.strip().lstrip("\ufeff").strip().casefold())


def header_of(names: Sequence[str], known: Iterable[str], needed: Sequence[str], given: Mapping[str, str]) -> Header:
    """Our columns among a file's. given: our name -> theirs, which wins over a column of our name. Raises HeaderError.

    A name given that this file does not have is passed over: another file may have it.
    """
    wanted = {plain(theirs): ours for ours, theirs in given.items() if ours in known}
    present = {plain(name) for name in names}
    taken = {ours for theirs, ours in wanted.items() if theirs in present}
    places: dict[str, int] = {}
    ignored: list[str] = []
    for place, name in enumerate(names):
        key = plain(name)
        ours = wanted.get(key) or (key if key in known and key not in taken else None)
        if ours is None:
            ignored.append(name.strip())
        elif ours in places:
            raise HeaderError(f"two columns for {ours}: {shown(names[places[ours]])} and {shown(name)}")
        else:
            places[ours] = place
    for column in needed:
        if column not in places:
            raise HeaderError(
                f"no column for {column}; --column {column}=NAME tells which one it is (columns: {listed(names)})"
            )
    theirs = {ours: names[place].strip() for ours, place in places.items()}
    missing = tuple(given[ours] for ours in wanted.values() if ours not in taken)
    return Header(places, theirs, tuple(filter(None, ignored)), missing)


def listed(names: Iterable[str]) -> str:
    """The first few names, and how many more."""
    told = [shown(name.strip()) for name in names]
    more = f" and {len(told) - _NAMES_SHOWN} more" if len(told) > _NAMES_SHOWN else ""
    return ", ".join(told[:_NAMES_SHOWN]) + more
