//! What was worked out when a response was stored, so that a hit is a comparison of numbers.

use super::Millis;

/// On which terms a response is stored. Plain numbers, so that a store can write them anywhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// When the response arrived, in milliseconds since 1970.
    pub received: Millis,
    /// How old it was then (`corrected_initial_age`, §4.2.3).
    pub initial_age: Millis,
    /// How old it may become and still be fresh (§4.2.1); 0 where it is stale from the start.
    pub lifetime: Millis,
    /// How long past its freshness it is served while it is validated (RFC 5861 §3).
    pub stale_while_revalidate: Millis,
    /// How long past its freshness it stands in for an upstream that fails (RFC 5861 §4).
    pub stale_if_error: Millis,
    /// What else the origin demands.
    pub rules: Rules,
}

impl Terms {
    /// How old the response is (`current_age`, §4.2.3).
    pub fn age(&self, now: Millis) -> Millis {
        self.initial_age.saturating_add(now.saturating_sub(self.received))
    }

    /// How long it is still fresh; 0 where it is stale.
    pub fn remaining(&self, now: Millis) -> Millis {
        self.lifetime.saturating_sub(self.age(now))
    }

    /// How long it has been stale; `None` where it is fresh.
    pub fn staleness(&self, now: Millis) -> Option<Millis> {
        self.age(now).checked_sub(self.lifetime)
    }

    /// The last moment at which it is of use as it is: fresh, or stale and still served in some case. Past it, only its validators are.
    pub fn useful_until(&self) -> Millis {
        let stale = self.stale_while_revalidate.max(self.stale_if_error);
        let oldest = self.lifetime.saturating_add(stale);
        self.received.saturating_add(oldest.saturating_sub(self.initial_age))
    }
}

/// What the origin demands beyond freshness.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rules(u8);

impl Rules {
    /// `no-cache`: validated at each use.
    pub const VALIDATE: Self = Self(1);
    /// `must-revalidate` or `proxy-revalidate`: never served stale.
    pub const MUST_REVALIDATE: Self = Self(2);
    /// `s-maxage`: never served stale but where the response itself allows it (§5.2.2.10).
    pub const SHARED_MAX_AGE: Self = Self(4);
    /// There is an `ETag` or a `Last-Modified` to validate it by.
    pub const VALIDATOR: Self = Self(8);
    /// The freshness is an estimate (§4.2.2).
    pub const HEURISTIC: Self = Self(16);

    /// Whether that rule is among them.
    pub const fn has(self, rule: Self) -> bool {
        self.0 & rule.0 != 0
    }

    /// With that rule, where it applies.
    #[must_use]
    pub const fn with(self, rule: Self, applies: bool) -> Self {
        Self(if applies { self.0 | rule.0 } else { self.0 })
    }

    /// As bits, for a store.
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// From the bits that a store kept.
    pub const fn from_bits(bits: u8) -> Self {
        Self(bits)
    }
}
