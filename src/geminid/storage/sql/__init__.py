"""The databases behind ``records.py``: SQLite in one file, or PostgreSQL for several servers.

``database.open_database`` is the way in. SQLAlchemy, alembic and psycopg are known in this package alone, which is
imported where a database is opened.
"""
