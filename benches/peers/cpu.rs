//! What a process tree has used, from `/proc`.

use std::collections::BTreeSet;
use std::fs;
use std::ops::Sub;

/// CPU time of a process tree since its start, microseconds.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct CpuTime {
    /// From the scheduler, which counts in nanoseconds.
    total: f64,
    /// In the program, from the counters of ticks (10 ms).
    user_ticks: f64,
    /// In the kernel on its behalf, likewise.
    system_ticks: f64,
}

impl CpuTime {
    /// Of a process, its descendants and all their threads.
    ///
    /// Children that have ended, as in a reload, are in the ticks of their parent alone.
    pub(crate) fn of_tree(root: u32) -> Self {
        let mut sum = Self::default();
        for process in tree(root) {
            let stat = read(&format!("/proc/{process}/stat"));
            let ended = [16, 17].map(|number| stat_field(&stat, number) * TICK);
            sum.total += ended[0] + ended[1];
            sum.user_ticks += ended[0];
            sum.system_ticks += ended[1];
            for task in numbers(&format!("/proc/{process}/task")) {
                let task = format!("/proc/{process}/task/{task}");
                sum.total += first_number(&read(&format!("{task}/schedstat"))) / 1000.0;
                let stat = read(&format!("{task}/stat"));
                sum.user_ticks += stat_field(&stat, 14) * TICK;
                sum.system_ticks += stat_field(&stat, 15) * TICK;
            }
        }
        sum
    }

    /// In the program and in the kernel.
    pub(crate) fn sum(self) -> f64 {
        self.total
    }

    /// In the program: the part of the sum that the ticks say.
    pub(crate) fn user(self) -> f64 {
        let ticks = self.user_ticks + self.system_ticks;
        // What has not lived for one tick counts as half and half.
        self.total * if ticks > 0.0 { self.user_ticks / ticks } else { 0.5 }
    }

    /// In the kernel.
    pub(crate) fn system(self) -> f64 {
        self.total - self.user()
    }
}

impl Sub for CpuTime {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        Self {
            total: self.total - before.total,
            user_ticks: self.user_ticks - before.user_ticks,
            system_ticks: self.system_ticks - before.system_ticks,
        }
    }
}

/// Microseconds of a tick of the counters in `/proc` (USER_HZ, which is 100 on every architecture that Linux runs on but Alpha).
const TICK: f64 = 10_000.0;

/// The resident memory of the tree now, in KiB.
pub(crate) fn rss_kib(root: u32) -> u64 {
    tree(root).into_iter().map(|process| status_kib(process, "VmRSS:")).sum()
}

/// The most resident memory that each process of the tree ever had, added up, in KiB.
pub(crate) fn peak_rss_kib(root: u32) -> u64 {
    tree(root).into_iter().map(|process| status_kib(process, "VmHWM:")).sum()
}

fn status_kib(process: u32, name: &str) -> u64 {
    let status = read(&format!("/proc/{process}/status"));
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or("0");
    first_number(line.trim()) as u64
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
