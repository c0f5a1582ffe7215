//! What processes cost, out of `/proc`.

use std::fs;

/// Ticks of the clock in `/proc/…/stat`: Linux shows 100 a second to user space on all architectures.
const TICKS_PER_SECOND: f64 = 100.0;
/// Places of fields in `/proc/PID/stat`, counted behind the name of the program.
const PARENT: usize = 1;
const OWN_TIMES: [usize; 2] = [11, 12];
const CHILDREN_TIMES: [usize; 2] = [13, 14];

fn stat(pid: &str) -> Option<Vec<String>> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = text.rsplit_once(')')?;
    Some(fields.split_whitespace().map(str::to_owned).collect())
}

fn seconds(stat: &[String], fields: [usize; 2]) -> f64 {
    let ticks = |index: usize| stat.get(index).and_then(|ticks| ticks.parse::<f64>().ok()).unwrap_or(0.0);
    fields.into_iter().map(ticks).sum::<f64>() / TICKS_PER_SECOND
}

/// Seconds of CPU that a process has used.
pub(super) fn cpu_seconds(pid: u32) -> Result<f64, String> {
    let stat = stat(&pid.to_string()).ok_or_else(|| format!("process {pid} is gone"))?;
    Ok(seconds(&stat, OWN_TIMES))
}

/// Seconds of CPU that the children of this process had used when they ended.
pub(super) fn ended_children_cpu_seconds() -> f64 {
    stat("self").map_or(0.0, |stat| seconds(&stat, CHILDREN_TIMES))
}

/// Seconds of CPU that a process and its children have used; children of which it knows the end included.
pub(super) fn family_cpu_seconds(parent: u32) -> f64 {
    let whole =
        stat(&parent.to_string()).map_or(0.0, |stat| seconds(&stat, OWN_TIMES) + seconds(&stat, CHILDREN_TIMES));
    let parent = parent.to_string();
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let children = processes.filter_map(|entry| stat(&entry.file_name().to_string_lossy()));
    whole + children.filter(|stat| stat.get(PARENT) == Some(&parent)).map(|stat| seconds(&stat, OWN_TIMES)).sum::<f64>()
}

/// Most memory that a process had so far, in MiB (`VmHWM`), and what it has now (`VmRSS`).
pub(super) fn memory_mib(pid: u32) -> Result<(f64, f64), String> {
    let file = format!("/proc/{pid}/status");
    let text = fs::read_to_string(&file).map_err(|error| format!("read {file}: {error}"))?;
    let kib = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse::<f64>().ok()
    };
    match (kib("VmHWM:"), kib("VmRSS:")) {
        (Some(peak), Some(now)) => Ok((peak / 1_024.0, now / 1_024.0)),
        _ => Err(format!("{file} does not tell the memory")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_seen() {
        let pid = std::process::id();
        let (peak, now) = memory_mib(pid).expect("it runs");
        assert!(peak >= now && now > 0.5, "{peak} {now}");
        assert!(cpu_seconds(pid).expect("it runs") >= 0.0);
        let parent = std::os::unix::process::parent_id();
        assert!(family_cpu_seconds(parent) >= cpu_seconds(pid).expect("it runs") - 0.02);
        assert!(cpu_seconds(u32::MAX).is_err());
    }
}
