//! From trees of values to settings, with all mistakes instead of the first one.
//!
//! Reading stops at the first mistake, so it is done again and again: each time the value at fault is taken out of the
//! source that has it, and what stood below it (the other source or the default) takes its place. Every round takes
//! one value out, so there are at most as many rounds as values.

use figment::error::{Actual, Kind};
use figment::providers::Serialized;
use figment::value::{Dict, Value};
use figment::{Figment, Profile, Provider};

use super::errors::{Mistake, Mistakes};
use super::layer::{KeyPath, Layer, Origin, join};
use super::load::Settings;
use super::nearest::nearest;

/// The settings, unless so much is wrong that there are none. `file` and `environment` are left without the values that
/// are wrong.
pub(super) fn extract<T: Settings>(file: &mut Layer, environment: &mut Layer, mistakes: &mut Mistakes) -> Option<T> {
    let defaults = Serialized::defaults(T::default());
    let known = defaults.data().ok().and_then(|mut data| data.remove(&Profile::Default)).unwrap_or_default();
    loop {
        let figment = Figment::from(&defaults).merge(&*file).merge(&*environment);
        let error = match figment.extract::<T>() {
            Ok(settings) => return Some(settings),
            Err(error) => error,
        };
        let path = error.path.clone();
        if wants_text(&error.kind) && environment.take_as_text(&path) {
            continue;
        }
        let origin = origin(file, environment, &path);
        mistakes.push(describe(&error.kind, &path, &known).at(origin));
        if !remove(file, environment, &path) {
            return None;
        }
    }
}

/// The value at `path` is wrong as a whole, or something is missing in it.
fn remove(file: &mut Layer, environment: &mut Layer, path: &[String]) -> bool {
    // An error within an array names an item; the key that can be taken out is that of the array.
    (1..=path.len()).rev().any(|length| {
        let path = &path[..length];
        environment.remove(path) || file.remove(path)
    })
}

/// The environment stands above the file.
pub(super) fn origin(file: &Layer, environment: &Layer, path: &[String]) -> Option<Origin> {
    if environment.contains(path) && !path.is_empty() {
        return environment.origin(path).or_else(|| file.origin(path)).cloned();
    }
    file.origin(path).or_else(|| environment.origin(path)).cloned()
}

/// Whether a text was expected where something else stands.
fn wants_text(kind: &Kind) -> bool {
    match kind {
        Kind::InvalidType(actual, expected) => !matches!(actual, Actual::Str(_)) && expected.contains("string"),
        _ => false,
    }
}

fn describe(kind: &Kind, path: &KeyPath, known: &Dict) -> Mistake {
    let what = match kind {
        Kind::UnknownField(name, expected) => format!("is not a setting; {}", suggestion(name, expected, known)),
        Kind::UnknownVariant(name, expected) => {
            let meant = nearest(name, expected.iter().copied());
            let hint = meant.map(|meant| format!("; did you mean `{meant}`?")).unwrap_or_default();
            format!("has the value `{name}`, which is none of {}{hint}", list(expected))
        }
        Kind::MissingField(name) => {
            let mut path = path.clone();
            path.push(name.to_string());
            return Mistake::new(join(&path), "is missing");
        }
        Kind::InvalidType(actual, expected) | Kind::InvalidValue(actual, expected) => {
            format!("is {}, not {}", found(actual), wanted(expected))
        }
        Kind::InvalidLength(length, expected) => format!("has {length} items, not {}", wanted(expected)),
        Kind::Message(text) => format!("is not valid: {text}"),
        other => format!("is not valid: {other}"),
    };
    Mistake::new(join(path), what)
}

/// What the writer of an unknown key may have meant: a key of the same table, or the same key elsewhere.
fn suggestion(name: &str, expected: &[&str], known: &Dict) -> String {
    if let Some(meant) = nearest(name, expected.iter().copied()) {
        return format!("did you mean `{meant}`?");
    }
    let mut elsewhere = Vec::new();
    keys_named(name, known, &mut Vec::new(), &mut elsewhere);
    match elsewhere.as_slice() {
        [place] => format!("did you mean `{place}`?"),
        _ => format!("there are {}", list(expected)),
    }
}

fn keys_named(name: &str, dict: &Dict, path: &mut KeyPath, found: &mut Vec<String>) {
    for (key, value) in dict {
        path.push(key.clone());
        if key == name && path.len() > 1 {
            found.push(join(path));
        }
        if let Value::Dict(_, dict) = value {
            keys_named(name, dict, path, found);
        }
        path.pop();
    }
}

fn list(names: &[&str]) -> String {
    match names.split_last() {
        None => "none".to_owned(),
        Some((last, [])) => format!("`{last}`"),
        Some((last, rest)) => format!("`{}` and `{last}`", rest.join("`, `")),
    }
}

fn found(actual: &Actual) -> String {
    match actual {
        Actual::Str(text) => format!("the text \"{text}\""),
        Actual::Unsigned(number) => format!("the number {number}"),
        Actual::Signed(number) => format!("the number {number}"),
        Actual::Float(number) => format!("the number {number}"),
        Actual::Bool(truth) => truth.to_string(),
        Actual::Map => "a table".to_owned(),
        Actual::Seq => "a list".to_owned(),
        Actual::Option | Actual::Unit => "nothing".to_owned(),
        other => other.to_string(),
    }
}

fn wanted(expected: &str) -> String {
    match expected {
        "u8" => "a number from 0 to 255".to_owned(),
        "u16" => "a number from 0 to 65535".to_owned(),
        "u32" => "a number from 0 to 4294967295".to_owned(),
        "u64" | "usize" => "a number from 0".to_owned(),
        "i8" | "i16" | "i32" | "i64" | "isize" => "a number".to_owned(),
        "f32" | "f64" => "a number".to_owned(),
        "a boolean" => "true or false".to_owned(),
        "a string" | "path string" | "string" => "a text".to_owned(),
        other => match other.strip_prefix("struct ") {
            Some(_) => "a table".to_owned(),
            None => other.to_owned(),
        },
    }
}
