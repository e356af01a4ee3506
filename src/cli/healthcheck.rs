//! `tidegate healthcheck`: one question to the admin address, for who has no `curl` at hand.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::time::Duration;

use super::args::HealthcheckArgs;
use super::terminal::{complain, fail, print};
use crate::config;
use crate::config::model::ListenAddress;

/// Whoever takes longer to say that he is well is not.
const PATIENCE: Duration = Duration::from_secs(3);
/// The answer is a word; more is not read.
const LONGEST: u64 = 4096;

pub(super) fn run(args: &HealthcheckArgs) -> ExitCode {
    let path = match super::config_file(&args.file) {
        Ok(path) => path,
        Err(error) => return fail(&error.to_string()),
    };
    let model = match config::load(&path, &super::environment) {
        Ok(loaded) => loaded.model,
        Err(problems) => {
            complain(&problems.report(false, "nobody was asked"));
            return ExitCode::FAILURE;
        }
    };
    let Some(admin) = &model.admin else {
        return fail(&format!("{} has no [admin] section, so there is nobody to ask", path.display()));
    };
    let target = if args.ready { "/readyz" } else { "/healthz" };
    match ask(&admin.address, target) {
        Ok((200, body)) => print(&format!("{}\n", body.trim_end())),
        Ok((status, body)) => fail(&format!("{} answers {target} with {status}: {}", admin.address, body.trim_end())),
        Err(error) => fail(&format!("{} does not answer {target}: {error}", admin.address)),
    }
}

/// Status and body.
fn ask(address: &ListenAddress, target: &str) -> io::Result<(u16, String)> {
    let request = format!("GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    match address {
        ListenAddress::Tcp(at) => {
            let stream = TcpStream::connect_timeout(&reachable(*at), PATIENCE)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            exchange(stream, &request)
        }
        ListenAddress::Unix(path) => {
            let stream = UnixStream::connect(path)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            exchange(stream, &request)
        }
    }
}

fn exchange(mut stream: impl Read + Write, request: &str) -> io::Result<(u16, String)> {
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.take(LONGEST).read_to_end(&mut answer)?;
    read(&String::from_utf8_lossy(&answer)).ok_or_else(|| io::Error::other("it does not speak HTTP"))
}

fn read(answer: &str) -> Option<(u16, String)> {
    let status = answer.strip_prefix("HTTP/1.1 ")?.split(' ').next()?.trim().parse().ok()?;
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    Some((status, body.to_owned()))
}

/// An address that stands for all of the machine's is reached on its loopback.
fn reachable(mut at: SocketAddr) -> SocketAddr {
    match at.ip() {
        ip if !ip.is_unspecified() => {}
        IpAddr::V4(_) => at.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(_) => at.set_ip(Ipv6Addr::LOCALHOST.into()),
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read() {
        assert_eq!(read("HTTP/1.1 200 OK\r\na: b\r\n\r\nok\n"), Some((200, "ok\n".to_owned())));
        assert_eq!(read("HTTP/1.1 503 \r\n\r\n"), Some((503, String::new())));
        for nonsense in ["", "SSH-2.0-OpenSSH", "HTTP/1.1 abc\r\n\r\n"] {
            assert_eq!(read(nonsense), None);
        }
    }

    #[test]
    fn every_address_is_reached_on_loopback() {
        for (configured, reached) in [("0.0.0.0:1", "127.0.0.1:1"), ("[::]:2", "[::1]:2"), ("10.1.2.3:4", "10.1.2.3:4")]
        {
            let at = reachable(configured.parse().expect("an address"));
            assert_eq!(at, reached.parse::<SocketAddr>().expect("an address"));
        }
    }
}
