//! The `files` action: a static folder.
//!
//! - [`name`]: which file a path means (pure)
//! - [`types`]: content types by extension
//! - [`folder`]: opens what is beneath the root, and nothing else
//! - [`answer`]: head of the answer from what was found and what was asked (pure)
//! - [`body`]: octets of a file as they are read
//! - [`Files`]: the action
//!
//! What a client is told: 404 for what is not there, for hidden names, for what lies outside the root, for folders without an index and
//! for what is no regular file, all alike, so that nothing can be learnt; 403 for a file that this process may not read; 405 for other
//! methods than GET and HEAD; 503 when the system is out of files or memory; 500 when the file system fails.
//!
//! No system call of this module runs on a worker's thread: files are opened and read on the runtime's blocking threads, one call of an
//! exchange at a time.

mod action;
mod answer;
mod body;
mod folder;
mod name;
mod types;

#[cfg(test)]
mod tests;

pub use action::{Files, FilesError};
pub use folder::FileFault;
