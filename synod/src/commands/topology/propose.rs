//! `synod topology propose`, `synod topology authorize`

use std::io::Read;
use std::path::Path;

use serde_json::Value;
use synod_runtime::Chain;
use synod_topology::Operation;

use crate::cli::{AuthorizeArgs, ProposeArgs};
use crate::commands::change::{self, Wanted};
use crate::commands::failure::Failure;
use crate::commands::{CommandResult, targets};
use crate::render::mapping_from_json;

pub(super) fn propose(arguments: &ProposeArgs) -> CommandResult {
    let ProposeArgs { file, store, serial, remove, signing, target } = arguments;
    let mut wanted = read(file)?;
    wanted.serial = serial.or(wanted.serial);
    if *remove {
        wanted.operation = Operation::Remove;
    }
    targets::run(target, async |deadline| {
        let owners = targets::signers(target, store).await?;
        Ok(change::propose(&owners, store, &wanted, signing, deadline).await?.print(target.json))
    })
}

pub(super) fn authorize(arguments: &AuthorizeArgs) -> CommandResult {
    let AuthorizeArgs { hash, store, signing, target } = arguments;
    targets::run(target, async |deadline| {
        let owners = targets::signers(target, store).await?;
        Ok(change::authorize(&owners, store, hash, signing, deadline).await?.print(target.json))
    })
}

/// What a file asks for.
fn read(file: &Path) -> Result<Wanted, Failure> {
    let text = if file == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map(|_| text)
    } else {
        std::fs::read_to_string(file)
    };
    let text = text.map_err(|error| Failure::file("read", file, &error))?;
    let wrong = |what: String| Failure::usage(format!("{} is no change: {what}", file.display()));
    let json: Value = serde_json::from_str(&text).map_err(|error| wrong(format!("it is no JSON: {error}")))?;
    wanted(json).map_err(wrong)
}

/// A change of this JSON: a transaction as `topology list --json` prints it, a list with just one, or a mapping.
fn wanted(json: Value) -> Result<Wanted, String> {
    let Value::Object(mut object) = json else { return Err("an object was expected".to_owned()) };
    if let Some(listed) = object.remove("transactions") {
        let Value::Array(mut listed) = listed else { return Err("`transactions` is no list".to_owned()) };
        return match listed.len() {
            1 => wanted(listed.remove(0)),
            count => Err(format!("it has {count} transactions, and a change is one")),
        };
    }
    let serial = match object.get("serial") {
        None | Some(Value::Null) => None,
        Some(serial) => {
            let number = serial.as_u64().and_then(|serial| u32::try_from(serial).ok()).filter(|serial| *serial > 0);
            Some(number.ok_or_else(|| format!("the serial {serial} is no number from 1"))?)
        }
    };
    let operation = match object.get("operation").map(Value::as_str) {
        None | Some(Some("replace")) => Operation::Replace,
        Some(Some("remove")) => Operation::Remove,
        Some(_) => return Err("the operation is neither `replace` nor `remove`".to_owned()),
    };
    let mapping = object.remove("mapping").unwrap_or(Value::Object(object));
    let (proto, mapping) = mapping_from_json(mapping).map_err(|error| Chain(&error).to_string())?;
    Ok(Wanted { operation, serial, proto, mapping })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn mapping() -> Value {
        json!({ "party_hosting_limits": {
            "synchronizer_id": format!("net::1220{}", "ab".repeat(32)),
            "party": format!("alice::1220{}", "cd".repeat(32)),
        }})
    }

    #[test]
    fn a_mapping_a_transaction_and_a_list_with_one_are_read() {
        let transaction = json!({ "mapping": mapping(), "serial": 3, "operation": "remove", "hash": "12" });
        for (json, operation, serial) in [
            (mapping(), Operation::Replace, None),
            (json!({ "mapping": mapping() }), Operation::Replace, None),
            (transaction.clone(), Operation::Remove, Some(3)),
            (json!({ "node": "first", "transactions": [transaction] }), Operation::Remove, Some(3)),
        ] {
            let wanted = wanted(json).expect("a change");
            assert_eq!((wanted.operation, wanted.serial), (operation, serial));
            assert_eq!(wanted.mapping.to_proto(), wanted.proto);
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (json, expected) in [
            (json!([]), "an object"),
            (json!({ "transactions": [] }), "0 transactions"),
            (json!({ "mapping": mapping(), "serial": 0 }), "serial"),
            (json!({ "mapping": mapping(), "serial": "1" }), "serial"),
            (json!({ "mapping": mapping(), "operation": "add" }), "operation"),
            (json!({ "mapping": { "no_such_thing": {} } }), "no_such_thing"),
        ] {
            let told = wanted(json).expect_err("wrong");
            assert!(told.contains(expected), "{told}");
        }
    }
}
