"""Facts and markers on disk: SQLite with one writer thread; the only importer of sqlite3."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import os
import queue
import sqlite3
import threading
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import Future
from contextlib import closing
from pathlib import Path

from monitor.facts.clock import Clock, SystemClock
from monitor.facts.codec import fact_from_json
from monitor.facts.markers import Marker, MarkerPhase
from monitor.facts.observations import Observation
from monitor.outputs.rows import FactRow, compact, fact_row, marker_of, marker_row

log = logging.getLogger(__name__)

DEFAULT_PATH = Path("softphone.db")  # of a command that names none; the settings' default as well
SCHEMA_VERSION = 1
SCHEMA = (
    "CREATE TABLE schema_version (version INTEGER NOT NULL)",
    "CREATE TABLE facts (id INTEGER PRIMARY KEY, kind TEXT NOT NULL, at_wall_s REAL NOT NULL, site TEXT NOT NULL,"
    " json TEXT NOT NULL)",
    "CREATE INDEX facts_at ON facts (at_wall_s)",
    "CREATE INDEX facts_kind_at ON facts (kind, at_wall_s)",
    "CREATE TABLE markers (id INTEGER PRIMARY KEY, job TEXT NOT NULL, run_id TEXT NOT NULL, phase TEXT NOT NULL,"
    " at_wall_s REAL NOT NULL, json TEXT NOT NULL, UNIQUE (job, run_id, phase, at_wall_s))",
    "CREATE INDEX markers_at ON markers (at_wall_s)",
)
QUEUE_LIMIT = 20_000  # facts
BATCH_LIMIT = 1000  # rows a transaction
COMMIT_EVERY_S = 0.25
BUSY_TIMEOUT_S = 2.0
SWEEP_EVERY_S = 600.0
SWEEP_ROWS = 10_000
READ_ROWS = 500
COMPLAINT_EVERY_S = 60.0
CLOSE_DEADLINE_S = 5.0


class JournalError(Exception):
    """The journal cannot be used. The message is one line for the user: which file, what is wrong."""


@dataclasses.dataclass(slots=True)
class _MarkerToWrite:
    marker: Marker
    once: bool
    instead_of: Marker | None
    written: Future[bool]


class Journal:
    """The journal of a running monitor. Opening it starts the writer thread.

    Facts are written in batches, at the latest COMMIT_EVERY_S after they came; older ones than `retention_s` are
    swept, markers are kept for ever. on_lost is told how many facts could not be written.
    """

    def __init__(
        self,
        path: Path,
        *,
        retention_s: float | None = None,
        clock: Clock | None = None,
        on_lost: Callable[[int], None] | None = None,
    ) -> None:
        self._path = path
        self._retention_s = retention_s
        self._clock = clock or SystemClock()
        self._on_lost = on_lost
        self._reader = JournalReader(path)
        self._queue: queue.Queue[Observation | _MarkerToWrite | None] = queue.Queue(QUEUE_LIMIT)
        self._complained_mono_s: float | None = None
        self._closing = False
        self._connection = _open(path)
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()

    def append(self, fact: Observation) -> None:
        """Have a fact written soon. Never blocks. Raises JournalError when too many are waiting to be written."""
        stored = compact(fact)
        if stored is None:
            return
        try:
            self._queue.put_nowait(stored)
        except queue.Full:
            raise JournalError(f"{self._path}: {QUEUE_LIMIT} facts wait to be written") from None

    async def add_marker(self, marker: Marker, *, once: bool = False, instead_of: Marker | None = None) -> bool:
        """Write a marker; it is on disk when this returns. False when it was there already.

        once: any marker of this job, run and phase counts as this one (for a marker whose sender told no time).
        instead_of: a stored marker that this one replaces, in one transaction. Raises JournalError when it cannot be
        written.
        """
        if self._closing:
            raise JournalError(f"{self._path}: the journal is closed")
        written: Future[bool] = Future()
        try:
            self._queue.put_nowait(_MarkerToWrite(marker, once, instead_of, written))
        except queue.Full:
            raise JournalError(f"{self._path}: {QUEUE_LIMIT} facts wait to be written") from None
        return await asyncio.wrap_future(written)

    def markers(
        self, since_wall_s: float | None = None, until_wall_s: float | None = None, limit: int | None = None
    ) -> list[Marker]:
        """As JournalReader.markers."""
        return self._reader.markers(since_wall_s, until_wall_s, limit)

    def facts(
        self,
        since_wall_s: float | None = None,
        until_wall_s: float | None = None,
        kinds: Collection[str] | None = None,
    ) -> Iterator[Observation]:
        """As JournalReader.facts."""
        return self._reader.facts(since_wall_s, until_wall_s, kinds)

    async def close(self, deadline_s: float = CLOSE_DEADLINE_S) -> None:
        """Write what is queued and stop the writer, within `deadline_s`. Idempotent."""
        if not self._closing:
            self._closing = True
            await asyncio.to_thread(self._queue.put, None)  # waits for room at most as long as one commit takes
        await asyncio.to_thread(self._thread.join, deadline_s)

    def _run(self) -> None:
        sweep_mono_s = self._clock.mono_s()
        with closing(self._connection):
            last = False
            while not last:
                batch, last = self._next_batch()
                if batch:
                    self._write(batch)
                if self._retention_s is not None and self._clock.mono_s() >= sweep_mono_s:
                    sweep_mono_s = self._clock.mono_s() + SWEEP_EVERY_S
                    self._sweep(self._clock.wall_s() - self._retention_s)

    def _next_batch(self) -> tuple[list[Observation | _MarkerToWrite], bool]:
        """What came within COMMIT_EVERY_S; a marker ends the batch at once. The flag says it is the last one."""
        batch: list[Observation | _MarkerToWrite] = []
        until_mono_s = self._clock.mono_s() + COMMIT_EVERY_S
        while len(batch) < BATCH_LIMIT:
            try:
                item = self._queue.get(timeout=max(0.0, until_mono_s - self._clock.mono_s()))
            except queue.Empty:
                break
            if item is None:
                return batch, True
            batch.append(item)
            if isinstance(item, _MarkerToWrite):
                break
        return batch, False

    def _write(self, batch: list[Observation | _MarkerToWrite]) -> None:
        """One transaction. A marker's sender hears of it only after the commit."""
        facts = [item for item in batch if isinstance(item, Observation)]
        markers = [item for item in batch if isinstance(item, _MarkerToWrite)]
        rows = self._rows_of(facts)
        try:
            with self._connection:
                self._connection.executemany(
                    "INSERT INTO facts (kind, at_wall_s, site, json) VALUES (?, ?, ?, ?)", rows
                )
                new = [_insert_marker(self._connection, item) for item in markers]
        except Exception as error:  # whatever it is: the writer must go on, and a marker's sender must hear of it
            self._lose(len(rows), error)
            for item in markers:
                if item.written.set_running_or_notify_cancel():
                    item.written.set_exception(JournalError(f"{self._path}: {error}"))
        else:
            for item, is_new in zip(markers, new, strict=True):
                if item.written.set_running_or_notify_cancel():
                    item.written.set_result(is_new)

    def _rows_of(self, facts: list[Observation]) -> list[FactRow]:
        rows = []
        for fact in facts:
            try:
                rows.append(fact_row(fact))
            except ValueError as error:
                self._lose(1, error)
        return rows

    def _lose(self, facts: int, error: Exception) -> None:
        if facts and self._on_lost is not None:
            self._on_lost(facts)
        now = self._clock.mono_s()
        if self._complained_mono_s is None or now - self._complained_mono_s >= COMPLAINT_EVERY_S:
            self._complained_mono_s = now
            log.error("journal %s: cannot write: %s", self._path, error)

    def _sweep(self, before_wall_s: float) -> None:
        try:
            while True:
                with self._connection:
                    swept = self._connection.execute(
                        "DELETE FROM facts WHERE id IN (SELECT id FROM facts WHERE at_wall_s < ? LIMIT ?)",
                        (before_wall_s, SWEEP_ROWS),
                    ).rowcount
                if swept < SWEEP_ROWS:
                    return
        except sqlite3.Error as error:
            log.error("journal %s: cannot sweep: %s", self._path, error)


class JournalReader:
    """Read access to a journal, also while a monitor writes to it. Every call uses a connection of its own."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def markers(
        self, since_wall_s: float | None = None, until_wall_s: float | None = None, limit: int | None = None
    ) -> list[Marker]:
        """Markers with since <= time < until, newest first, at most `limit`. Raises JournalError."""
        sql = "SELECT json FROM markers WHERE at_wall_s >= ? AND at_wall_s < ? ORDER BY at_wall_s DESC, id DESC LIMIT ?"
        rows = self._rows(sql, (*_bounds(since_wall_s, until_wall_s), -1 if limit is None else limit))
        return [marker_of(text) for (text,) in rows]

    def facts(
        self,
        since_wall_s: float | None = None,
        until_wall_s: float | None = None,
        kinds: Collection[str] | None = None,
        *,
        on_unread: Callable[[str], None] = log.warning,
    ) -> Iterator[Observation]:
        """Facts with since <= at_wall_s < until, of these kinds, oldest first. Raises JournalError.

        A row that this version cannot read (a kind from a newer one) is left out; on_unread is told how many, at the
        end and in one line.
        """
        chosen = tuple(kinds) if kinds is not None else ()
        which = "" if kinds is None else f" AND kind IN ({', '.join('?' * len(chosen))})"
        sql = f"SELECT kind, json FROM facts WHERE at_wall_s >= ? AND at_wall_s < ?{which} ORDER BY at_wall_s, id"  # noqa: S608 - only question marks
        unread = 0
        for kind, text in self._rows(sql, (*_bounds(since_wall_s, until_wall_s), *chosen)):
            try:
                fact = fact_from_json(kind, text)
            except ValueError:
                unread += 1
            else:
                yield fact
        if unread:
            on_unread(f"journal {self._path}: {unread} facts are of a kind this version does not know")

    def _rows(self, sql: str, arguments: tuple[object, ...]) -> Iterator[tuple[str, ...]]:
        try:
            with closing(_connect(f"{self._path.absolute().as_uri()}?mode=ro")) as connection:
                _check_version(connection, self._path)
                cursor = connection.execute(sql, arguments)
                while rows := cursor.fetchmany(READ_ROWS):
                    yield from rows
        except sqlite3.Error as error:
            raise JournalError(f"{self._path}: {error}") from error


def _open(path: Path) -> sqlite3.Connection:
    """A connection for writing, with the schema in place. A new file is for its owner's eyes only."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        connection = _connect(path.absolute().as_uri())
    except (OSError, sqlite3.Error) as error:
        raise JournalError(f"{path}: {getattr(error, 'strerror', None) or error}") from error
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")  # a committed marker survives a power cut as well
        _create_schema(connection, path)
    except sqlite3.Error as error:
        connection.close()
        raise JournalError(f"{path}: {error}") from error
    except JournalError:
        connection.close()
        raise
    return connection


def _connect(uri: str) -> sqlite3.Connection:
    return sqlite3.connect(uri, uri=True, timeout=BUSY_TIMEOUT_S, check_same_thread=False)


def _create_schema(connection: sqlite3.Connection, path: Path) -> None:
    if connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        _check_version(connection, path)
        return
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        for statement in SCHEMA:
            connection.execute(statement)
        connection.execute("INSERT INTO schema_version VALUES (?)", (SCHEMA_VERSION,))


def _check_version(connection: sqlite3.Connection, path: Path) -> None:
    try:
        (version,) = connection.execute("SELECT version FROM schema_version").fetchone()
    except (sqlite3.OperationalError, TypeError):
        raise JournalError(f"{path}: this is not a journal of softphone-monitor") from None
    if version > SCHEMA_VERSION:
        raise JournalError(
            f"{path}: written by a newer softphone-monitor (schema {version}, this one knows {SCHEMA_VERSION}); "
            "update softphone-monitor or use another file"
        )


def _insert_marker(connection: sqlite3.Connection, item: _MarkerToWrite) -> bool:
    if item.instead_of is not None:
        connection.execute(
            "DELETE FROM markers WHERE job = ? AND run_id = ? AND phase = ? AND at_wall_s = ?",
            marker_row(item.instead_of)[:4],
        )
    job, run_id, phase, at_wall_s, text = marker_row(item.marker)
    if item.once and item.marker.phase is not MarkerPhase.BATCH:
        known = connection.execute(
            "SELECT 1 FROM markers WHERE job = ? AND run_id = ? AND phase = ?", (job, run_id, phase)
        ).fetchone()
        if known:
            return False
    inserted = connection.execute(
        "INSERT OR IGNORE INTO markers (job, run_id, phase, at_wall_s, json) VALUES (?, ?, ?, ?, ?)",
        (job, run_id, phase, at_wall_s, text),
    )
    return inserted.rowcount == 1


def _bounds(since_wall_s: float | None, until_wall_s: float | None) -> tuple[float, float]:
    return (
        float("-inf") if since_wall_s is None else since_wall_s,
        float("inf") if until_wall_s is None else until_wall_s,
    )
