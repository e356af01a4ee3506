//! Everything, with the figures of each round.

use serde_json::{Value, json};

use super::{Report, Series};
use crate::run::Measured;

impl Report {
    /// As JSON.
    pub(crate) fn json(&self) -> String {
        let machine = &self.machine;
        let versions: Value =
            machine.versions.iter().map(|(peer, version)| (peer.name().to_owned(), json!(version))).collect();
        let results: Vec<_> = self.series.iter().map(|series| self.series_json(series)).collect();
        let whole = json!({
            "machine": {
                "cpu": machine.cpu,
                "cores": machine.cores,
                "kernel": machine.kernel,
                "tcp_congestion_control": machine.congestion_control,
                "rounds": machine.rounds,
                "seconds": machine.seconds,
                "access_log": machine.access_log,
                "versions": versions,
            },
            "left_out": self.left_out,
            "results": results,
        });
        format!("{whole:#}\n")
    }

    fn series_json(&self, series: &Series) -> Value {
        json!({
            "work": series.work.name,
            "peer": series.peer.name(),
            "cpu_us": series.cpu()[0],
            "compared": series.work.figure.name(),
            "ratio_to_nginx": self.ratio(series),
            "target": series.work.target,
            "ratio_to_itself": self.beside_itself(series).map(|(work, ratio)| json!({ "on": work, "ratio": ratio })),
            "failed": series.failed(),
            "problem": series.problem,
            "rounds": series.rounds.iter().map(round_json).collect::<Vec<_>>(),
        })
    }
}

fn round_json(measured: &Option<Measured>) -> Value {
    let Some(measured) = measured else { return Value::Null };
    json!({
        "cpu_us": measured.cpu_us(),
        "user_us": measured.user_us(),
        "system_us": measured.system_us(),
        "requests_per_second": measured.rate(),
        "octets": measured.octets(),
        "p50_us": measured.seen.p50,
        "p99_us": measured.seen.p99,
        "peak_rss_kib": measured.peak_rss_kib,
        "kib_per_connection": measured.kib_per_connection,
        "requests": measured.seen.requests,
        "failed": measured.seen.failed,
    })
}
