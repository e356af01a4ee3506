//! Chromium without a window: what a page came to, and what its network log says of each request.

use std::collections::HashMap;
use std::path::Path;
use std::process::Stdio;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde_json::Value;

use super::{Folder, Issued, tool};

/// A page that Chromium has loaded.
pub struct Page {
    /// The document at the end of the load, as HTML.
    pub dom: String,
    /// The requests, by their URL.
    pub requests: HashMap<String, Loaded>,
}

/// A request as the network log has it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Loaded {
    /// Octets of the body that came.
    pub octets: u64,
    /// Octets after its content coding was taken off.
    pub plain: u64,
}

impl Page {
    /// Loads a page, until neither it nor what it loads has anything to do any more; `None`, said aloud, where there is no Chromium. `flags`
    /// are more of its own.
    ///
    /// Its clock jumps to the next timer wherever nothing is under way, so that a page may wait as it likes. A change of the machine's network
    /// fails what is under way (`ERR_NETWORK_CHANGED`): a page has to ask again then.
    pub fn load(url: &str, flags: &[&str]) -> Option<Self> {
        let (mut chromium, folder) = (tool("chromium")?, Folder::new());
        let log = folder.path().join("net.json");
        chromium
            .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"])
            .args(["--net-log-capture-mode=IncludeSensitive", "--virtual-time-budget=20000"])
            // Nothing of its own is to be asked for.
            .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
            .arg(format!("--user-data-dir={}", folder.path().join("profile").display()))
            .arg(format!("--log-net-log={}", log.display()))
            .args(flags)
            .args(["--dump-dom", url]);
        let output = chromium.stdin(Stdio::null()).output().unwrap();
        let problems = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "chromium: {} {problems}", output.status);
        Some(Self { dom: String::from_utf8_lossy(&output.stdout).into_owned(), requests: requests(&log) })
    }

    /// The flag by which it trusts a certificate as if somebody known had issued it.
    pub fn trust(issued: &Issued) -> String {
        let der = CertificateDer::from_pem_slice(issued.cert.as_bytes()).unwrap();
        let (_, certificate) = x509_parser::parse_x509_certificate(&der).unwrap();
        let key = digest(&SHA256, certificate.public_key().raw);
        format!("--ignore-certificate-errors-spki-list={}", BASE64_STANDARD.encode(key))
    }

    /// The request for a URL that ends so.
    pub fn request(&self, end: &str) -> Loaded {
        let found = self.requests.iter().find(|(url, _)| url.ends_with(end));
        *found.unwrap_or_else(|| panic!("no request for {end}: {:?} {}", self.requests.keys(), self.dom)).1
    }
}

/// From the network log: what was read for each request, by the numbers that the log gives to its kinds of events.
fn requests(log: &Path) -> HashMap<String, Loaded> {
    let log: Value = serde_json::from_slice(&std::fs::read(log).unwrap()).unwrap();
    let kind = |name: &str| log["constants"]["logEventTypes"][name].as_u64().unwrap_or_else(|| panic!("no {name}"));
    let (start, read) = (kind("URL_REQUEST_START_JOB"), kind("URL_REQUEST_JOB_BYTES_READ"));
    let plain = kind("URL_REQUEST_JOB_FILTERED_BYTES_READ");
    let mut found: HashMap<u64, (String, Loaded)> = HashMap::new();
    for event in log["events"].as_array().unwrap() {
        let (Some(of), Some(id)) = (event["type"].as_u64(), event["source"]["id"].as_u64()) else { continue };
        let octets = event["params"]["byte_count"].as_u64().unwrap_or(0);
        let request = found.entry(id).or_default();
        if of == start
            && let Some(url) = event["params"]["url"].as_str()
        {
            request.0 = url.to_owned();
        } else if of == read {
            request.1.octets += octets;
        } else if of == plain {
            request.1.plain += octets;
        }
    }
    found.into_values().filter(|(url, _)| !url.is_empty()).collect()
}
