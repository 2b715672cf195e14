"""What a cached content counts has a column of its own, and a large body is a blob that its row names.

The table is made anew, so that the body comes last in it. Bodies were JSON with ``usage``, ``tokens`` and
``content``; now the first two are the usage, and the body is MessagePack of ``content`` and ``media``.
"""

from typing import Any

import msgspec
import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_KEPT = ("id", "project", "location", "model", "created", "updated", "expires", "display_name")
_AT_ONCE = 100


class _Before(msgspec.Struct):
    usage: msgspec.Raw
    tokens: msgspec.Raw
    content: msgspec.Raw


def upgrade() -> None:
    """Moves the rows into a new table, some at a time."""
    postgresql = op.get_bind().dialect.name == "postgresql"
    text = sa.Text(collation="C") if postgresql else sa.Text()
    moment = sa.DateTime(timezone=True) if postgresql else sa.BigInteger()
    after = op.create_table(
        "cached_contents_0002",
        sa.Column("id", text, primary_key=True),
        *(sa.Column(name, text, nullable=False) for name in ("project", "location", "model")),
        *(sa.Column(name, moment, nullable=False) for name in ("created", "updated", "expires")),
        sa.Column("display_name", text, nullable=False),
        sa.Column("usage", sa.LargeBinary, nullable=False),
        sa.Column("blob", text, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    _move(after)
    op.drop_table("cached_contents")
    op.rename_table("cached_contents_0002", "cached_contents")
    if postgresql:
        op.execute("ALTER INDEX cached_contents_0002_pkey RENAME TO cached_contents_pkey")
    op.create_index("cached_contents_listed", "cached_contents", ["project", "location", "created", "id"])
    op.create_index("cached_contents_expires", "cached_contents", ["expires"])
    op.create_index("cached_contents_blobs", "cached_contents", ["blob"])


def _move(after: sa.Table) -> None:
    connection = op.get_bind()
    before = sa.table("cached_contents", *(sa.column(name) for name in (*_KEPT, "body")))
    page = sa.select(before).order_by(before.c.id).limit(_AT_ONCE)
    rows = connection.execute(page).mappings().all()
    while rows:
        connection.execute(sa.insert(after), [_moved(dict(row)) for row in rows])
        rows = connection.execute(page.where(before.c.id > rows[-1]["id"])).mappings().all()


def _moved(row: dict[str, Any]) -> dict[str, Any]:
    body = msgspec.json.decode(row.pop("body"), type=_Before)
    usage = msgspec.json.encode({"usage": body.usage, "tokens": body.tokens})
    return row | {
        "usage": usage,
        "blob": "",
        "body": msgspec.msgpack.encode({"content": bytes(body.content), "media": []}),
    }
