//! Where SQLite and PostgreSQL differ.

/// The kind of database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// SQLite.
    Sqlite,
    /// PostgreSQL.
    Postgres,
}

impl Dialect {
    /// Expression for the database's clock, in microseconds since the epoch.
    #[must_use]
    pub const fn now_micros(self) -> &'static str {
        match self {
            Self::Sqlite => "CAST(unixepoch('subsec') * 1000000 AS INTEGER)",
            Self::Postgres => "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)",
        }
    }

    /// The schema's text with its type names resolved: `INT64`, `SERIAL64` (numbered by the
    /// database), `BYTES`, `ASCII` (ordered by its bytes), `CLUSTERED` (rows kept in the primary key's order, where that exists), and lines that begin with `postgres:` or `sqlite:`.
    pub(crate) fn schema(self, portable: &str) -> String {
        let (ours, other) = match self {
            Self::Sqlite => ("sqlite:", "postgres:"),
            Self::Postgres => ("postgres:", "sqlite:"),
        };
        let words = match self {
            Self::Sqlite => [
                ("SERIAL64", "INTEGER"),
                ("INT64", "INTEGER"),
                ("BYTES", "BLOB"),
                ("ASCII", "TEXT"),
                ("CLUSTERED", "WITHOUT ROWID"),
            ],
            Self::Postgres => [
                ("SERIAL64", "BIGSERIAL"),
                ("INT64", "BIGINT"),
                ("BYTES", "BYTEA"),
                ("ASCII", "TEXT COLLATE \"C\""),
                ("CLUSTERED", ""),
            ],
        };
        portable
            .lines()
            .filter(|line| !line.starts_with(other))
            .map(|line| line.strip_prefix(ours).unwrap_or(line))
            .map(|line| words.iter().fold(line.to_owned(), |line, (word, ours)| line.replace(word, ours)))
            .collect::<Vec<_>>()
            .join("\n")
    }

    /// Condition that `column` is among the integers of the parameter `$parameter`, bound as
    /// [`Arg::Ints`](super::Arg::Ints).
    #[must_use]
    pub fn among_ints(self, column: &str, parameter: usize) -> String {
        match self {
            Self::Sqlite => format!("{column} IN (SELECT value FROM json_each(${parameter}))"),
            Self::Postgres => format!("{column} = ANY(${parameter})"),
        }
    }

    /// Condition that `column` is among the byte strings of `$parameter`, bound as
    /// [`Arg::ByteList`](super::Arg::ByteList).
    #[must_use]
    pub fn among_bytes(self, column: &str, parameter: usize) -> String {
        match self {
            Self::Sqlite => format!("{column} IN (SELECT unhex(value) FROM json_each(${parameter}))"),
            Self::Postgres => format!("{column} = ANY(${parameter})"),
        }
    }

    /// Table expression `u` with columns `k` and `v`: the pairs of `$parameter`, bound as
    /// [`Arg::Pairs`](super::Arg::Pairs) (which takes two parameters on PostgreSQL, so it comes last).
    #[must_use]
    pub fn pairs(self, parameter: usize) -> String {
        match self {
            Self::Sqlite => {
                format!("(SELECT value ->> 0 AS k, value ->> 1 AS v FROM json_each(${parameter})) AS u")
            }
            Self::Postgres => {
                let second = parameter + 1;
                format!("UNNEST(${parameter}::BIGINT[], ${second}::BIGINT[]) AS u(k, v)")
            }
        }
    }
}
