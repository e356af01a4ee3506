//! The program under attack.

use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::machine;

/// A running release build.
pub struct Edge {
    /// The listener in clear text.
    pub plain: SocketAddr,
    /// The one under TLS.
    pub tls: SocketAddr,
    child: Child,
    folder: PathBuf,
}

impl Edge {
    /// All defaults, one worker; what an attack needs to be bounded at all on one machine is not among them.
    pub fn start(program: &Path, core: usize, [good, attacked]: [SocketAddr; 2]) -> Self {
        let [plain, tls] = [free_address(), free_address()];
        let folder = std::env::temp_dir().join(format!("tidegate-attacks-{}-{}", std::process::id(), plain.port()));
        std::fs::create_dir_all(&folder).unwrap();
        let config = folder.join("tidegate.toml");
        let text = format!(
            "[server]\nworkers = 1\nwatch = false\n[log]\naccess = \"off\"\n[listeners.plain]\naddress = \"{plain}\"\n\
             [listeners.tls]\naddress = \"{tls}\"\ntls.self_signed = [\"localhost\"]\n\
             [upstreams.good]\nendpoints = [\"{good}\"]\n[upstreams.attacked]\nendpoints = [\"{attacked}\"]\n\
             [[routes]]\npath = \"/good\"\nupstream = \"good\"\n[[routes]]\nupstream = \"attacked\"\n"
        );
        std::fs::write(&config, text).unwrap();
        let mut command = machine::proxy(core, program);
        command.arg("run").arg("-c").arg(&config);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let log = child.stderr.take().unwrap();
        // A full pipe would hold the program up.
        std::thread::spawn(move || BufReader::new(log).lines().for_each(drop));
        let edge = Self { plain, tls, child, folder };
        wait_for(&[plain, tls]);
        edge
    }

    /// Resident memory, KiB.
    pub fn resident_kib(&self) -> u64 {
        self.status("VmRSS:")
    }

    /// The most that there was of it since it was forgotten.
    pub fn peak_kib(&self) -> u64 {
        self.status("VmHWM:")
    }

    /// Forgets the peak (proc_pid_clear_refs(5)).
    pub fn forget_peak(&self) {
        std::fs::write(format!("/proc/{}/clear_refs", self.child.id()), "5").unwrap();
    }

    fn status(&self, name: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }
}

/// Waits until these addresses take connections.
pub fn wait_for(addresses: &[SocketAddr]) {
    let end = Instant::now() + Duration::from_secs(10);
    while !addresses.iter().all(|address| TcpStream::connect(address).is_ok()) {
        assert!(Instant::now() < end, "nobody listens");
        std::thread::sleep(Duration::from_millis(10));
    }
}

impl Drop for Edge {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// A port that was free a moment ago.
pub fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).unwrap()
}
