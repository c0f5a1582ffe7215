//! Secrets: never in settings themselves, never in a log.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use thiserror::Error;
use zeroize::{Zeroize, Zeroizing};

/// A value that no log and no error message shows, and whose memory is cleared at the end.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret<T: Zeroize>(Zeroizing<T>);

impl<T: Zeroize> Secret<T> {
    /// Keeps a value secret.
    #[must_use]
    pub fn new(value: T) -> Self {
        Self(Zeroizing::new(value))
    }

    /// The value, for the one who uses it.
    #[must_use]
    pub fn expose(&self) -> &T {
        &self.0
    }
}

impl<T: Zeroize> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// A file with a secret, as a setting. Written and read as its path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SecretFile(pub PathBuf);

/// A secret cannot be had.
#[derive(Debug, Error)]
pub enum SecretError {
    /// Not readable.
    #[error("cannot read the secret in {}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Nothing in it.
    #[error("the file of a secret is empty: {}", .0.display())]
    Empty(PathBuf),
}

impl SecretFile {
    /// Its path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Reads the secret: the text of the file without a line end at its end.
    ///
    /// # Errors
    /// [`SecretError`].
    pub fn read(&self) -> Result<Secret<String>, SecretError> {
        let read = |source| SecretError::Read { path: self.0.clone(), source };
        let mut text = Zeroizing::new(std::fs::read_to_string(&self.0).map_err(read)?);
        let length = text.trim_end_matches(['\r', '\n']).len();
        text.truncate(length);
        if text.is_empty() {
            return Err(SecretError::Empty(self.0.clone()));
        }
        Ok(Secret(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_read_and_never_shown() {
        let folder = tempfile::tempdir().unwrap();
        let file = SecretFile(folder.path().join("password"));
        assert!(matches!(file.read(), Err(SecretError::Read { .. })));
        std::fs::write(file.path(), "\n").unwrap();
        assert!(matches!(file.read(), Err(SecretError::Empty(_))));
        std::fs::write(file.path(), "open sesame \n").unwrap();
        let secret = file.read().unwrap();
        assert_eq!(secret.expose(), "open sesame ");
        assert_eq!(format!("{secret:?}"), "Secret(…)");
    }
}
