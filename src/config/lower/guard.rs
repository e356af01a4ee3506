//! `[server.guard]`

use std::time::Duration;

use crate::config::fields::Fields;
use crate::config::model::Guard;
use crate::config::raw::Shape;
use crate::config::scalar;

/// The shortest window: what is counted is looked at once a second.
const SHORTEST: Duration = Duration::from_secs(1);

/// Of `[server]`; `true` is a table with nothing in it.
pub(super) fn guard(server: &Fields<'_>) -> Option<Guard> {
    let found = server.find("guard")?;
    let at = match &found.node.shape {
        Shape::Table(_) => found.section(),
        _ => found.boolean()?.then(|| found.empty_section()).flatten(),
    }?;
    let window = at.duration("window").unwrap_or_default();
    if let Some(found) = at.find("window").filter(|_| window < SHORTEST) {
        found.conflict("this window is too short", "such as \"30s\"; 1s is the shortest");
    }
    Some(Guard {
        window,
        error_rate: at.parsed("error_rate", scalar::share).unwrap_or_default(),
        latency: at.parsed("latency", scalar::more).flatten(),
        min_requests: at.count("min_requests"),
    })
}
