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
fn field(text: &str) -> Result<(HeaderName, HeaderValue), String> {
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

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, FromArgMatches as _};

    use super::*;

    #[test]
    fn the_definition_holds_together() {
        Args::command().debug_assert();
        for command in [RunArgs::augment_args, ProxyArgs::augment_args, ExplainArgs::augment_args] {
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
