//! File descriptors: each connection takes one, and one more towards its upstream.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the limit of open files as far as the process may. The usual soft limit of 1024 is for programs that use `select`.
pub(super) fn raise_limit() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current != maximum {
        // Where that is refused, the limit is as it was, and `process_max_fds` tells it.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    }
}
