//! What a process tree has used, from `/proc`.

use std::collections::BTreeSet;
use std::fs;
use std::ops::Sub;

/// CPU time of a process tree since its start.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct CpuTime {
    /// In the program, microseconds.
    pub(crate) user: f64,
    /// In the kernel on its behalf, microseconds.
    pub(crate) system: f64,
}

impl CpuTime {
    /// Of a process, its descendants and all their threads.
    ///
    /// The sum comes from the scheduler (nanoseconds); how it splits comes from the tick counters (10 ms).
    pub(crate) fn of_tree(root: u32) -> Self {
        let mut total = 0.0;
        let (mut user, mut system) = (0.0, 0.0);
        for process in tree(root) {
            for task in numbers(&format!("/proc/{process}/task")) {
                let task = format!("/proc/{process}/task/{task}");
                total += first_number(&read(&format!("{task}/schedstat"))) / 1000.0;
                let stat = read(&format!("{task}/stat"));
                user += stat_field(&stat, 14);
                system += stat_field(&stat, 15);
            }
        }
        Self { user, system }.scaled_to(total)
    }

    /// Both.
    pub(crate) fn sum(self) -> f64 {
        self.user + self.system
    }

    fn scaled_to(self, total: f64) -> Self {
        // A process that has not lived for one tick counts as half and half.
        let share = if self.sum() > 0.0 { self.user / self.sum() } else { 0.5 };
        Self { user: total * share, system: total * (1.0 - share) }
    }
}

impl Sub for CpuTime {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        Self { user: self.user - before.user, system: self.system - before.system }
    }
}

/// The most resident memory that each process of the tree ever had, added up, in KiB.
pub(crate) fn peak_rss_kib(root: u32) -> u64 {
    let peak = |process: u32| {
        let status = read(&format!("/proc/{process}/status"));
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("0");
        first_number(line.trim()) as u64
    };
    tree(root).into_iter().map(peak).sum()
}

/// A process and its descendants.
pub(crate) fn tree(root: u32) -> BTreeSet<u32> {
    let parents: Vec<(u32, u32)> = numbers("/proc")
        .into_iter()
        .map(|process| (process, stat_field(&read(&format!("/proc/{process}/stat")), 4) as u32))
        .collect();
    let mut found = BTreeSet::from([root]);
    loop {
        let before = found.len();
        found.extend(
            parents
                .iter()
                .filter(|(_, parent)| found.contains(parent))
                .map(|(process, _)| *process)
                .collect::<Vec<_>>(),
        );
        if found.len() == before {
            return found;
        }
    }
}

/// The names in a folder that are numbers.
fn numbers(folder: &str) -> Vec<u32> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

/// A file, or nothing where the process has gone in the meantime.
fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

/// A field of `/proc/PID/stat` by its number in proc(5). The second, the name, may hold blanks and ends with the last `)`.
fn stat_field(stat: &str, number: usize) -> f64 {
    let rest = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    rest.split_whitespace().nth(number - 3).and_then(|field| field.parse().ok()).unwrap_or(0.0)
}

fn first_number(text: &str) -> f64 {
    text.split_whitespace().next().and_then(|word| word.parse().ok()).unwrap_or(0.0)
}
