//! The action: from a request to a response.

use std::fmt;
use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use http::Method;
use http::header::{IF_MODIFIED_SINCE, IF_NONE_MATCH, RANGE};
use tokio::task::spawn_blocking;

use super::answer::{self, Found};
use super::folder::{self, Entry, FileFault, Folder, Opened};
use super::name::{self, Name};
use super::types::{self, Types};
use crate::config::model;
use crate::http::negotiate::{self, Coding};
use crate::http::sanitize::CleanRequest;
use crate::http::{Headers, Response, Target};

/// A file up to this many octets is read in the same step as it is opened.
const SMALL_FILE: u64 = 64 * 1024;

/// Why a `files` action cannot be. The fault is the operator's.
#[derive(Debug)]
pub enum FilesError {
    /// `root` is not there, is no folder, or cannot be looked into.
    Root(PathBuf, io::Error),
    /// `index` or `fallback` is no name below the root.
    Name(String),
    /// `types` has a type that cannot stand in a field, for this extension.
    Type(String),
}

impl FilesError {
    /// The word for it.
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Root(..) => "files_root",
            Self::Name(_) => "files_name",
            Self::Type(_) => "files_type",
        }
    }
}

impl fmt::Display for FilesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root(root, error) => write!(f, "the folder {} cannot be served: {error}", root.display()),
            Self::Name(name) => write!(f, "{name:?} is no name of a file below the folder"),
            Self::Type(extension) => write!(f, "the content type for {extension:?} is no valid field value"),
        }
    }
}

impl std::error::Error for FilesError {}

/// A static folder, ready to answer; cheap to clone.
#[derive(Clone, Debug)]
pub struct Files(Arc<Served>);

#[derive(Debug)]
struct Served {
    folder: Folder,
    index: Vec<u8>,
    fallback: Option<Vec<u8>>,
    precompressed: bool,
    hidden: bool,
    types: Types,
}

/// What a blocking thread needs to know of a request.
struct Wanted {
    name: Name,
    /// Whether the name as the client knows it ends with a slash.
    slash: bool,
    /// Codings that the client takes, the best first.
    codings: Vec<Coding>,
    /// Whether small content is of use.
    content: bool,
}

/// The compressed siblings of a file.
enum Packed {
    /// The best one that the client takes.
    Taken(Coding, Opened),
    /// There are some, but the client takes none: another client is answered otherwise.
    Refused,
    /// There is none.
    None,
}

enum Outcome {
    Found(Box<Found>),
    SlashMissing,
}

impl Files {
    /// From the config; touches the folder, so not for a worker.
    ///
    /// # Errors
    /// [`FilesError`]
    pub fn compile(files: &model::Files) -> Result<Self, FilesError> {
        let model::Files { root, index, precompressed, fallback, types, hidden } = files;
        let below = |name: &String| {
            let plain = !name.is_empty()
                && name.split('/').all(|part| !matches!(part, "" | "." | ".."))
                && !name.contains('\0');
            if plain { Ok(name.clone().into_bytes()) } else { Err(FilesError::Name(name.clone())) }
        };
        Ok(Self(Arc::new(Served {
            folder: Folder::new(root).map_err(|error| FilesError::Root(root.clone(), error))?,
            index: below(index)?,
            fallback: fallback.as_ref().map(below).transpose()?,
            precompressed: *precompressed,
            hidden: *hidden,
            types: Types::compile(types).map_err(FilesError::Type)?,
        })))
    }

    /// Answers a request. Its target names the file; `asked` is the target as the client sent it, before a prefix was stripped.
    ///
    /// # Errors
    /// [`FileFault`], whose status the client is told; a 405 with [`FileFault::allow`].
    pub async fn serve(&self, request: &CleanRequest, asked: &Target, now: SystemTime) -> Result<Response, FileFault> {
        let (method, headers) = (request.method(), request.headers());
        if method != Method::GET && method != Method::HEAD {
            return Err(FileFault::Method);
        }
        let name = name::parse(request.target().path(), self.0.hidden).ok_or(FileFault::NotFound)?;
        let whole = ![IF_NONE_MATCH, IF_MODIFIED_SINCE, RANGE].iter().any(|name| headers.contains(name));
        let wanted = Wanted {
            // A prefix that was stripped may have taken the slash's place: `/app` is then `/`, but its links go wrong.
            slash: name.folder && (!name.path.is_empty() || asked.path().ends_with('/')),
            name,
            codings: if self.0.precompressed { codings(headers) } else { Vec::new() },
            content: whole && method == Method::GET,
        };
        let served = Arc::clone(&self.0);
        // The task fails only where it panicked or the runtime is going down.
        let outcome = spawn_blocking(move || served.find(&wanted)).await.unwrap_or(Err(FileFault::Unreadable))?;
        Ok(match outcome {
            Outcome::SlashMissing => answer::redirect(asked.path(), asked.query()),
            Outcome::Found(found) => {
                let now = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
                answer::compose(*found, method, headers, now)
            }
        })
    }
}

/// What the client takes, the best first, without the identity.
fn codings(headers: &Headers) -> Vec<Coding> {
    let mut known = CODINGS.to_vec();
    let mut codings = Vec::new();
    loop {
        let best = negotiate::coding(headers, known.iter().copied());
        if best == Coding::Identity {
            return codings;
        }
        known.retain(|coding| *coding != best);
        codings.push(best);
    }
}

impl Served {
    /// Runs on a blocking thread.
    fn find(&self, wanted: &Wanted) -> Result<Outcome, FileFault> {
        let root = self.folder.root()?;
        let outcome = self.find_named(&root, wanted);
        match &self.fallback {
            Some(fallback) if matches!(outcome, Err(FileFault::NotFound)) => match self.folder.open(&root, fallback)? {
                Entry::File(opened) => self.found(&root, fallback, opened, wanted),
                Entry::Folder => outcome,
            },
            _ => outcome,
        }
    }

    fn find_named(&self, root: &OwnedFd, wanted: &Wanted) -> Result<Outcome, FileFault> {
        if !wanted.slash {
            match self.folder.open(root, &wanted.name.path)? {
                Entry::File(opened) => return self.found(root, &wanted.name.path, opened, wanted),
                Entry::Folder => return Ok(Outcome::SlashMissing),
            }
        }
        let mut index = wanted.name.path.clone();
        if !index.is_empty() {
            index.push(b'/');
        }
        index.extend_from_slice(&self.index);
        match self.folder.open(root, &index)? {
            Entry::File(opened) => self.found(root, &index, opened, wanted),
            Entry::Folder => Err(FileFault::NotFound),
        }
    }

    /// Looks for compressed siblings, and reads small content.
    fn found(&self, root: &OwnedFd, name: &[u8], plain: Opened, wanted: &Wanted) -> Result<Outcome, FileFault> {
        let content_type = self.types.of(name);
        let packed = if self.precompressed && types::may_shrink(&content_type) {
            self.packed(root, name, wanted)
        } else {
            Packed::None
        };
        let varies = !matches!(packed, Packed::None);
        let (coding, opened) = match packed {
            Packed::Taken(coding, opened) => (coding, opened),
            Packed::Refused | Packed::None => (Coding::Identity, plain),
        };
        let content = if wanted.content && opened.size <= SMALL_FILE { read_small(&opened)? } else { None };
        Ok(Outcome::Found(Box::new(Found { opened, content_type, coding, varies, content })))
    }

    fn packed(&self, root: &OwnedFd, name: &[u8], wanted: &Wanted) -> Packed {
        let open = |coding: Coding| match self.folder.open(root, &[name, extension(coding)].concat()) {
            Ok(Entry::File(opened)) => Some(opened),
            _ => None,
        };
        if let Some((coding, opened)) = wanted.codings.iter().find_map(|coding| Some((*coding, open(*coding)?))) {
            return Packed::Taken(coding, opened);
        }
        let others = CODINGS.iter().filter(|coding| !wanted.codings.contains(coding));
        if others.into_iter().any(|coding| open(*coding).is_some()) { Packed::Refused } else { Packed::None }
    }
}

const CODINGS: [Coding; 3] = [Coding::Zstd, Coding::Br, Coding::Gzip];

/// How the compressed sibling of a file is called.
const fn extension(coding: Coding) -> &'static [u8] {
    match coding {
        Coding::Zstd => b".zst",
        Coding::Br => b".br",
        Coding::Gzip => b".gz",
        Coding::Dcz | Coding::Dcb | Coding::Identity => b"",
    }
}

/// The content; none where the file has changed its size since, which the body then finds out.
fn read_small(opened: &Opened) -> Result<Option<bytes::Bytes>, FileFault> {
    let octets = usize::try_from(opened.size).map_err(|_| FileFault::Unreadable)?;
    let content = folder::read_at(&opened.file, 0, octets).map_err(|_| FileFault::Unreadable)?;
    Ok(Some(content).filter(|content| content.len() == octets))
}
