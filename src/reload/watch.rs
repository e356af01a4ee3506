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
