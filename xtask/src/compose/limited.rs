//! Programs that may take only so long.

use std::io::Read;
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Between two looks at what gives no sign by itself.
pub(super) const PAUSE: Duration = Duration::from_millis(50);

/// Runs a program to its end; what it printed. `Err` when it cannot be run, or does not end in time.
pub(super) fn output(command: &mut Command, limit: Duration) -> Result<Output, String> {
    let name = format!("{command:?}");
    let context = |error: std::io::Error| format!("{name}: {error}");
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().map_err(context)?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let (stdout, stderr) = (thread::spawn(|| read(stdout)), thread::spawn(|| read(stderr)));
    let status = until(limit, || child.try_wait().ok().flatten());
    let Some(status) = status else {
        // It may have ended just now.
        let _ = child.kill();
        let _ = child.wait();
        return Err(format!("{name} did not end within {limit:?}"));
    };
    let (stdout, stderr) = (stdout.join().unwrap_or_default(), stderr.join().unwrap_or_default());
    Ok(Output { status, stdout, stderr })
}

/// Runs a program to its end; what it printed, when it has succeeded.
pub(super) fn text(command: &mut Command, limit: Duration) -> Result<String, String> {
    let done = output(command, limit)?;
    let out = String::from_utf8_lossy(&done.stdout).trim_end().to_owned();
    if done.status.success() {
        return Ok(out);
    }
    let err = String::from_utf8_lossy(&done.stderr);
    Err(format!("{command:?} ended with {}:\n{out}\n{}", done.status, err.trim_end()))
}

/// Looks again and again until there is something to see; `None` when there is nothing in time.
pub(super) fn until<T>(limit: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(seen) = look() {
            return Some(seen);
        }
        if Instant::now() > deadline {
            return None;
        }
        thread::sleep(PAUSE);
    }
}

fn read(stream: Option<impl Read>) -> Vec<u8> {
    let mut bytes = Vec::new();
    // What could be read counts.
    let _ = stream.map(|mut stream| stream.read_to_end(&mut bytes));
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_and_end_are_told() {
        let limit = Duration::from_secs(10);
        assert_eq!(text(Command::new("echo").arg("a"), limit).as_deref(), Ok("a"));
        let failed = text(Command::new("sh").args(["-c", "echo why >&2; exit 3"]), limit).expect_err("it fails");
        assert!(failed.contains("why") && failed.contains('3'), "{failed}");
        assert!(text(&mut Command::new("/no/such/program"), limit).is_err());
        let slow = text(Command::new("sleep").arg("60"), Duration::from_millis(100)).expect_err("too slow");
        assert!(slow.contains("within"), "{slow}");
    }
}
