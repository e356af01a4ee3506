//! Asks the admin address of a running program.

use std::fmt;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use super::args::AdminArgs;
use super::config_file;
use crate::config;
use crate::config::model::ListenAddress;

/// Where it is when nobody says.
const USUAL: &str = "127.0.0.1:9180";

/// How long it may take to connect, and to answer a question that is no stream.
const PATIENCE: Duration = Duration::from_secs(10);

/// The admin address of a running program.
#[derive(Clone)]
pub struct AdminAddress {
    place: Place,
    token: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    Tcp(String),
    Unix(PathBuf),
}

/// Why there is no answer.
#[derive(Debug)]
pub enum Unanswered {
    /// Nobody is there.
    Unreachable(String, io::Error),
    /// The answer broke off, or is none.
    Broken(io::Error),
    /// It says no: the status and its sentence.
    Refused(u16, String),
}

impl fmt::Display for Unanswered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(place, error) => write!(
                f,
                "nobody answers at {place}: {error}; is [admin] in the config, and is --admin the address of it?"
            ),
            Self::Broken(error) => write!(f, "the answer broke off: {error}"),
            Self::Refused(401, _) => write!(f, "the token is missing or wrong: set TIDEGATE_ADMIN_TOKEN"),
            Self::Refused(status, sentence) => write!(f, "{sentence} (status {status})"),
        }
    }
}

impl std::error::Error for Unanswered {}

impl AdminAddress {
    /// The one that is named, else that of the config, else the usual one. The token is that of the environment, else that of the config.
    pub fn of(args: &AdminArgs) -> Self {
        let named = std::env::var("TIDEGATE_ADMIN_TOKEN").ok().filter(|token| !token.is_empty());
        if let Some(named_place) = &args.admin {
            return Self { place: place(named_place), token: named };
        }
        // Only the one section matters here; a config with mistakes is no reason to say nothing.
        let model = config_file(&args.file).ok().and_then(|path| config::load(&path, &super::environment).ok());
        match model.and_then(|loaded| loaded.model.admin) {
            Some(admin) => Self {
                place: match admin.address {
                    ListenAddress::Tcp(address) if address.ip().is_unspecified() => {
                        Place::Tcp(format!("127.0.0.1:{}", address.port()))
                    }
                    ListenAddress::Tcp(address) => Place::Tcp(address.to_string()),
                    ListenAddress::Unix(path) => Place::Unix(path),
                },
                token: named.or_else(|| admin.token.map(|token| token.reveal().to_owned())),
            },
            None => Self { place: place(USUAL), token: named },
        }
    }

    /// The JSON that a path answers with.
    ///
    /// # Errors
    /// [`Unanswered`], as one sentence for the operator.
    pub fn json(&self, path: &str) -> Result<serde_json::Value, Unanswered> {
        let mut text = String::new();
        self.open("GET", path, "", Some(PATIENCE))?.read_to_string(&mut text).map_err(Unanswered::Broken)?;
        serde_json::from_str(&text).map_err(|error| Unanswered::Broken(error.into()))
    }

    /// Asks for a change; gives back the JSON that says what is so now.
    ///
    /// # Errors
    /// [`Unanswered`], as one sentence for the operator.
    pub fn change(&self, path: &str, body: &serde_json::Value) -> Result<serde_json::Value, Unanswered> {
        let mut text = String::new();
        let mut answer = self.open("POST", path, &body.to_string(), Some(PATIENCE))?;
        answer.read_to_string(&mut text).map_err(Unanswered::Broken)?;
        serde_json::from_str(&text).map_err(|error| Unanswered::Broken(error.into()))
    }

    /// The body of an answer, as it comes, for as long as it comes.
    ///
    /// # Errors
    /// [`Unanswered`], as one sentence for the operator.
    pub fn stream(&self, path: &str) -> Result<impl BufRead + use<>, Unanswered> {
        self.open("GET", path, "", None)
    }

    fn open(
        &self,
        method: &str,
        path: &str,
        body: &str,
        patience: Option<Duration>,
    ) -> Result<BufReader<Box<dyn Wire>>, Unanswered> {
        let wire = self.connect(patience).map_err(|error| Unanswered::Unreachable(self.to_string(), error))?;
        let mut wire = BufReader::new(wire);
        let token = self.token.as_ref().map_or_else(String::new, |token| format!("Authorization: Bearer {token}\r\n"));
        // In HTTP/1.0 a body ends with the connection, and comes in no chunks.
        let head =
            format!("{method} {path} HTTP/1.0\r\nHost: localhost\r\n{token}Content-Length: {}\r\n\r\n", body.len());
        wire.get_mut().write_all(format!("{head}{body}").as_bytes()).map_err(Unanswered::Broken)?;
        let mut lines = String::new();
        while !lines.ends_with("\r\n\r\n") {
            if wire.read_line(&mut lines).map_err(Unanswered::Broken)? == 0 {
                return Err(Unanswered::Broken(io::ErrorKind::UnexpectedEof.into()));
            }
        }
        let status = lines.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        if status == 200 {
            return Ok(wire);
        }
        let mut text = String::new();
        wire.read_to_string(&mut text).map_err(Unanswered::Broken)?;
        let said: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
        Err(Unanswered::Refused(status, said["message"].as_str().unwrap_or("it says no").to_owned()))
    }

    fn connect(&self, patience: Option<Duration>) -> io::Result<Box<dyn Wire>> {
        match &self.place {
            Place::Tcp(address) => {
                let address = address.to_socket_addrs()?.next().ok_or(io::ErrorKind::AddrNotAvailable)?;
                let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
                stream.set_read_timeout(patience)?;
                Ok(Box::new(stream))
            }
            Place::Unix(path) => {
                let stream = UnixStream::connect(path)?;
                stream.set_read_timeout(patience)?;
                Ok(Box::new(stream))
            }
        }
    }
}

impl fmt::Display for AdminAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Tcp(address) => f.write_str(address),
            Place::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

trait Wire: Read + Write {}

impl<T: Read + Write> Wire for T {}

fn place(text: &str) -> Place {
    let text = text.strip_prefix("http://").unwrap_or(text).trim_end_matches('/');
    match text.strip_prefix("unix:") {
        Some(path) => Place::Unix(path.into()),
        None if text.parse::<u16>().is_ok() => Place::Tcp(format!("127.0.0.1:{text}")),
        None => Place::Tcp(text.to_owned()),
    }
}

/// A value in the query of a path.
pub(super) fn encoded(value: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    value.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places() {
        let tcp = |text: &str| Place::Tcp(text.to_owned());
        for (text, expected) in [
            ("127.0.0.1:9180", tcp("127.0.0.1:9180")),
            ("http://localhost:9180/", tcp("localhost:9180")),
            ("9180", tcp("127.0.0.1:9180")),
            ("[::1]:9180", tcp("[::1]:9180")),
            ("unix:/run/t.sock", Place::Unix("/run/t.sock".into())),
        ] {
            assert_eq!(place(text), expected, "{text}");
        }
        assert_eq!(encoded("route=api status>=5"), "route%3Dapi%20status%3E%3D5");
    }
}
