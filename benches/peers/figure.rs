//! What is compared.

use crate::run::Measured;

/// The figure of a work that its ratios are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Figure {
    /// CPU time for a request.
    Cpu,
    /// Memory for a connection.
    Memory,
    /// The time that 99 of 100 requests take at most.
    Late,
}

impl Figure {
    /// Of one measurement.
    pub(crate) fn of(self, measured: &Measured) -> f64 {
        match self {
            Self::Cpu => measured.cpu_us(),
            Self::Memory => measured.kib_per_connection.unwrap_or(f64::NAN),
            Self::Late => measured.seen.p99,
        }
    }

    /// As words in a table.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Cpu => "CPU",
            Self::Memory => "memory",
            Self::Late => "p99",
        }
    }
}
