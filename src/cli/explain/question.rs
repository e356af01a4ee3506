//! The request that `explain` is asked about.

use std::fmt;
use std::net::IpAddr;

use http::header::{HOST, HeaderName, HeaderValue};
use http::{Method, Version};

use crate::cli::args::ExplainArgs;
use crate::config::model::{ListenAddress, Listener, Model};
use crate::http::{Body, Headers, Request, Scheme, Target, Text, authority};

/// A request as the command line describes it.
#[derive(Clone, Debug)]
pub struct Question {
    /// `-X`, default GET.
    pub method: Method,
    /// `https://example.com/path?query`; without a scheme it is the one that the listeners speak, without a host there is none.
    pub url: String,
    /// `-H`, in order; `Host` counts before the URL's.
    pub fields: Vec<(HeaderName, HeaderValue)>,
    /// `--client`: the client's address, for placeholders and sticky splits.
    pub client: Option<IpAddr>,
    /// `--listener`: only this one.
    pub listener: Option<String>,
}

impl From<&ExplainArgs> for Question {
    fn from(args: &ExplainArgs) -> Self {
        let ExplainArgs { file: _, method, headers, client, listener, json: _, url } = args;
        Self {
            method: method.clone(),
            url: url.clone(),
            fields: headers.clone(),
            client: *client,
            listener: listener.clone(),
        }
    }
}

/// Why there is nothing to explain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unasked {
    /// The scheme is neither http nor https.
    Scheme(String),
    /// The URL holds what has to be percent-encoded, or its path is none.
    Url(String),
    /// No listener has that name; the names that there are.
    Listener(String, Vec<String>),
}

impl fmt::Display for Unasked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scheme(scheme) => write!(f, "the scheme {scheme} is not http or https"),
            Self::Url(url) => write!(f, "{url} is not a URL; percent-encode spaces and letters beyond ASCII"),
            Self::Listener(name, all) => write!(f, "there is no listener {name}; there are {}", all.join(", ")),
        }
    }
}

impl std::error::Error for Unasked {}

/// A URL taken apart; the authority may be empty.
pub(super) struct Asked {
    pub(super) scheme: Scheme,
    pub(super) authority: Text,
    pub(super) target: Target,
}

impl Question {
    /// As the admin address is asked.
    ///
    /// # Errors
    /// One sentence.
    pub fn of(parameters: &[(String, String)]) -> Result<Self, String> {
        let (url, fields) = (String::new(), Vec::new());
        let mut question = Self { method: Method::GET, url, fields, client: None, listener: None };
        for (name, value) in parameters {
            match name.as_str() {
                "url" => question.url.clone_from(value),
                "method" => question.method = value.parse().map_err(|_| format!("{value:?} is no method"))?,
                "header" => question.fields.push(crate::cli::args::field(value)?),
                "client" => question.client = Some(value.parse().map_err(|_| format!("{value:?} is no address"))?),
                "listener" => question.listener = Some(value.clone()),
                _ => return Err(format!("{name:?} is none of url, method, header, client, listener")),
            }
        }
        if question.url.is_empty() { Err("url is missing".to_owned()) } else { Ok(question) }
    }

    /// The parts of the URL.
    pub(super) fn asked(&self, model: &Model) -> Result<Asked, Unasked> {
        let wrong = || Unasked::Url(self.url.clone());
        let (scheme, rest) = match self.url.split_once("://") {
            Some((scheme, rest)) => (read_scheme(scheme)?, rest),
            None => (usual_scheme(model), self.url.as_str()),
        };
        let rest = rest.split('#').next().unwrap_or_default();
        let (named, target) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let host = self.fields.iter().find(|(name, _)| name == HOST);
        let named = host.map_or(named.as_bytes(), |(_, value)| value.as_bytes());
        // The `*` of OPTIONS has no URL of its own; curl spells it so too.
        let target = match target {
            "/*" if self.method == Method::OPTIONS => "*".to_owned(),
            _ if target.starts_with('/') => target.to_owned(),
            _ => format!("/{target}"),
        };
        let text = |bytes: &[u8]| Text::visible(bytes.to_vec().into()).ok_or_else(wrong);
        Ok(Asked {
            scheme,
            authority: text(named)?,
            target: Target::parse(text(target.as_bytes())?).ok_or_else(wrong)?,
        })
    }

    /// The request as a codec would give it.
    pub(super) fn request(&self, asked: &Asked) -> Request {
        let fields: Headers = self.fields.iter().filter(|(name, _)| name != HOST).cloned().collect();
        Request {
            method: self.method.clone(),
            scheme: asked.scheme,
            authority: asked.authority.clone(),
            target: asked.target.clone(),
            version: if asked.authority.is_empty() { Version::HTTP_10 } else { Version::HTTP_11 },
            headers: fields,
            upgrade: None,
            expects_continue: false,
            body: Body::Empty,
        }
    }

    /// The listeners by which the request may arrive, and a remark where none fits exactly.
    pub(super) fn listeners(&self, model: &Model, asked: &Asked) -> Result<(Vec<usize>, Option<String>), Unasked> {
        let places = |fits: &dyn Fn(&Listener) -> bool| -> Vec<usize> {
            model.listeners.iter().enumerate().filter(|(_, listener)| fits(listener)).map(|(place, _)| place).collect()
        };
        if let Some(name) = &self.listener {
            let named = places(&|listener| *listener.name == **name);
            let all = || model.listeners.iter().map(|listener| listener.name.to_string()).collect();
            return if named.is_empty() { Err(Unasked::Listener(name.clone(), all())) } else { Ok((named, None)) };
        }
        let speaks = places(&|listener| listener.tls.is_some() == (asked.scheme == Scheme::Https));
        if speaks.is_empty() {
            let remark = match asked.scheme {
                Scheme::Https => "no listener speaks TLS: as if a trusted proxy in front did",
                Scheme::Http => "no listener speaks clear text: as if it came by TLS",
            };
            return Ok((places(&|_| true), Some(remark.to_owned())));
        }
        let Some(port) = authority::port(asked.authority.as_str()) else { return Ok((speaks, None)) };
        let on_port: Vec<_> = speaks.iter().copied().filter(|place| is_on(&model.listeners[*place], port)).collect();
        if on_port.is_empty() {
            return Ok((
                speaks,
                Some(format!("no listener of this scheme is on port {port}: as if it were forwarded")),
            ));
        }
        Ok((on_port, None))
    }
}

fn is_on(listener: &Listener, port: u16) -> bool {
    matches!(listener.address, ListenAddress::Tcp(address) if address.port() == port)
}

fn read_scheme(scheme: &str) -> Result<Scheme, Unasked> {
    match scheme.to_ascii_lowercase().as_str() {
        "http" | "ws" => Ok(Scheme::Http),
        "https" | "wss" => Ok(Scheme::Https),
        _ => Err(Unasked::Scheme(scheme.to_owned())),
    }
}

/// HTTPS where there is a listener for it: that is what people mean.
fn usual_scheme(model: &Model) -> Scheme {
    if model.listeners.iter().any(|listener| listener.tls.is_some()) { Scheme::Https } else { Scheme::Http }
}
