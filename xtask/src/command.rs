//! Running other programs.

use std::env;
use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use crate::workspace::root;

/// A command that runs in the root folder, without input.
pub(crate) fn command(program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(root()).stdin(Stdio::null());
    command
}

/// The toolchain of `rust-toolchain.toml`, when rustup has it.
///
/// Named in each call, because the environment may name another one (`RUSTUP_TOOLCHAIN` of an outer cargo, `cargo +…`),
/// and that would have precedence over the file.
static PINNED: LazyLock<Option<String>> = LazyLock::new(|| {
    let channel = channel(&fs::read_to_string(root().join("rust-toolchain.toml")).ok()?)?;
    let asked = command("rustup", &["run", &channel, "cargo", "--version"]).output().ok()?;
    asked.status.success().then_some(channel)
});

/// The channel that a `rust-toolchain.toml` names.
fn channel(text: &str) -> Option<String> {
    let file: toml::Table = text.parse().ok()?;
    Some(file.get("toolchain")?.get("channel")?.as_str()?.to_owned())
}

/// The cargo of the pinned toolchain, in the root folder, without input. A machine without rustup, or without that
/// toolchain, uses the cargo that runs us; `.ci/run` says so.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut cargo = match &*PINNED {
        Some(channel) => command("rustup", &["run", channel, "cargo"]),
        None => command(&env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned()), &[]),
    };
    // An inner cargo would take it for its own name.
    cargo.args(arguments).env_remove("CARGO");
    cargo
}

/// Runs a command with its output on ours; `Err` tells why it did not succeed.
pub(crate) fn run(command: &mut Command) -> Result<(), String> {
    let status = command.status().map_err(|error| format!("run {}: {error}", describe(command)))?;
    if status.success() { Ok(()) } else { Err(format!("{} ended with {status}", describe(command))) }
}

/// Runs a command, passes the lines of its standard output on, and shows each to `look`.
pub(crate) fn run_watched(command: &mut Command, mut look: impl FnMut(&str)) -> Result<(), String> {
    let context = |error: io::Error, command: &Command| format!("run {}: {error}", describe(command));
    let mut child = command.stdout(Stdio::piped()).spawn().map_err(|error| context(error, command))?;
    let output = child.stdout.take().ok_or_else(|| format!("{} has no output", describe(command)))?;
    for line in BufReader::new(output).split(b'\n') {
        let line = line.map_err(|error| context(error, command))?;
        let text = String::from_utf8_lossy(&line);
        look(&text);
        // Whoever reads our output may have gone; the result counts all the same.
        let _ = writeln!(io::stdout(), "{text}");
    }
    let status = child.wait().map_err(|error| context(error, command))?;
    if status.success() { Ok(()) } else { Err(format!("{} ended with {status}", describe(command))) }
}

fn describe(command: &Command) -> String {
    let mut text = command.get_program().to_string_lossy().into_owned();
    for argument in command.get_args() {
        text.push(' ');
        text.push_str(&argument.to_string_lossy());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_toolchain_of_the_file_is_used() {
        assert_eq!(channel("[toolchain]\nchannel = \"1.2.3\"\n").as_deref(), Some("1.2.3"));
        assert_eq!(channel("[toolchain]\n"), None);
        let shown = describe(&cargo(&["fmt", "--check"]));
        match &*PINNED {
            Some(pinned) => assert_eq!(shown, format!("rustup run {pinned} cargo fmt --check")),
            None => assert!(shown.ends_with("cargo fmt --check"), "{shown}"),
        }
    }
}
