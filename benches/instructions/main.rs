//! Instructions that the whole small request takes in user mode: `cargo bench --bench instructions`.
//!
//! The release build runs under `valgrind --tool=callgrind` before an origin of this program, with one connection on which one request
//! follows the other; once with few requests and once with many. The difference of the two totals is what the requests between take,
//! without start and end. It differs by less than one in a hundred from run to run, on a busy machine too: a figure that a change can
//! be held to.
//!
//! ```text
//! cargo bench --bench instructions -- --at-most 30000
//! ```

mod profile;
mod traffic;

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use clap::Parser;
use profile::Profile;
use rustix::process::{Pid, Signal, kill_process};

/// Everything is some fifty times slower than without valgrind.
const PATIENCE: Duration = Duration::from_secs(120);

/// Instructions of a small request through Tidegate.
#[derive(Parser)]
struct Args {
    /// Requests of the two runs; the difference counts
    #[arg(long, value_delimiter = ',', num_args = 1, default_values_t = [1000, 4000])]
    requests: Vec<u32>,
    /// Functions that are shown
    #[arg(long, default_value_t = 25)]
    top: usize,
    /// Fail where a request takes more than this
    #[arg(long)]
    at_most: Option<f64>,
    /// The tidegate binary
    #[arg(long, default_value = env!("CARGO_BIN_EXE_tidegate"))]
    tidegate: PathBuf,
    /// `cargo bench` passes this
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() {
    let args = Args::parse();
    match measure(&args) {
        Ok(each) => {
            print!("{}", each.shown(args.top));
            if let Some(most) = args.at_most.filter(|most| each.total > *most) {
                eprintln!("instructions: {:.0} is more than {most:.0}", each.total);
                std::process::exit(1);
            }
        }
        Err(problem) => {
            eprintln!("instructions: {problem}");
            std::process::exit(1);
        }
    }
}

/// What one request takes.
fn measure(args: &Args) -> Result<Profile, String> {
    let [few, many] = args.requests[..] else { return Err("two numbers of requests, such as 1000,4000".to_owned()) };
    if many <= few {
        return Err("the second number of requests has to be the greater".to_owned());
    }
    let origin = traffic::origin().map_err(|error| format!("the origin: {error}"))?;
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let one = |requests| run(args, folder.path(), origin, requests);
    let (before, after) = (one(few)?, one(many)?);
    Ok(after.minus(&before).divided(f64::from(many - few)))
}

fn run(args: &Args, folder: &Path, origin: SocketAddr, requests: u32) -> Result<Profile, String> {
    let free = || TcpListener::bind("127.0.0.1:0").and_then(|bound| bound.local_addr());
    let address = free().map_err(|error| error.to_string())?;
    let (config, out) = (folder.join("tidegate.toml"), folder.join(format!("callgrind.{requests}")));
    std::fs::write(&config, text(address, origin)).map_err(|error| error.to_string())?;
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--quiet"]).arg(format!("--callgrind-out-file={}", out.display()));
    command.arg(&args.tidegate).arg("run").arg("-c").arg(&config);
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let child = child.map_err(|error| format!("valgrind does not start ({error}): apt-get install valgrind"))?;
    let mut running = Running(child);
    running.wait_for(address)?;
    traffic::requests(address, requests).map_err(|error| format!("a request: {error}"))?;
    running.stop()?;
    let out = std::fs::read_to_string(&out).map_err(|error| format!("what callgrind wrote: {error}"))?;
    Profile::parse(&out).ok_or_else(|| "callgrind wrote no totals".to_owned())
}

/// As in the work `small` of the bench beside other proxies: all defaults, no access log.
fn text(address: SocketAddr, origin: SocketAddr) -> String {
    format!(
        "[server]\nworkers = 1\nwatch = false\ndrain_timeout = \"1s\"\n[log]\naccess = \"off\"\n\
         [listeners.web]\naddress = \"{address}\"\n[upstreams.origin]\nendpoints = [\"{origin}\"]\n\
         [[routes]]\nname = \"all\"\nupstream = \"origin\"\n"
    )
}

/// Ends with this program.
struct Running(Child);

impl Running {
    fn wait_for(&mut self, address: SocketAddr) -> Result<(), String> {
        let end = Instant::now() + PATIENCE;
        while TcpStream::connect(address).is_err() {
            if let Ok(Some(status)) = self.0.try_wait() {
                return Err(format!("tidegate under valgrind ended with {status}"));
            }
            if Instant::now() > end {
                return Err(format!("tidegate under valgrind does not listen on {address}"));
            }
            thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    /// Callgrind writes when the program ends.
    fn stop(&mut self) -> Result<(), String> {
        let pid = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw).ok_or("no process id")?;
        kill_process(pid, Signal::TERM).map_err(|error| error.to_string())?;
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            match self.0.try_wait() {
                Ok(Some(_)) => return Ok(()),
                Ok(None) => thread::sleep(Duration::from_millis(50)),
                Err(error) => return Err(error.to_string()),
            }
        }
        Err("tidegate under valgrind does not end".to_owned())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
