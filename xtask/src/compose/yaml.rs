//! YAML as JSON values, as docker-compose reads it: anchors and merge keys resolved, variables put in.

use serde_json::{Map, Value};
use yaml_rust2::{Yaml, YamlLoader};

/// A mapping of this name stands for the keys of others.
const MERGE: &str = "<<";

/// The one document of a text, with the variables as nobody has set any.
pub(super) fn parse(text: &str) -> Result<Value, String> {
    let documents = YamlLoader::load_from_str(text).map_err(|error| error.to_string())?;
    match documents.as_slice() {
        [document] => value(document),
        others => Err(format!("{} documents", others.len())),
    }
}

fn value(yaml: &Yaml) -> Result<Value, String> {
    Ok(match yaml {
        Yaml::Null => Value::Null,
        Yaml::Boolean(value) => Value::from(*value),
        Yaml::Integer(value) => Value::from(*value),
        Yaml::Real(text) => Value::from(text.parse::<f64>().map_err(|error| format!("{text}: {error}"))?),
        Yaml::String(text) => Value::from(defaults(text)?),
        Yaml::Array(items) => Value::Array(items.iter().map(value).collect::<Result<_, _>>()?),
        Yaml::Hash(fields) => {
            let mut own = Map::new();
            let mut merged = Map::new();
            for (key, field) in fields {
                let key = key.as_str().ok_or_else(|| format!("a key is no text: {key:?}"))?;
                match (key, value(field)?) {
                    (MERGE, Value::Object(others)) => merged.extend(others),
                    (MERGE, other) => return Err(format!("merged is no mapping: {other}")),
                    (key, field) => drop(own.insert(key.to_owned(), field)),
                }
            }
            // What a mapping says itself counts more.
            merged.extend(own);
            Value::Object(merged)
        }
        Yaml::Alias(_) | Yaml::BadValue => return Err(format!("not understood: {yaml:?}")),
    })
}

/// Puts the defaults of `${NAME:-default}` in.
fn defaults(text: &str) -> Result<String, String> {
    let mut done = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        done.push_str(before);
        let inner = after.strip_prefix('{').and_then(|after| after.split_once('}'));
        let (variable, behind) = inner.ok_or_else(|| format!("not `${{NAME:-default}}`: {text}"))?;
        let (_, default) = variable.split_once(":-").ok_or_else(|| format!("a variable without a default: {text}"))?;
        done.push_str(default);
        rest = behind;
    }
    Ok(done + rest)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn anchors_merges_and_variables_are_resolved() {
        let text =
            "a: &a\n  x: 1\n  y: [\"${P:-5}\", \"${A:-127.0.0.1}:${B:-2}:3\"]\nb:\n  <<: *a\n  x: two\n  z: no\n";
        let b = json!({ "x": "two", "y": ["5", "127.0.0.1:2:3"], "z": "no" });
        assert_eq!(parse(text).expect("YAML")["b"], b);
    }

    #[test]
    fn what_is_not_understood_is_told() {
        for text in ["a: $B\n", "a: ${B}\n", "a: 1\n---\nb: 2\n", "a: [1\n", "<<: 3\n", "1: 2\n"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
