//! Private PostgreSQL servers for tests.
