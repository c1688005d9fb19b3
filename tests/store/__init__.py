"""Tests of the SQL store, on SQLite and on PostgreSQL."""
