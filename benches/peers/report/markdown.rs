//! Tables for the documents.

use std::fmt::Write as _;

use super::{Report, Series};
use crate::args::Args;
use crate::figure::Figure;
use crate::peer::Peer;
use crate::run::Measured;

const BEGIN: &str = "<!-- table -->\n";
const END: &str = "<!-- /table -->";

/// A page with other tables between its marks; nothing but the tables where it has no marks.
pub(crate) fn placed(page: &str, tables: &str) -> String {
    let Some((before, rest)) = page.split_once(BEGIN) else { return tables.to_owned() };
    let Some((_, after)) = rest.split_once(END) else { return tables.to_owned() };
    format!("{before}{BEGIN}\n{tables}\n{END}{after}")
}

impl Report {
    /// The ratios, works down and peers across; what they are made of; and the machine.
    pub(crate) fn markdown(&self, args: &Args) -> String {
        let mut text = self.machine_markdown();
        if let (Some(svg), Some(page)) = (&args.svg, &args.markdown) {
            // Beside the page, or as it was given.
            let beside = page.parent().and_then(|folder| svg.strip_prefix(folder).ok()).unwrap_or(svg);
            let _ = writeln!(text, "![What a request costs, as a ratio to nginx]({})\n", beside.display());
        }
        self.ratios(&mut text);
        self.itself(&mut text);
        self.figures(&mut text);
        text.trim_end().to_owned() + "\n"
    }

    fn machine_markdown(&self) -> String {
        let machine = &self.machine;
        let versions: Vec<_> = machine.versions.iter().map(|(_, version)| version.as_str()).collect();
        let log = if machine.access_log { ", access log on in every work" } else { "" };
        let mut text = format!(
            "{}, {} cores, Linux {}, TCP with {}; {} rounds of {} s{log}. {}.\n\n",
            machine.cpu,
            machine.cores,
            machine.kernel,
            machine.congestion_control,
            machine.rounds,
            machine.seconds,
            versions.join("; ")
        );
        for missing in &self.left_out {
            let _ = writeln!(text, "Left out: {missing}.\n");
        }
        text
    }

    /// The peers that were measured at all, nginx first.
    fn peers(&self) -> Vec<Peer> {
        let measured = |peer: &Peer| self.series.iter().any(|series| series.peer == *peer && series.measured());
        Peer::ALL.into_iter().filter(measured).collect()
    }

    fn ratios(&self, text: &mut String) {
        let peers = self.peers();
        let names: String = peers.iter().map(|peer| format!(" {} |", peer.name())).collect();
        let _ = writeln!(text, "| work | compared |{names} target |");
        let _ = writeln!(text, "|---|---|{}---|", "---|".repeat(peers.len()));
        for work in self.works() {
            let cell = |peer: &Peer| {
                let series = self.of(work.name, *peer).filter(|series| series.measured());
                let Some(ratio) = series.and_then(|series| self.ratio(series)) else { return " - |".to_owned() };
                let failed = series.map_or(0, Series::failed);
                let mark = if failed > 0 { format!(" ({failed} failed)") } else { String::new() };
                match peer {
                    Peer::Tidegate => format!(" **{ratio:.2}**{mark} |"),
                    _ => format!(" {ratio:.2}{mark} |"),
                }
            };
            let cells: String = peers.iter().map(cell).collect();
            let target = work.target.map_or_else(|| "-".to_owned(), |target| format!("<= {target:.2}"));
            let _ = writeln!(text, "| `{}` | {} |{cells} {target} |", work.name, work.figure.name());
        }
        text.push('\n');
    }

    /// Where a proxy is compared with itself.
    fn itself(&self, text: &mut String) {
        let peers = self.peers();
        let works: Vec<_> = self.works().into_iter().filter(|work| work.beside.is_some()).collect();
        if works.is_empty() {
            return;
        }
        let names: String = peers.iter().map(|peer| format!(" {} |", peer.name())).collect();
        let _ = writeln!(text, "| work | beside its own |{names} target |");
        let _ = writeln!(text, "|---|---|{}---|", "---|".repeat(peers.len()));
        for work in works {
            let Some((other, target)) = work.beside else { continue };
            let ratio = |peer: &Peer| self.beside_itself(self.of(work.name, *peer)?);
            let cell = |peer: &Peer| ratio(peer).map_or(" - |".to_owned(), |(_, ratio)| format!(" {ratio:.2} |"));
            let cells: String = peers.iter().map(cell).collect();
            let _ = writeln!(text, "| `{}` | `{other}` |{cells} <= {target:.2} |", work.name);
        }
        text.push('\n');
    }

    fn figures(&self, text: &mut String) {
        text.push_str("| work | proxy | CPU us | requests a second | p50 ms | p99 ms | peak RSS MiB | failed |\n");
        text.push_str("|---|---|---|---|---|---|---|---|\n");
        for series in &self.series {
            let (work, peer) = (series.work.name, series.peer.name());
            if !series.measured() {
                let problem = series.problem.as_deref().unwrap_or("no round").replace(['|', '\n'], " ");
                let _ = writeln!(text, "| `{work}` | {peer} | not measured: {problem} | | | | | |");
                continue;
            }
            let connection = match series.work.figure {
                Figure::Memory => format!(" ({:.1} KiB a connection)", series.memory()),
                Figure::Cpu | Figure::Late => String::new(),
            };
            let _ = writeln!(
                text,
                "| `{work}` | {peer} | {:.1} | {:.0} | {:.2} | {:.2} | {:.1}{connection} | {} |",
                series.cpu()[0],
                series.median(Measured::rate),
                series.median(|measured| measured.seen.p50 / 1000.0),
                series.median(|measured| measured.seen.p99 / 1000.0),
                series.median(Measured::rss_mib),
                series.failed(),
            );
        }
    }
}
