"""The SQL store: tables, migrations and the database they live in, on SQLite or PostgreSQL."""
