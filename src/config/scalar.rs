//! One text to one value: durations, sizes, addresses, names. Pure; each failure says what would be right.

mod address;
mod edge;
mod message;
mod quantity;
mod text;

pub(super) use address::{
    certificate_name, cidr, collector, endpoint_address, host_pattern, listen_address, nameserver, origin,
};
pub(super) use edge::{byte_rate, limit_key, limit_name, rate};
pub(super) use message::{
    authority, header_name, header_value, method, method_meant, path, request_target, rule_header_name, status_range,
    value_match,
};
pub(super) use quantity::{duration, factor, more, percent, share, show_duration, show_size, size};
pub(super) use text::{cookie_name, hash_on, inner_path, name, regex, secret, template, upgrade};

/// Why a text is no such value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    pub(super) message: String,
    pub(super) help: String,
    /// Which octets of the text, where that is less than all of it.
    pub(super) part: Option<(usize, usize)>,
}

impl Wrong {
    pub(super) fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { message: message.into(), help: help.into(), part: None }
    }
}

/// What a text becomes.
pub(super) type Read<T> = Result<T, Wrong>;
