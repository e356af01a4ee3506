//! What each coding makes of 100 KiB at each level, what that costs, and for how long it holds the thread: `cargo bench --bench compression`.
//! It prints the tables of `docs/compression.md`. Everything runs as a worker runs it: slices, flushes and encoders that serve again.
//! With `-- FOLDER` it takes the files there in the place of its samples, and prints the means for one of them.

#[path = "samples.rs"]
mod samples;

use std::path::Path;
use std::rc::Rc;
use std::time::Duration;
use std::{fs, io};

use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use rustix::time::{ClockId, clock_gettime};
use tidegate::filter::compress::{Encoder, Flow, Kit, at_once, slice, whole};
use tidegate::http::dictionary::Dictionary;
use tidegate::http::negotiate::Coding;

use self::samples::Kind;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const OCTETS: usize = 100 * 1024;
/// A level is measured for so long, and at least [`LEAST`] times.
const LONG: Duration = Duration::from_millis(150);
const LEAST: usize = 5;

/// The thread's own clock.
fn now() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// What one way makes of a sample.
#[derive(Clone, Copy, Default)]
struct Figures {
    octets: usize,
    micros: f64,
    /// The longest turn, the median of all runs.
    longest: f64,
}

/// Compresses a body in turns, and says how long each took.
fn turns(mut encoder: Encoder, content: &[u8], most: usize) -> (usize, Vec<Duration>) {
    let (mut out, mut took) = (Vec::with_capacity(content.len()), Vec::new());
    let pieces = content.chunks(most).count();
    for (place, piece) in content.chunks(most).enumerate() {
        let begun = now();
        let flow = if place + 1 == pieces { Flow::End } else { Flow::Flush };
        encoder.push(piece, flow, &mut out).expect("compresses");
        took.push(now() - begun);
    }
    (out.len(), took)
}

fn measure(mut run: impl FnMut() -> (usize, Vec<Duration>)) -> Figures {
    run();
    let (begun, mut runs, mut longest) = (now(), 0_u32, Vec::new());
    let mut octets = 0;
    while (runs as usize) < LEAST || now() - begun < LONG {
        let (length, took) = run();
        octets = length;
        longest.push(took.into_iter().max().unwrap_or_default());
        runs += 1;
    }
    let micros = (now() - begun).as_secs_f64() * 1e6 / f64::from(runs);
    longest.sort();
    Figures { octets, micros, longest: longest[longest.len() / 2].as_secs_f64() * 1e6 }
}

/// As a worker does it: in one go where the body is small enough for that, else in slices.
fn once(kit: &Rc<Kit>, coding: Coding, level: u8, content: &[u8]) -> (usize, Vec<Duration>) {
    if content.len() <= at_once(coding, level) {
        let begun = now();
        let octets = whole(kit, coding, level, content).expect("compresses").len();
        return (octets, vec![now() - begun]);
    }
    let encoder = Encoder::new(kit, coding, level, Some(content.len() as u64)).expect("an encoder");
    turns(encoder, content, slice(coding, level))
}

fn plain(kit: &Rc<Kit>, coding: Coding, level: u8, content: &[u8]) -> Figures {
    measure(|| once(kit, coding, level, content))
}

/// The files of a folder at the levels that can be set, one after the other: what the processor has learned of one page helps little with the
/// next, as it is with the pages of a site.
fn files(kit: &Rc<Kit>, folder: &Path) -> io::Result<()> {
    let paths = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    let contents = paths.iter().filter(|path| path.is_file()).map(fs::read).collect::<io::Result<Vec<_>>>()?;
    if contents.is_empty() {
        return Err(io::Error::other("no files"));
    }
    let (count, octets) = (contents.len(), contents.iter().map(Vec::len).sum::<usize>());
    println!(
        "{count} files of {} octets in the mean: octets and CPU us of one, and the longest turn in us:\n",
        octets / count
    );
    println!("| coding | octets | CPU us | longest turn |\n|---|---|---|---|");
    for (coding, levels) in [(Coding::Gzip, 1..=9), (Coding::Zstd, 1..=12), (Coding::Br, 0..=8)] {
        for level in levels {
            let all = measure(|| {
                let (mut octets, mut took) = (0, Vec::new());
                for content in &contents {
                    let (more, turns) = once(kit, coding, level, content);
                    octets += more;
                    took.extend(turns);
                }
                (octets, took)
            });
            let (octets, micros) = (all.octets / count, all.micros / count as f64);
            println!("| {} {level} | {octets} | {micros:.0} | {:.0} |", coding.as_str(), all.longest);
        }
    }
    Ok(())
}

/// gzip as the body comes, without its end in sight.
fn streamed(kit: &Rc<Kit>, level: u8, content: &[u8]) -> Figures {
    measure(|| {
        let mut encoder = Encoder::new(kit, Coding::Gzip, level, None).expect("an encoder");
        let (mut out, mut took) = (Vec::with_capacity(content.len()), Vec::new());
        for piece in content.chunks(slice(Coding::Gzip, level)) {
            let begun = now();
            encoder.push(piece, Flow::More, &mut out).expect("compresses");
            took.push(now() - begun);
        }
        encoder.push(&[], Flow::End, &mut out).expect("compresses");
        (out.len(), took)
    })
}

/// With the version before as the dictionary: of every twenty lines one has changed.
fn with_dictionary(kit: &Rc<Kit>, coding: Coding, level: u8, content: &[u8]) -> Figures {
    let lines = content.split(|octet| *octet == b'\n').enumerate();
    let before: Vec<_> = lines.filter(|(place, _)| place % 20 != 7).map(|(_, line)| line).collect();
    let before = before.join(&b'\n');
    let hash = digest(&SHA256, &before).as_ref().try_into().expect("32 octets");
    let dictionary = Dictionary::new(hash, Bytes::from(before)).expect("a dictionary");
    measure(|| {
        let encoder = match coding {
            Coding::Dcz => Encoder::dcz(kit, level, Some(content.len() as u64), &dictionary),
            _ => Encoder::dcb(kit, level, content, &dictionary),
        };
        turns(encoder.expect("an encoder"), content, slice(coding, level))
    })
}

fn row(name: &str, level: u8, figures: [Figures; 4]) {
    let cells: Vec<_> = figures.iter().map(|one| format!("{} / {:.0}", one.octets, one.micros)).collect();
    let longest = figures.iter().map(|one| one.longest).fold(0.0, f64::max);
    println!("| {name} {level} | {} | {longest:.0} |", cells.join(" | "));
}

fn main() {
    let kit = Kit::new();
    // cargo adds `--bench`.
    if let Some(folder) = std::env::args().skip(1).find(|arg| !arg.starts_with('-')) {
        if let Err(error) = files(&kit, Path::new(&folder)) {
            eprintln!("cannot read {folder}: {error}");
            std::process::exit(1);
        }
        return;
    }
    let samples = Kind::ALL.map(|kind| kind.sample(OCTETS).into_bytes());
    let names = Kind::ALL.map(Kind::name);
    println!("Octets / CPU us of {OCTETS} octets, and the longest turn in us:\n");
    println!("| coding | {} | longest turn |\n|---|---|---|---|---|---|", names.join(" | "));
    let each = |figures: &dyn Fn(&[u8]) -> Figures| std::array::from_fn(|place| figures(&samples[place]));
    for (coding, levels) in [(Coding::Gzip, 1..=9), (Coding::Zstd, 1..=19), (Coding::Br, 0..=11)] {
        for level in levels {
            row(coding.as_str(), level, each(&|content| plain(&kit, coding, level, content)));
        }
    }
    for level in 1..=9 {
        row("gzip as it comes,", level, each(&|content| streamed(&kit, level, content)));
    }
    for (coding, levels) in [(Coding::Dcz, [1, 3, 6, 9]), (Coding::Dcb, [2, 4, 6, 9])] {
        for level in levels {
            row(coding.as_str(), level, each(&|content| with_dictionary(&kit, coding, level, content)));
        }
    }
}
