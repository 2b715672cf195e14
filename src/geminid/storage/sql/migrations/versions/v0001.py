"""The first tables: cached contents, usage records and buckets."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Makes the tables and indexes."""
    postgresql = op.get_bind().dialect.name == "postgresql"
    text = sa.Text(collation="C") if postgresql else sa.Text()
    moment = sa.DateTime(timezone=True) if postgresql else sa.BigInteger()
    _cached_contents(text, moment)
    _usage_records(text, moment)
    op.create_table(
        "buckets",
        sa.Column("key", text, primary_key=True),
        sa.Column("level", sa.Double, nullable=False),
        sa.Column("filled", sa.BigInteger, nullable=False),
    )


def _cached_contents(text: sa.Text, moment: sa.DateTime | sa.BigInteger) -> None:
    op.create_table(
        "cached_contents",
        sa.Column("id", text, primary_key=True),
        *(sa.Column(name, text, nullable=False) for name in ("project", "location", "model")),
        *(sa.Column(name, moment, nullable=False) for name in ("created", "updated", "expires")),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("display_name", text, nullable=False),
    )
    op.create_index("cached_contents_listed", "cached_contents", ["project", "location", "created", "id"])
    op.create_index("cached_contents_expires", "cached_contents", ["expires"])


def _usage_records(text: sa.Text, moment: sa.DateTime | sa.BigInteger) -> None:
    op.create_table(
        "usage_records",
        sa.Column("id", text, primary_key=True),
        sa.Column("time", moment, nullable=False),
        *(
            sa.Column(name, text, nullable=False)
            for name in ("project", "principal", "model", "method", "code", "finish")
        ),
        *(sa.Column(name, sa.JSON, nullable=False) for name in ("labels", "prompt", "output")),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in ("cached", "thoughts")),
        sa.Column("seconds", sa.Double, nullable=False),
        sa.Column("first_token_seconds", sa.Double),
    )
    op.create_index("usage_records_time", "usage_records", ["time", "id"])
