//! What can be wrong with the files and names of a TLS section, each with its way out.

use std::fmt;
use std::path::{Path, PathBuf};

/// One thing that is wrong, in the operator's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsProblem {
    /// What kind of thing.
    pub kind: TlsProblemKind,
    /// The key in the config, such as `listeners.secure.tls.certificates[0].key`. What a single `compile` reports begins
    /// below its own table: `certificates[0].key`.
    pub key: String,
    /// The file it is about.
    pub file: Option<PathBuf>,
    /// One sentence without a full stop, file included.
    pub message: String,
    /// What to do about it.
    pub help: String,
}

/// Whether a problem stops a config.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The config cannot be used.
    Error,
    /// It can, but probably does not do what was meant.
    Warning,
}

/// The kinds, one for each way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsProblemKind {
    /// There is no such file.
    FileMissing,
    /// The file is there but this user must not read it.
    NoPermission,
    /// It is a folder, too large, or reading it failed.
    Unreadable,
    /// It is not PEM, or a PEM section in it is broken.
    NotPem,
    /// No certificate where one is needed.
    NoCertificate,
    /// No private key in the file.
    NoKey,
    /// More than one private key in the file.
    SeveralKeys,
    /// The private key is protected by a passphrase.
    EncryptedKey,
    /// The certificate cannot be understood.
    BadCertificate,
    /// The private key cannot be understood or is of a kind that is not supported.
    BadKey,
    /// The private key is not the certificate's.
    KeyMismatch,
    /// A name that no certificate and no server can have.
    BadName,
    /// An endpoint without a name to verify its certificate against.
    NoServerName,
    /// No certificate authority of the system could be read.
    NoSystemAuthorities,
    /// Warning: the certificate's time is over.
    Expired,
    /// Warning: the certificate's time has not come.
    NotYetValid,
    /// Warning: no subject alternative name, so nothing that a client accepts.
    NoNames,
    /// Warning: an earlier certificate of the same kind has all its names.
    NeverChosen,
    /// Warning: `verify = false`.
    NotVerified,
    /// Warning: a route's host that no certificate of the listener covers, so it is answered 421.
    HostNotCovered,
}

impl TlsProblemKind {
    /// The word in reports.
    pub const fn label(self) -> &'static str {
        match self {
            Self::FileMissing => "file_missing",
            Self::NoPermission => "no_permission",
            Self::Unreadable => "unreadable",
            Self::NotPem => "not_pem",
            Self::NoCertificate => "no_certificate",
            Self::NoKey => "no_key",
            Self::SeveralKeys => "several_keys",
            Self::EncryptedKey => "encrypted_key",
            Self::BadCertificate => "bad_certificate",
            Self::BadKey => "bad_key",
            Self::KeyMismatch => "key_mismatch",
            Self::BadName => "bad_name",
            Self::NoServerName => "no_server_name",
            Self::NoSystemAuthorities => "no_system_authorities",
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::NoNames => "no_names",
            Self::NeverChosen => "never_chosen",
            Self::NotVerified => "not_verified",
            Self::HostNotCovered => "host_not_covered",
        }
    }

    /// Whether it stops the config.
    pub const fn severity(self) -> Severity {
        match self {
            Self::Expired
            | Self::NotYetValid
            | Self::NoNames
            | Self::NeverChosen
            | Self::NotVerified
            | Self::HostNotCovered => Severity::Warning,
            _ => Severity::Error,
        }
    }
}

impl TlsProblem {
    pub(super) fn new(kind: TlsProblemKind, key: &str, message: String, help: impl Into<String>) -> Self {
        Self { kind, key: key.to_owned(), file: None, message, help: help.into() }
    }

    pub(super) fn of(mut self, file: &Path) -> Self {
        self.file = Some(file.to_owned());
        self
    }

    /// The same, seen from the table above: `key` becomes `table.key`.
    pub fn within(mut self, table: &str) -> Self {
        self.key = format!("{table}.{}", self.key);
        self
    }

    /// Whether it stops the config.
    pub const fn severity(&self) -> Severity {
        self.kind.severity()
    }
}

impl fmt::Display for TlsProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} ({})", self.key, self.message, self.help)
    }
}

impl std::error::Error for TlsProblem {}
