//! The file with the number of the process.

use std::io;
use std::path::{Path, PathBuf};

use crate::observe::log;

/// What is done with the file that the config names, where it names one.
pub(super) struct PidFile;

impl PidFile {
    /// Writes the number of this process, in one step: who reads sees the old number or the new one. It is no reason not to serve that it
    /// cannot be written.
    pub(super) fn write(path: Option<&Path>) {
        let Some(path) = path else { return };
        if let Err(error) = replace(path, &format!("{}\n", std::process::id())) {
            let file = path.display().to_string();
            let fields = [("file", (&*file).into()), ("error", log::show(&error))];
            log::error("cannot write the pid file", &fields);
        }
    }

    /// Removes the file, unless another process has written its number there.
    pub(super) fn remove(path: Option<&Path>) {
        let Some(path) = path else { return };
        if std::fs::read_to_string(path).is_ok_and(|text| text.trim() == std::process::id().to_string()) {
            // Somebody may have been faster.
            let _ = std::fs::remove_file(path);
        }
    }
}

fn replace(path: &Path, text: &str) -> io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}", std::process::id()));
    let beside = PathBuf::from(beside);
    std::fs::write(&beside, text)?;
    std::fs::rename(&beside, path).inspect_err(|_| {
        // It is of no use to anybody.
        let _ = std::fs::remove_file(&beside);
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_holds_this_process_and_goes_only_while_it_does() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("tidegate.pid");
        PidFile::write(Some(&path));
        assert_eq!(std::fs::read_to_string(&path).expect("written"), format!("{}\n", std::process::id()));
        assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 1, "nothing is left beside it");
        std::fs::write(&path, "1\n").expect("written");
        PidFile::remove(Some(&path));
        assert!(path.exists(), "it belongs to another process");
        PidFile::write(Some(&path));
        PidFile::remove(Some(&path));
        assert!(!path.exists());
        // Neither stops the program.
        PidFile::write(Some(&folder.path().join("no/such/folder")));
        PidFile::write(None);
    }
}
