//! The disk tier: what the memory has no room for, and what a restart would lose.
//!
//! A folder holds a log: numbered files (segments) to which records are appended, never changed. A record is a stored response, the word
//! that one was replaced or taken out, or a purge. The order of the log is the order of events, so the oldest segment can go as a whole
//! whenever there is no room: whatever it takes back lies before it. An index in memory says where each response is; it is built from the
//! newest segment to the oldest, so that whatever takes something back is known before the thing itself.
//!
//! Nothing here trusts the disk. Heads and blocks of bodies carry checksums that depend on a secret of the folder and on their place, and
//! nothing leaves before its checksum was compared: what is torn, rotten or moved is a miss.
//!
//! Workers never touch a file. They look into the index, hand jobs to bounded queues, and wait for an answer as they wait for an upstream.
//! One thread writes and evicts; a few read. A full queue means not stored, or a miss.
//!
//! [`record`], [`head`] and [`journal`] are pure; [`files`] and [`segment`] touch the disk; the others join them.

mod record;

mod head;
mod journal;

mod counts;
mod index;
mod queue;

mod files;
mod segment;

mod body;
mod read;
mod rebuild;

mod out;
mod take;
mod write;

mod find;
mod segments;
mod tier;

pub use body::OnDisk;
pub use counts::{DiskSize, Failure, Refusal};
pub use tier::{DiskLimits, Tier};

#[cfg(test)]
mod tests;
