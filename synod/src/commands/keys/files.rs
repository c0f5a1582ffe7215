//! `synod keys export`, `synod keys import`

use std::path::Path;
use std::process::ExitCode;

use bytes::Bytes;
use prost::Message;
use serde_json::json;
use synod_runtime::Chain;
use synod_runtime::settings::{Secret, SecretFile};
use synod_topology::mapping::PublicKey;
use synod_wire::versioned;

use crate::cli::{KeysExportArgs, KeysImportArgs};
use crate::commands::failure::Failure;
use crate::commands::targets::Target;
use crate::commands::{CommandResult, targets};

/// Of the messages that hold a public key.
const PUBLIC_KEY_VERSION: i32 = 30;

pub(super) fn export(arguments: &KeysExportArgs) -> CommandResult {
    let KeysExportArgs { key, file, private, password_file, target } = arguments;
    let password = password(password_file.as_deref())?;
    targets::run(target, async |_| {
        let at = targets::one(target).await?;
        let exported = if *private {
            at.node.export_key_pair(key, password.as_ref().map(|password| password.expose().as_str())).await?
        } else {
            public_key(&at, arguments).await?
        };
        write(file, &exported, *private).map_err(|error| Failure::file("written", file, &error))?;
        if target.json {
            println!("{}", json!({ "fingerprint": key.to_string(), "file": file, "private": private }));
        } else {
            let what = if *private { "key pair" } else { "public key" };
            println!("the {what} {key} is in {}", file.display());
        }
        Ok(ExitCode::SUCCESS)
    })
}

/// A public key as the Console writes it (`keys.public.download_to`).
async fn public_key(at: &Target, arguments: &KeysExportArgs) -> Result<Bytes, Failure> {
    let known = at.node.known_keys().await?;
    let found = known.iter().find(|known| *known.key.fingerprint() == arguments.key);
    let found = found.ok_or_else(|| {
        let text = format!("{} has no key {}", at.node.name, arguments.key);
        Failure::negative(text).help("`synod keys list --all` shows those that it has")
    })?;
    let bytes = match &found.key {
        PublicKey::Signing(key) => key.to_proto().encode_to_vec(),
        PublicKey::Encryption(key) => key.to_proto().encode_to_vec(),
    };
    Ok(versioned::wrap(PUBLIC_KEY_VERSION, &bytes))
}

pub(super) fn import(arguments: &KeysImportArgs) -> CommandResult {
    let KeysImportArgs { file, private, name, password_file, target } = arguments;
    let password = password(password_file.as_deref())?;
    let key = Bytes::from(std::fs::read(file).map_err(|error| Failure::file("read", file, &error))?);
    targets::run(target, async |_| {
        let at = targets::one(target).await?;
        let fingerprint = if *private {
            let password = password.as_ref().map(|password| password.expose().as_str());
            at.node.import_key_pair(key.clone(), name, password).await?;
            None
        } else {
            Some(at.node.import_public_key(key.clone(), name).await?)
        };
        if target.json {
            println!("{}", json!({ "node": at.node.name, "fingerprint": fingerprint, "private": private }));
        } else {
            let what = fingerprint.map_or_else(|| "the key pair".to_owned(), |found| format!("the public key {found}"));
            println!("{what} of {} is at {}", file.display(), at.node.name);
        }
        Ok(ExitCode::SUCCESS)
    })
}

fn password(file: Option<&Path>) -> Result<Option<Secret<String>>, Failure> {
    let Some(file) = file else { return Ok(None) };
    let read = SecretFile(file.to_owned()).read();
    read.map(Some).map_err(|error| Failure::usage(format!("the password: {}", Chain(&error))))
}

/// Private keys are for the owner of the file alone.
fn write(file: &Path, bytes: &[u8], private: bool) -> std::io::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    if !private {
        return std::fs::write(file, bytes);
    }
    // A file that is there keeps its permissions, which may be anybody's: it has to be a new one.
    let mut file = std::fs::File::options().write(true).create_new(true).mode(0o600).open(file)?;
    file.write_all(bytes)
}
