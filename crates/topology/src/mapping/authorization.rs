//! Who has to sign a transaction (ch. 02 §2.3, `TopologyMapping.RequiredAuth`).

use std::collections::BTreeSet;

use synod_types::{Fingerprint, Namespace};

/// Namespaces and keys, as required or as given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReferencedAuthorizations {
    /// Namespaces, each of which signs by its own rules.
    pub namespaces: BTreeSet<Namespace>,
    /// Keys that prove that their owner agrees to be listed.
    pub extra_keys: BTreeSet<Fingerprint>,
}

impl ReferencedAuthorizations {
    /// Whether there is neither a namespace nor a key.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.namespaces.is_empty() && self.extra_keys.is_empty()
    }

    /// These and `others`.
    #[must_use]
    pub fn union(mut self, others: Self) -> Self {
        self.namespaces.extend(others.namespaces);
        self.extra_keys.extend(others.extra_keys);
        self
    }
}

/// A rule of who has to sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequiredAuthorization {
    /// All of these.
    All(ReferencedAuthorizations),
    /// Both rules.
    And(Box<RequiredAuthorization>, Box<RequiredAuthorization>),
    /// One of the rules.
    Or(Box<RequiredAuthorization>, Box<RequiredAuthorization>),
}

impl RequiredAuthorization {
    /// All of these namespaces.
    #[must_use]
    pub fn namespaces(namespaces: impl IntoIterator<Item = Namespace>) -> Self {
        Self::with_keys(namespaces, [])
    }

    /// All of these namespaces and keys.
    #[must_use]
    pub fn with_keys(
        namespaces: impl IntoIterator<Item = Namespace>,
        extra_keys: impl IntoIterator<Item = Fingerprint>,
    ) -> Self {
        Self::All(ReferencedAuthorizations {
            namespaces: namespaces.into_iter().collect(),
            extra_keys: extra_keys.into_iter().collect(),
        })
    }

    /// Both rules.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::All(these), Self::All(others)) => Self::All(these.union(others)),
            (this, other) => Self::And(Box::new(this), Box::new(other)),
        }
    }

    /// One of the rules.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self::Or(Box::new(self), Box::new(other))
    }

    /// Everybody whom the rule names: only their signatures count.
    #[must_use]
    pub fn referenced(&self) -> ReferencedAuthorizations {
        match self {
            Self::All(all) => all.clone(),
            Self::And(first, second) | Self::Or(first, second) => first.referenced().union(second.referenced()),
        }
    }

    /// Who is missing. Of alternatives it is the last one that is named. Empty when the rule is fulfilled.
    #[must_use]
    pub fn missing(&self, given: &ReferencedAuthorizations) -> ReferencedAuthorizations {
        match self {
            Self::All(all) => ReferencedAuthorizations {
                namespaces: all.namespaces.difference(&given.namespaces).cloned().collect(),
                extra_keys: all.extra_keys.difference(&given.extra_keys).cloned().collect(),
            },
            Self::And(first, second) => first.missing(given).union(second.missing(given)),
            Self::Or(first, second) => {
                let missing = first.missing(given);
                if missing.is_empty() { missing } else { second.missing(given) }
            }
        }
    }
}
