//! Errors with their causes, in one line.

use std::error::Error;
use std::fmt;

/// Displays an error and what caused it: `a: b: c`. Our errors never repeat their source in their own text, so each
/// cause stands there once; a foreign error that does repeat it is not repeated again.
#[derive(Debug, Clone, Copy)]
pub struct Chain<'a>(pub &'a (dyn Error + 'static));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut last = self.0.to_string();
        f.write_str(&last)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            let text = error.to_string();
            if !last.ends_with(&text) {
                write!(f, ": {text}")?;
            }
            last = text;
            cause = error.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use thiserror::Error;

    use super::*;

    #[derive(Debug, Error)]
    #[error("{text}")]
    struct Layer {
        text: &'static str,
        source: Option<Box<Layer>>,
    }

    fn layers(texts: &[&'static str]) -> Layer {
        let (first, rest) = texts.split_first().unwrap();
        Layer { text: first, source: (!rest.is_empty()).then(|| Box::new(layers(rest))) }
    }

    #[test]
    fn each_cause_stands_there_once() {
        assert_eq!(
            Chain(&layers(&["start node", "open store", "disk is full"])).to_string(),
            "start node: open store: disk is full"
        );
        assert_eq!(
            Chain(&layers(&["start node: disk is full", "disk is full"])).to_string(),
            "start node: disk is full"
        );
        assert_eq!(Chain(&layers(&["alone"])).to_string(), "alone");
    }
}
