//! What the kernel says of the process, read when somebody asks.

use std::fs;

/// Read at a scrape; `None` where `/proc` does not say.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Process {
    /// Open file descriptors.
    pub open_files: Option<u64>,
    /// Limit of open file descriptors (`RLIMIT_NOFILE`, soft).
    pub max_files: Option<u64>,
    /// Resident memory, octets.
    pub resident_bytes: Option<u64>,
    /// Processor time in user and kernel mode since the start, milliseconds.
    pub cpu_millis: Option<u64>,
    /// Threads.
    pub threads: Option<u64>,
}

impl Process {
    /// Reads `/proc/self`.
    pub fn read() -> Self {
        let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
        let statm = fs::read_to_string("/proc/self/statm").unwrap_or_default();
        let page = rustix::param::page_size() as u64;
        // One entry is the directory that is being read.
        let open = fs::read_dir("/proc/self/fd").ok().map(|entries| (entries.count() as u64).saturating_sub(1));
        Self {
            open_files: open,
            max_files: rustix::process::getrlimit(rustix::process::Resource::Nofile).current,
            resident_bytes: field(&statm, 1).map(|pages| pages * page),
            cpu_millis: cpu_ticks(&stat).map(|ticks| ticks * 1000 / rustix::param::clock_ticks_per_second().max(1)),
            threads: after_name(&stat).and_then(|rest| field(rest, 17)),
        }
    }
}

impl Process {
    /// Resident memory alone, octets: cheap enough to be asked for all the time.
    pub fn resident() -> Option<u64> {
        let statm = fs::read_to_string("/proc/self/statm").ok()?;
        field(&statm, 1).map(|pages| pages * rustix::param::page_size() as u64)
    }
}

fn field(text: &str, index: usize) -> Option<u64> {
    text.split_ascii_whitespace().nth(index)?.parse().ok()
}

/// What follows the name of the program, which may hold spaces and brackets; the first word is the state.
fn after_name(stat: &str) -> Option<&str> {
    Some(&stat[stat.rfind(')')? + 1..])
}

fn cpu_ticks(stat: &str) -> Option<u64> {
    let rest = after_name(stat)?;
    Some(field(rest, 11)? + field(rest, 12)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_proc_with_a_hostile_name() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194304 100 0 0 0 21 34 0 0 20 0 5 0 100 1000 50";
        assert_eq!(cpu_ticks(stat), Some(55));
        assert_eq!(after_name(stat).and_then(|rest| field(rest, 17)), Some(5));
        assert_eq!(cpu_ticks("nonsense"), None);
    }

    #[test]
    fn this_process_is_read() {
        let process = Process::read();
        assert!(process.open_files.is_some_and(|open| open >= 3));
        assert!(process.resident_bytes.is_some_and(|bytes| bytes > 100_000));
        assert!(process.max_files.is_some_and(|max| max > 0));
        assert!(process.cpu_millis.is_some());
        assert!(process.threads.is_some_and(|threads| threads >= 1));
    }
}
