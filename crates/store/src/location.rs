//! From a URL to a place where a database can be, or a clear refusal.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use sqlx::postgres::PgConnectOptions;

use crate::config::without_password;
use crate::{StoreConfig, StoreRefused};

/// Where the database is.
pub(crate) enum Location {
    /// A file, not yet looked at.
    File(PathBuf),
    /// A server.
    Server(Box<PgConnectOptions>),
}

const PARAMETERS: [&str; 18] = [
    "sslmode",
    "ssl-mode",
    "sslrootcert",
    "ssl-root-cert",
    "ssl-ca",
    "sslcert",
    "ssl-cert",
    "sslkey",
    "ssl-key",
    "statement-cache-capacity",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "application_name",
    "options",
];

impl Location {
    pub(crate) fn parse(config: &StoreConfig) -> Result<Self, StoreRefused> {
        let url = config.url.as_str();
        let refuse = |reason: String| StoreRefused::Url { reason };
        match url.split_once(':') {
            Some(("sqlite", rest)) => {
                if config.schema.is_some() {
                    return Err(refuse("a SQLite database has no schemas".to_owned()));
                }
                Ok(Self::File(file_path(rest.strip_prefix("//").unwrap_or(rest))?))
            }
            Some(("postgres" | "postgresql", _)) => Ok(Self::Server(Box::new(server(config)?))),
            Some((scheme, _)) if !scheme.is_empty() => Err(refuse(format!("unknown kind `{scheme}`"))),
            _ => Err(refuse("no kind of database before `:`".to_owned())),
        }
    }
}

fn file_path(text: &str) -> Result<PathBuf, StoreRefused> {
    let refuse = |reason: &str| StoreRefused::Url { reason: reason.to_owned() };
    if text.contains(['?', '#']) {
        return Err(refuse("a SQLite URL takes no parameters"));
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let digits = [bytes.next(), bytes.next()].map(|digit| digit.and_then(|d| char::from(d).to_digit(16)));
        match digits {
            [Some(high), Some(low)] => decoded.push(u8::try_from(high * 16 + low).unwrap_or_default()),
            _ => return Err(refuse("`%` without two hexadecimal digits")),
        }
    }
    let path = String::from_utf8(decoded).map_err(|_| refuse("the path is not UTF-8"))?;
    if path.is_empty() || path.contains('\0') {
        return Err(refuse("no path of a file"));
    }
    if path == ":memory:" || path.starts_with("file:") {
        return Err(refuse("a database in memory or behind a file: URI is not durable"));
    }
    Ok(PathBuf::from(path))
}

fn server(config: &StoreConfig) -> Result<PgConnectOptions, StoreRefused> {
    let query = config.url.split_once('?').map(|(_, query)| query).unwrap_or_default();
    for parameter in query.split('&').filter(|pair| !pair.is_empty()) {
        let name = parameter.split_once('=').map_or(parameter, |(name, _)| name);
        if !PARAMETERS.contains(&name) && !name.starts_with("options[") && !name.starts_with("options%5B") {
            return Err(StoreRefused::Url { reason: format!("unknown parameter `{name}`") });
        }
    }
    let mut options = PgConnectOptions::from_str(&config.url).map_err(|error| StoreRefused::Url {
        reason: match error {
            sqlx::Error::Configuration(reason) => format!("{}: {reason}", without_password(&config.url)),
            other => other.to_string(),
        },
    })?;
    if let Some(password) = &config.password {
        options = options.password(password);
    }
    if options.get_application_name().is_none() {
        options = options.application_name("synod");
    }
    Ok(options)
}

/// Checks that a durable database file can be at `path`.
pub(crate) fn check_file(path: &Path, allow_network: bool) -> Result<(), StoreRefused> {
    let refuse = |reason: String| StoreRefused::Path { path: path.to_owned(), reason };
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let parent = parent.canonicalize().map_err(|error| refuse(format!("its directory: {error}")))?;
    match path.metadata() {
        Ok(found) if !found.is_file() => return Err(refuse("is not a regular file".to_owned())),
        Ok(found) if found.permissions().readonly() => return Err(refuse("is read-only".to_owned())),
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(refuse(error.to_string())),
        _ => {}
    }
    match std::fs::read_to_string("/proc/self/mountinfo") {
        Ok(mounts) if !allow_network => match network_file_system(&mounts, &parent) {
            Some(kind) => Err(refuse(format!(
                "is on a network file system ({kind}), which loses or corrupts SQLite databases; use a local disk"
            ))),
            None => Ok(()),
        },
        _ => Ok(()),
    }
}

/// Kind of the file system that holds `directory`, if it is one of a network (`proc(5)`, mountinfo).
fn network_file_system(mounts: &str, directory: &Path) -> Option<String> {
    const KINDS: [&str; 14] = [
        "nfs",
        "nfs4",
        "cifs",
        "smb3",
        "smbfs",
        "afs",
        "ceph",
        "lustre",
        "gfs2",
        "ocfs2",
        "beegfs",
        "fuse.sshfs",
        "fuse.glusterfs",
        "fuse.s3fs",
    ];
    let covering = mounts.lines().filter_map(|line| {
        let (left, right) = line.split_once(" - ")?;
        let point = left.split(' ').nth(4)?.replace("\\040", " ");
        directory.starts_with(&point).then(|| (point.len(), right.split(' ').next().unwrap_or_default()))
    });
    // The last of several mounts on one point is the one that is seen.
    let (_, kind) = covering.max_by_key(|(length, _)| *length)?;
    KINDS.contains(&kind).then(|| kind.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(url: &str) -> String {
        match Location::parse(&StoreConfig::new(url)) {
            Err(error) => error.to_string(),
            Ok(_) => panic!("{url} was taken"),
        }
    }

    #[test]
    fn odd_urls_are_refused_with_a_reason() {
        assert!(refused("sqlite::memory:").contains("not durable"));
        assert!(refused("sqlite://").contains("no path"));
        assert!(refused("sqlite:///a.db?mode=ro").contains("no parameters"));
        assert!(refused("sqlite:file:/a.db").contains("not durable"));
        assert!(refused("sqlite:///a%zz.db").contains("hexadecimal"));
        assert!(refused("mysql://x/y").contains("unknown kind `mysql`"));
        assert!(refused("/a.db").contains("no kind"));
        assert!(refused("postgres://u:secret@h/d?sslmod=require").contains("unknown parameter `sslmod`"));
        let wrong_mode = refused("postgres://u:secret@h/d?sslmode=sometimes");
        assert!(wrong_mode.contains("sometimes") && !wrong_mode.contains("secret"), "{wrong_mode}");
    }

    #[test]
    fn paths_are_decoded() {
        for (url, path) in [
            ("sqlite:///var/lib/a%20b.db", "/var/lib/a b.db"),
            ("sqlite:a.db", "a.db"),
            ("sqlite://data/a.db", "data/a.db"),
        ] {
            match Location::parse(&StoreConfig::new(url)) {
                Ok(Location::File(found)) => assert_eq!(found, PathBuf::from(path)),
                _ => panic!("{url}"),
            }
        }
    }

    #[test]
    fn a_network_mount_is_seen() {
        let mounts = "27 1 254:0 / / rw - ext4 /dev/vda rw\n\
                      40 27 0:50 / /mnt/my\\040share rw shared:1 - nfs4 host:/x rw\n";
        assert_eq!(network_file_system(mounts, Path::new("/mnt/my share/db")), Some("nfs4".to_owned()));
        assert_eq!(network_file_system(mounts, Path::new("/mnt/other")), None);
    }

    #[test]
    fn passwords_are_not_printed() {
        let config = StoreConfig::new("postgres://user:hush@host/db?password=hush");
        assert!(!format!("{config:?}").contains("hush"));
    }
}
