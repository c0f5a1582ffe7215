//! Running other programs.

use std::env;
use std::io::{self, BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use crate::workspace::root;

/// A command that runs in the root folder, without input.
pub(crate) fn command(program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(root()).stdin(Stdio::null());
    command
}

/// The cargo that runs us, in the root folder, without input.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    command(&env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned()), arguments)
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
