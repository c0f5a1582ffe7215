//! The Canton release that our nodes speak.

/// What a node reports as its version: the Canton release whose behaviour it has. The Console refuses to read a status
/// without a parseable version, and chooses its calls by it (chapter 05 §1.3).
pub const RELEASE_VERSION: &str = "3.5.10";
