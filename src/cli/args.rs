//! What can be asked for. Every text here is read by people who type `--help`.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{Args as Arguments, Parser, Subcommand};
use http::{HeaderName, HeaderValue, Method};

/// A reverse proxy and edge gateway: fast, strict, and kind to its operators.
#[derive(Debug, Parser)]
#[command(name = "tidegate", version, arg_required_else_help = true, disable_help_subcommand = true)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a whole edge on this machine: two origins, TLS, routes to try; no file needed
    Demo,
    /// Serve
    Run(RunArgs),
    /// Serve as a reverse proxy without a file
    Proxy(ProxyArgs),
    /// Check a config and say everything that is wrong with it; binds nothing, changes nothing
    Check(CheckArgs),
    /// Say which route takes a request, why, what it does with it, and why the others lost
    Explain(ExplainArgs),
    /// Say what a new config changes, in an operator's words: exit status 0 nothing, 1 something, 2 a config cannot be used
    Diff(DiffArgs),
    /// Ask the admin address of the running process whether it lives, as a container's health check
    Healthcheck(HealthcheckArgs),
    /// Replace the running program by the one that is installed now, without losing a connection
    Upgrade(UpgradeArgs),
    /// Show requests of a running program as they end
    Tap(TapArgs),
    /// Show what a running program does, in the terminal: routes, upstreams, latency, faults
    Top(TopArgs),
    /// Print every key with its default, as a valid config
    Defaults,
    /// Print the JSON Schema of the config, for editors
    Schema,
}

/// Which config.
#[derive(Debug, Arguments)]
pub struct ConfigFile {
    /// The config [default: ./tidegate.toml, then /etc/tidegate/tidegate.toml]
    #[arg(short = 'c', long = "config", value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// `tidegate check`
#[derive(Debug, Arguments)]
pub struct CheckArgs {
    /// The config
    #[command(flatten)]
    pub file: ConfigFile,
    /// Answer in JSON
    #[arg(long)]
    pub json: bool,
}

/// `tidegate run`
#[derive(Debug, Arguments)]
pub struct RunArgs {
    /// The config
    #[command(flatten)]
    pub file: ConfigFile,
}

/// `tidegate diff`
#[derive(Debug, Arguments)]
pub struct DiffArgs {
    /// The config that serves now
    #[arg(value_name = "OLD")]
    pub old: PathBuf,
    /// The config that is to serve
    #[arg(value_name = "NEW")]
    pub new: PathBuf,
    /// Answer in JSON
    #[arg(long)]
    pub json: bool,
}

/// `tidegate healthcheck`
#[derive(Debug, Arguments)]
pub struct HealthcheckArgs {
    /// The config
    #[command(flatten)]
    pub file: ConfigFile,
    /// Ask whether it takes traffic: no while it starts or drains
    #[arg(long)]
    pub ready: bool,
}

/// `tidegate upgrade`
#[derive(Debug, Arguments)]
pub struct UpgradeArgs {
    /// The config
    #[command(flatten)]
    pub file: ConfigFile,
    /// The process that serves now [default: the number in `pid_file` of the config]
    #[arg(long, value_name = "PID")]
    pub pid: Option<i32>,
}

/// `tidegate proxy`
#[derive(Debug, Arguments)]
pub struct ProxyArgs {
    /// Where to listen, such as 127.0.0.1:8080 or unix:/run/tidegate.sock
    #[arg(long, value_name = "ADDR")]
    pub from: String,
    /// Where to forward to, such as 127.0.0.1:9000, api.internal:9000 or https://example.com; several are balanced
    #[arg(long, value_name = "ADDR", required = true, num_args = 1..)]
    pub to: Vec<String>,
}

/// `-H 'Name: value'`
pub(super) fn field(text: &str) -> Result<(HeaderName, HeaderValue), String> {
    let (name, value) = text.split_once(':').ok_or("write it like \"Name: value\"")?;
    let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| format!("{name:?} is no field name"))?;
    let value = HeaderValue::from_str(value.trim()).map_err(|_| format!("{value:?} is no field value"))?;
    Ok((name, value))
}

/// `tidegate explain`
#[derive(Debug, Arguments)]
pub struct ExplainArgs {
    /// The config
    #[command(flatten)]
    pub file: ConfigFile,
    /// The method of the request
    #[arg(short = 'X', long, value_name = "METHOD", default_value = "GET")]
    pub method: Method,
    /// A field of the request, "Name: value"; may stand several times
    #[arg(short = 'H', long = "header", value_name = "FIELD", value_parser = field)]
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The client's address, for placeholders and sticky splits
    #[arg(long, value_name = "IP")]
    pub client: Option<IpAddr>,
    /// Only this listener
    #[arg(long, value_name = "NAME")]
    pub listener: Option<String>,
    /// Answer in JSON
    #[arg(long)]
    pub json: bool,
    /// The URL of the request, such as https://example.com/api/users?page=2
    pub url: String,
}

/// Which running program.
#[derive(Debug, Arguments)]
pub struct AdminArgs {
    /// Its admin address, such as 127.0.0.1:9180 or unix:/run/tidegate.sock [default: that of the config, then 127.0.0.1:9180]
    #[arg(long, value_name = "ADDR")]
    pub admin: Option<String>,
    /// The config
    #[command(flatten)]
    pub file: ConfigFile,
}

/// `tidegate tap`
#[derive(Debug, Arguments)]
pub struct TapArgs {
    /// The program
    #[command(flatten)]
    pub admin: AdminArgs,
    /// End after so many
    #[arg(short = 'n', long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub count: Option<u64>,
    /// A line of JSON for each, with all fields of the access log
    #[arg(long)]
    pub json: bool,
    /// What all of them have, such as route=api status=5xx duration_ms>250 user_agent~curl !fault
    #[arg(value_name = "FILTER")]
    pub filter: Vec<String>,
}

/// `tidegate top`
#[derive(Debug, Arguments)]
pub struct TopArgs {
    /// The program
    #[command(flatten)]
    pub admin: AdminArgs,
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, FromArgMatches as _};

    use super::*;

    #[test]
    fn the_definition_holds_together() {
        Args::command().debug_assert();
        for command in [
            RunArgs::augment_args,
            ProxyArgs::augment_args,
            ExplainArgs::augment_args,
            TapArgs::augment_args,
            TopArgs::augment_args,
        ] {
            command(clap::Command::new("test")).debug_assert();
        }
    }

    #[test]
    fn several_endpoints_in_both_ways() {
        let command = ProxyArgs::augment_args(clap::Command::new("proxy"));
        for line in
            [&["proxy", "--from", "a:1", "--to", "b:2", "c:3"][..], &["proxy", "--to=b:2", "--to=c:3", "--from=a:1"]]
        {
            let matches = command.clone().try_get_matches_from(line).expect("right usage");
            assert_eq!(ProxyArgs::from_arg_matches(&matches).expect("right usage").to, ["b:2", "c:3"]);
        }
    }

    #[test]
    fn explain_reads_like_curl() {
        let command = ExplainArgs::augment_args(clap::Command::new("explain"));
        let line = ["explain", "-X", "POST", "-H", "A: b", "-H", "c:d", "http://x/", "-c", "edge.toml"];
        let args = ExplainArgs::from_arg_matches(&command.clone().try_get_matches_from(line).expect("right usage"))
            .expect("right usage");
        assert_eq!((args.method.as_str(), args.headers.len(), args.url.as_str()), ("POST", 2, "http://x/"));
        assert_eq!(args.headers[0], (HeaderName::from_static("a"), HeaderValue::from_static("b")));
        for (header, message) in
            [("x", "like \"Name: value\""), ("a b: c", "no field name"), ("a: b\nc", "no field value")]
        {
            let error = command.clone().try_get_matches_from(["explain", "-H", header, "http://x/"]).expect_err(header);
            assert!(error.to_string().contains(message), "{error}");
        }
        assert_eq!(args.file.config, Some(PathBuf::from("edge.toml")));
    }
}
