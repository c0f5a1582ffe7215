//! Changes of single values in test data, for the self-tests of the gates.

use serde_json::Value;

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Field(String),
    Item(usize),
}

/// The place of one text, number or boolean inside a JSON value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Leaf(Vec<Step>);

impl Leaf {
    /// The place without the positions in lists: `rows[].hash`.
    pub(crate) fn field(&self) -> String {
        let mut field = String::new();
        for step in &self.0 {
            match step {
                Step::Field(name) if field.is_empty() => field.push_str(name),
                Step::Field(name) => {
                    field.push('.');
                    field.push_str(name);
                }
                Step::Item(_) => field.push_str("[]"),
            }
        }
        field
    }

    /// Whether the leaf is in the first half of the outermost list that it is in: so a change is tried at the beginning
    /// and at the end of long lists.
    pub(crate) fn half(&self, value: &Value) -> bool {
        let mut at = value;
        for step in &self.0 {
            match (step, at) {
                (Step::Field(name), value) => at = &value[name.as_str()],
                (Step::Item(index), Value::Array(items)) => return *index < items.len().div_ceil(2),
                (Step::Item(_), _) => return true,
            }
        }
        true
    }
}

/// All leaves of a value, in order. `null` and empty lists have none.
pub(crate) fn leaves(value: &Value) -> Vec<Leaf> {
    let mut found = Vec::new();
    collect(value, &mut Vec::new(), &mut found);
    found
}

fn collect(value: &Value, path: &mut Vec<Step>, found: &mut Vec<Leaf>) {
    match value {
        Value::Null => {}
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                path.push(Step::Item(index));
                collect(item, path, found);
                path.pop();
            }
        }
        Value::Object(fields) => {
            for (name, field) in fields {
                path.push(Step::Field(name.clone()));
                collect(field, path, found);
                path.pop();
            }
        }
        Value::Bool(_) | Value::Number(_) | Value::String(_) => found.push(Leaf(path.clone())),
    }
}

/// How many different changes [`mutate`] makes of one leaf; it repeats itself where there are fewer.
pub(crate) const VARIANTS: usize = 3;

/// A copy of the value in which this leaf is another one of its kind: one digit, one letter, one more, the opposite.
pub(crate) fn mutate(value: &Value, leaf: &Leaf, variant: usize) -> Value {
    let mut changed = value.clone();
    let mut at = &mut changed;
    for step in &leaf.0 {
        at = match step {
            Step::Field(name) => &mut at[name.as_str()],
            Step::Item(index) => &mut at[*index],
        };
    }
    *at = match &*at {
        Value::Bool(value) => Value::Bool(!value),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => Value::from(if whole == i64::MAX { whole - 1 } else { whole + 1 }),
            (None, Some(float)) => Value::from(float + 1.0),
            (None, None) => Value::from(0),
        },
        Value::String(text) => Value::from(other_text(text, variant)),
        other => other.clone(),
    };
    changed
}

/// Changes one letter or digit: in the middle, the last, or the first one.
fn other_text(text: &str, variant: usize) -> String {
    let start = if text.starts_with("\\x") { 2 } else { 0 };
    let places: Vec<usize> =
        (start..text.len()).filter(|place| text.as_bytes()[*place].is_ascii_alphanumeric()).collect();
    let place = match variant {
        0 => places.get(places.len() / 2),
        1 => places.last(),
        _ => places.first(),
    };
    let Some(&place) = place else {
        return format!("{text}00");
    };
    let new = match text.as_bytes()[place] {
        b'9' => '8',
        b'f' | b'F' => 'e',
        b'z' | b'Z' => 'y',
        other => char::from(other + 1),
    };
    format!("{}{new}{}", &text[..place], &text[place + 1..])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_leaf_is_changed_alone() {
        let value = json!({ "a": [{ "b": "00ff00ff" }, { "b": "x" }], "c": 3, "d": true, "e": null, "f": "" });
        let found = leaves(&value);
        let fields: Vec<String> = found.iter().map(Leaf::field).collect();
        assert_eq!(fields, ["a[].b", "a[].b", "c", "d", "f"]);
        let changed: Vec<Value> = found.iter().map(|leaf| mutate(&value, leaf, 0)).collect();
        assert_eq!(changed[0]["a"][0]["b"], "00ff10ff");
        assert_eq!(changed[1]["a"][1]["b"], "y");
        assert_eq!(changed[2]["c"], 4);
        assert_eq!(changed[3]["d"], false);
        assert_eq!(changed[4]["f"], "00");
        assert!(found[0].half(&value) && !found[1].half(&value));
    }
}
