//! What the `Dockerfile` gives to every container.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// What an image brings.
#[derive(Debug, Default)]
pub(super) struct Image {
    pub(super) environment: BTreeMap<String, String>,
    pub(super) entrypoint: Vec<String>,
    /// Images that it stands on: the names of arguments and their values.
    pub(super) arguments: BTreeMap<String, String>,
    /// Who runs in it.
    pub(super) user: String,
    /// The command of `HEALTHCHECK`.
    pub(super) health: Vec<String>,
}

impl Image {
    pub(super) fn load(path: &Path) -> Result<Self, String> {
        let text = fs::read_to_string(path).map_err(|error| format!("read {}: {error}", path.display()))?;
        Self::parse(&text).map_err(|reason| format!("{}: {reason}", path.display()))
    }

    /// Of the first stage, which the others add a file to, and the arguments before it.
    fn parse(text: &str) -> Result<Self, String> {
        let mut image = Self::default();
        let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
        let text = lines.join("\n").replace("\\\n", " ");
        let mut stages = 0;
        for line in text.lines() {
            let (instruction, rest) = line.trim().split_once(' ').unwrap_or_default();
            match instruction {
                "FROM" => stages += 1,
                "ARG" => {
                    let (name, value) = rest.split_once('=').unwrap_or((rest, ""));
                    image.arguments.insert(name.to_owned(), value.to_owned());
                }
                _ if stages != 1 => {}
                "ENV" => {
                    for pair in rest.split_whitespace() {
                        let (name, value) = pair.split_once('=').ok_or_else(|| format!("not NAME=VALUE: {pair}"))?;
                        image.environment.insert(name.to_owned(), value.to_owned());
                    }
                }
                "ENTRYPOINT" => image.entrypoint = list(rest)?,
                "USER" => rest.clone_into(&mut image.user),
                "HEALTHCHECK" => {
                    let (_, command) = rest.split_once("CMD ").ok_or("a health check without a command")?;
                    image.health = list(command)?;
                }
                _ => {}
            }
        }
        Ok(image)
    }
}

fn list(text: &str) -> Result<Vec<String>, String> {
    serde_json::from_str(text).map_err(|error| format!("no list: {text}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_stage_is_read() {
        let text = "# x\nARG A=a:1\nFROM ${A} AS base\nENV B=1 \\\n    C=2\nUSER 3:3\nENTRYPOINT [\"e\"]\n\
                    HEALTHCHECK --timeout=1s CMD [\"h\", \"u\"]\nFROM base\nENV B=3\n";
        let image = Image::parse(text).expect("a Dockerfile");
        assert_eq!((image.environment["B"].as_str(), image.environment["C"].as_str()), ("1", "2"));
        assert_eq!((image.arguments["A"].as_str(), image.user.as_str()), ("a:1", "3:3"));
        assert_eq!((image.entrypoint, image.health), (vec!["e".to_owned()], vec!["h".to_owned(), "u".to_owned()]));
    }
}
