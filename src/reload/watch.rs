//! Tells when the files of a config have changed: by looking at them, twice a second.
//!
//! A look costs a system call a file, on the control thread. It sees what notifications miss: network folders, and the symlinks that
//! Kubernetes swaps under a ConfigMap.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// What tells one content of a file from another; `None`: it is not there.
type Print = Option<(u64, u64, u64, i64, i64)>;

/// The files as they were at the last look.
#[derive(Debug, Default)]
pub struct Watch {
    prints: BTreeMap<PathBuf, Print>,
    /// Something has changed, and may still be changing.
    moving: bool,
}

impl Watch {
    /// Over these files, as they are now.
    pub fn over<'a>(files: impl IntoIterator<Item = &'a PathBuf>) -> Self {
        Self { prints: files.into_iter().map(|file| (file.clone(), print(file))).collect(), moving: false }
    }

    /// Takes the files as they are now for what is known: before they are read, so that a change during the reading is seen afterwards.
    pub fn note(&mut self) {
        for (file, before) in &mut self.prints {
            *before = print(file);
        }
        self.moving = false;
    }

    /// From now on over these files. What is known of those that were watched before stays: what has happened to them since is still a change.
    pub fn follow<'a>(&mut self, files: impl IntoIterator<Item = &'a PathBuf>) {
        let mut known = std::mem::take(&mut self.prints);
        let with_print = |file: &PathBuf| (file.clone(), known.remove(file).unwrap_or_else(|| print(file)));
        self.prints = files.into_iter().map(with_print).collect();
    }

    /// Looks. True where something has changed since the last time it was true, and stood still between two looks: an editor or a copy may be
    /// in the middle of it.
    pub fn changed(&mut self) -> bool {
        let mut changed = false;
        for (file, before) in &mut self.prints {
            let now = print(file);
            changed |= now != *before;
            *before = now;
        }
        if changed {
            self.moving = true;
            return false;
        }
        std::mem::take(&mut self.moving)
    }
}

fn print(file: &Path) -> Print {
    let meta = std::fs::metadata(file).ok()?;
    Some((meta.dev(), meta.ino(), meta.size(), meta.mtime(), meta.mtime_nsec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_while_the_files_are_read_is_not_lost() {
        let folder = tempfile::tempdir().expect("a folder");
        let (one, two) = (folder.path().join("one"), folder.path().join("two"));
        std::fs::write(&one, "a").expect("written");
        let mut watch = Watch::over([&one]);
        std::fs::write(&one, "ab").expect("written");
        watch.note();
        assert!(!watch.changed() && !watch.changed(), "it was about to be read");
        // It is read, and changes before the new list of files is known.
        std::fs::write(&one, "abc").expect("written");
        std::fs::write(&two, "").expect("written");
        watch.follow([&one, &two]);
        assert!(!watch.changed() && watch.changed() && !watch.changed());
        watch.follow([&two]);
        std::fs::write(&one, "").expect("written");
        assert!(!watch.changed() && !watch.changed(), "it is none of ours any more");
    }

    #[test]
    fn a_change_counts_once_it_stands_still() {
        let folder = std::env::temp_dir().join(format!("tidegate-watch-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let (one, link) = (folder.join("one"), folder.join("link"));
        std::fs::write(&one, "a").expect("written");
        std::os::unix::fs::symlink(&one, &link).expect("a link");
        let mut watch = Watch::over([&link, &folder.join("missing")]);
        assert!(!watch.changed());
        std::fs::write(&one, "ab").expect("written");
        assert!(!watch.changed(), "it may still be written to");
        assert!(watch.changed());
        assert!(!watch.changed(), "told once");
        // A symlink that is swapped for another file of the same length.
        std::fs::write(folder.join("two"), "cd").expect("written");
        std::fs::remove_file(&link).expect("removed");
        std::os::unix::fs::symlink(folder.join("two"), &link).expect("a link");
        assert!(!watch.changed());
        assert!(watch.changed());
        std::fs::remove_dir_all(&folder).expect("removed");
    }
}
