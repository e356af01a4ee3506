//! Open connections to endpoints, as the metrics see them.

use std::fmt;
use std::rc::Rc;

use crate::observe::{Observer, UpstreamId};

/// A connection to an endpoint, as the metrics see it: open until this is dropped.
pub(super) struct Counted {
    observer: Rc<Observer>,
    upstream: Option<UpstreamId>,
}

impl Counted {
    pub(super) fn begin(observer: &Rc<Observer>, upstream: Option<UpstreamId>) -> Self {
        if let Some(upstream) = upstream {
            observer.metrics().upstream_opened(upstream);
        }
        Self { observer: observer.clone(), upstream }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        if let Some(upstream) = self.upstream {
            self.observer.metrics().upstream_closed(upstream);
        }
    }
}

impl fmt::Debug for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Counted").field("upstream", &self.upstream).finish()
    }
}
