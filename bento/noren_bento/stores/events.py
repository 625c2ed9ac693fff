"""EventStore: the append-only log in SQL. `(release, seq)` is unique, so of two writers one wins and one is told."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from filelock import FileLock

from noren_bento.errors import ConflictError, NorenError
from noren_bento.masking import mask_credentials
from noren_bento.release.event import Event
from noren_bento.stores.event_json import decode_body, encode_body

_metadata = sa.MetaData()
_events = sa.Table(
    "events",
    _metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("release", sa.String(80), nullable=False),
    sa.Column("seq", sa.Integer, nullable=False),
    sa.Column("at", sa.Float, nullable=False),
    sa.Column("who", sa.String(200), nullable=False),
    sa.Column("why", sa.Text, nullable=False),
    sa.Column("kind", sa.String(40), nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.UniqueConstraint("release", "seq"),
)
_identity = sa.Table("identity", _metadata, sa.Column("store", sa.String(36), primary_key=True))


class EventStore:
    """The log of all releases of one NOREN_HOME (SQLite) or one team (any SQLAlchemy URL)."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._engine = sa.create_engine(url)
        if self._engine.dialect.name == "sqlite":
            sa.event.listen(self._engine, "connect", _set_pragmas)

    @classmethod
    def at_home(cls, home: Path) -> EventStore:
        """Open the log under a NOREN_HOME, made where it is missing."""
        home.mkdir(parents=True, exist_ok=True)
        store = cls(f"sqlite:///{home / 'events.db'}")
        # Several processes that make the same tables at once is where fresh SQLite stores break.
        with FileLock(home / ".events.lock"):
            store.create()
        return store

    def create(self) -> None:
        """Make the tables and the store's identity where they are missing; refuse a damaged file."""
        with _explained(self.url):
            with self._engine.connect() as connection:
                if self._engine.dialect.name == "sqlite":
                    said = connection.exec_driver_sql("PRAGMA quick_check").scalar()
                    if said != "ok":
                        raise NorenError(_damaged(self.url, str(said)))
            _metadata.create_all(self._engine)
            with self._engine.begin() as connection:
                if connection.scalar(sa.select(_identity.c.store)) is None:
                    connection.execute(_identity.insert().values(store=str(uuid.uuid4())))

    @property
    def identity(self) -> str:
        """What this store is called on the registered models that it releases."""
        with _explained(self.url), self._engine.connect() as connection:
            return str(connection.scalar(sa.select(_identity.c.store)))

    def append(self, event: Event) -> None:
        """Write one event; raise ConflictError when that place in the log is taken."""
        row = {
            "release": event.release,
            "seq": event.seq,
            "at": event.at,
            "who": event.who,
            "why": event.why,
            "kind": event.kind,
            "body": encode_body(event.body),
        }
        try:
            with _explained(self.url), self._engine.begin() as connection:
                connection.execute(_events.insert().values(**row))
        except sa.exc.IntegrityError:
            first = self.events(event.release)[event.seq]
            raise ConflictError(
                f"{event.release}: event {event.seq} was written by {first.who} first ({first.kind}: {first.why}). "
                "Look at the release again and decide anew."
            ) from None

    def events(self, release: str | None = None) -> tuple[Event, ...]:
        """All events, or those of one release, in the order in which they were written."""
        query = sa.select(_events).order_by(_events.c.id)
        if release is not None:
            query = query.where(_events.c.release == release)
        with _explained(self.url), self._engine.connect() as connection:
            rows = connection.execute(query).all()
        return tuple(
            Event(row.release, row.seq, row.at, row.who, row.why, decode_body(row.kind, row.body))
            for row in rows
        )

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()


def _set_pragmas(connection: object, _record: object) -> None:
    cursor = connection.cursor()  # type: ignore[attr-defined]
    # WAL: readers never wait for the writer. FULL: an event that was answered survives a power cut.
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=5000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _damaged(url: str, said: str) -> str:
    return (
        f"The event store {mask_credentials(url)} is damaged ({said[:200]}). Nothing was changed. "
        "Running services and Envoy go on. Put a copy back in its place, or move the file away to begin an empty log."
    )


@contextmanager
def _explained(url: str) -> Iterator[None]:
    try:
        yield
    except sa.exc.IntegrityError:
        raise
    except sa.exc.DatabaseError as error:
        said = str(error.orig)
        if "malformed" in said or "not a database" in said:
            raise NorenError(_damaged(url, said)) from None
        raise NorenError(
            f"The event store {mask_credentials(url)} cannot be used: {mask_credentials(said)}. "
            "Check the disk and its permissions."
        ) from None
