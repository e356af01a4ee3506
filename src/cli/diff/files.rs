//! What the files hold that two configs name.

use std::path::Path;

use crate::config::Setting;
use crate::tls;

/// Whether two settings name files with the same content; nobody cares where a certificate was copied to. `None` where they name none that can
/// be read.
pub(super) fn same(before: &Setting, after: &Setting) -> Option<bool> {
    let (old, new) = (before.file.as_ref()?, after.file.as_ref()?);
    if old == new {
        return Some(true);
    }
    Some(std::fs::read(old).ok()? == std::fs::read(new).ok()?)
}

/// What is in the new file, where it is a certificate.
pub(super) fn note(before: Option<&Setting>, after: Option<&Setting>) -> Option<String> {
    let told = |setting: Option<&Setting>| certificate(setting?.file.as_deref()?);
    match (told(before), told(after)) {
        (Some(old), Some(new)) if old == new => Some(new),
        (Some(old), Some(new)) => Some(format!("{old} -> {new}")),
        (None, Some(new)) => Some(new),
        (_, None) => None,
    }
}

/// `example.com, www.example.com until Tue, 01 Jan 2030 00:00:00 GMT`
fn certificate(path: &Path) -> Option<String> {
    let (names, until) = tls::leaf(path)?;
    Some(format!("{names} until {}", httpdate::fmt_http_date(until)))
}
