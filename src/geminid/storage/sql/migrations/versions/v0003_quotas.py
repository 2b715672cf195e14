"""Quotas: when a bucket will be full, and the places that servers share."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Makes the column and the table. A bucket that is there stays until it is used again."""
    postgresql = op.get_bind().dialect.name == "postgresql"
    text = sa.Text(collation="C") if postgresql else sa.Text()
    moment = sa.DateTime(timezone=True) if postgresql else sa.BigInteger()
    op.add_column("buckets", sa.Column("full_at", sa.Double))
    op.create_table(
        "shares",
        sa.Column("key", text, primary_key=True),
        sa.Column("holder", text, primary_key=True),
        sa.Column("places", sa.BigInteger, nullable=False),
        sa.Column("until", moment, nullable=False),
    )
