//! Watches memory and time for the process, and says how hard it is.

use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::config::model::{MemoryLimit, Server};
use crate::observe::log;
use crate::observe::metrics::Process;
use crate::proxy::Worker;
use crate::snapshot::{Cell, Lateness, Pressure};

/// How often a worker looks how late it is.
const LOOK: Duration = Duration::from_millis(50);

/// Tells a worker how late it is: what wakes it, it hears of only when all that came before is done.
pub(super) async fn keep_time(worker: Rc<Worker>) {
    let mut lateness = Lateness::default();
    loop {
        let due = Instant::now() + LOOK;
        tokio::time::sleep_until(due.into()).await;
        let (now, before) = (Instant::now(), worker.delay_pressure());
        let most = worker.world().snapshot.model.server.max_delay;
        let level = lateness.observe(now.saturating_duration_since(due), most, now);
        worker.set_delay_pressure(level);
        say("processor", before, level);
    }
}

/// Looks at the memory of the process.
#[derive(Debug)]
pub(super) struct MemoryWatch {
    /// What the cgroup leaves, where it says.
    cgroup: Option<u64>,
}

impl MemoryWatch {
    /// Reads the cgroup's limit, which stays.
    pub(super) fn new() -> Self {
        Self { cgroup: cgroup_limit(Path::new("/sys/fs/cgroup"), &read("/proc/self/cgroup")) }
    }

    /// What the process may take, in octets: by the config, or by the cgroup.
    pub(super) fn limit(&self, server: &Server) -> Option<u64> {
        match server.max_memory {
            MemoryLimit::Auto => self.cgroup,
            MemoryLimit::Off => None,
            MemoryLimit::Octets(octets) => Some(octets),
        }
    }

    /// How hard it is by the memory, for all workers.
    pub(super) fn look(&self, cell: &Cell) {
        let limit = self.limit(&cell.load().model.server);
        let before = cell.memory_pressure();
        let level = match (limit, Process::resident()) {
            (Some(limit @ 1..), Some(resident)) => Pressure::of_memory(resident as f64 / limit as f64, before),
            _ => Pressure::Calm,
        };
        cell.set_memory_pressure(level);
        say("memory", before, level);
    }
}

fn say(cause: &str, before: Pressure, level: Pressure) {
    let fields = [("cause", cause.into()), ("level", level.label().into())];
    match level.cmp(&before) {
        std::cmp::Ordering::Greater => log::warn("overloaded: some new work is refused", &fields),
        std::cmp::Ordering::Less => log::note("less overloaded", &fields),
        std::cmp::Ordering::Equal => {}
    }
}

/// The least that the process's cgroup and those around it allow; both versions of the kernel's interface.
fn cgroup_limit(root: &Path, own: &str) -> Option<u64> {
    let mut least = None;
    let mut take = |path: &Path| {
        // "max", or in version 1 a number near 2^63, is no limit.
        let limit = std::fs::read_to_string(path).ok().and_then(|text| text.trim().parse::<u64>().ok());
        let limit = limit.filter(|limit| *limit < 1 << 60);
        least = match (least, limit) {
            (Some(one), Some(other)) => Some(u64::min(one, other)),
            (one, other) => one.or(other),
        };
    };
    let paths = own.lines().filter_map(|line| {
        let mut parts = line.splitn(3, ':').skip(1);
        Some((parts.next()?, parts.next()?.trim_start_matches('/')))
    });
    for (controllers, path) in paths {
        let (root, file) = match controllers {
            "" => (root.to_owned(), "memory.max"),
            "memory" => (root.join("memory"), "memory.limit_in_bytes"),
            _ => continue,
        };
        let own = root.join(path);
        own.ancestors().take_while(|folder| folder.starts_with(&root)).for_each(|folder| take(&folder.join(file)));
    }
    least
}

fn read(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_limit_of_all_cgroups_around_counts() {
        let root = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write("memory.max", "max\n");
        write("pod/memory.max", "1000\n");
        write("pod/box/memory.max", "5000\n");
        write("memory/memory.limit_in_bytes", "9223372036854771712\n");
        write("memory/old/memory.limit_in_bytes", "700\n");
        let limit = |own: &str| cgroup_limit(root.path(), own);
        assert_eq!(limit("0::/pod/box\n"), Some(1000));
        assert_eq!(limit("0::/\n"), None);
        assert_eq!(limit("5:cpu:/pod\n3:memory:/old\n0::/\n"), Some(700));
        assert_eq!(limit("3:memory:/\n"), None);
        assert_eq!(limit(""), None);
    }
}
