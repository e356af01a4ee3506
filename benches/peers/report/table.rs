//! For a terminal.

use std::fmt::Write as _;

use super::{Report, Series};
use crate::figure::Figure;
use crate::run::Measured;

impl Report {
    /// As a table: the least CPU time and memory of the rounds, and medians.
    pub(crate) fn table(&self) -> String {
        let mut text = String::new();
        let mut work = "";
        for series in &self.series {
            if series.work.name != work {
                work = series.work.name;
                let _ = writeln!(text, "\n{work}: {}{}", series.work.about, limits(series));
                let _ = writeln!(
                    text,
                    "  {:<10} {:>9} {:>9} {:>9} {:>8} {:>9} {:>9} {:>9} {:>9} {:>9} {:>7}",
                    "",
                    "CPU us/rq",
                    "user",
                    "system",
                    "x nginx",
                    "rq/s",
                    "octets/rq",
                    "p50 ms",
                    "p99 ms",
                    "RSS MiB",
                    "failed"
                );
            }
            self.row(&mut text, series);
        }
        text
    }

    fn row(&self, text: &mut String, series: &Series) {
        let name = series.peer.name();
        if !series.measured() {
            let _ = writeln!(text, "  {name:<10} not measured: {}", series.problem.as_deref().unwrap_or("no round"));
            return;
        }
        let of = |figure: fn(&Measured) -> f64| series.median(figure);
        let [cpu, user, system] = series.cpu();
        let _ = write!(
            text,
            "  {name:<10} {:>9.2} {:>9.2} {:>9.2} {:>8.3} {:>9.0} {:>9.0} {:>9.3} {:>9.3} {:>9.1} {:>7}",
            cpu,
            user,
            system,
            self.ratio(series).unwrap_or(f64::NAN),
            of(Measured::rate),
            of(Measured::octets),
            of(|measured| measured.seen.p50 / 1000.0),
            of(|measured| measured.seen.p99 / 1000.0),
            of(Measured::rss_mib),
            series.failed(),
        );
        if series.work.figure == Figure::Memory {
            let _ = write!(text, "  {:.2} KiB a connection", series.memory());
        }
        if let Some((other, ratio)) = self.beside_itself(series) {
            let _ = write!(text, "  {ratio:.3} of its {other}");
        }
        if let Some(problem) = &series.problem {
            let _ = write!(text, "  a round is missing: {problem}");
        }
        text.push('\n');
    }
}

/// What the ratios are of, where it is not CPU time, and how large they may be.
fn limits(series: &Series) -> String {
    let work = series.work;
    let mut text = String::new();
    if work.figure != Figure::Cpu {
        let _ = write!(text, "; compared: {}", work.figure.name());
    }
    if let Some(target) = work.target {
        let _ = write!(text, "; at most {target:.2} x nginx");
    }
    if let Some((other, target)) = work.beside {
        let _ = write!(text, "; at most {target:.2} x {other}");
    }
    text
}
