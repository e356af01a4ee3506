//! The last exchanges that failed, apart for each side: what strangers send wrong does not push out what an upstream failed to do.

use super::Ring;
use crate::observe::Side;

/// Exchanges of each side that are remembered.
const KEPT: usize = 100;

/// The last ones of each side.
#[derive(Clone, Debug)]
pub struct Failures([Ring<(u64, Box<[u8]>)>; 3], u64);

impl Default for Failures {
    fn default() -> Self {
        Self(std::array::from_fn(|_| Ring::new(KEPT)), 0)
    }
}

impl Failures {
    /// Remembers one more, as a line of the access log in JSON.
    pub fn note(&mut self, side: Side, line: &[u8]) {
        self.1 += 1;
        self.0[side as usize].push((self.1, line.into()));
    }

    /// Those of that side, or all; the latest first.
    pub fn lines(&self, side: Option<Side>) -> Vec<&[u8]> {
        let wanted = |place: usize| side.is_none_or(|side| side as usize == place);
        let rings = self.0.iter().enumerate().filter(|(place, _)| wanted(*place));
        let mut all: Vec<_> = rings.flat_map(|(_, ring)| ring.iter()).collect();
        all.sort_unstable_by_key(|(number, _)| std::cmp::Reverse(*number));
        all.into_iter().map(|(_, line)| &**line).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_do_not_push_out_what_upstreams_did() {
        let mut failures = Failures::default();
        failures.note(Side::Upstream, b"refused");
        for number in 0..1000 {
            failures.note(Side::Client, number.to_string().as_bytes());
        }
        assert_eq!(failures.lines(Some(Side::Upstream)), [b"refused"]);
        assert_eq!(failures.lines(Some(Side::Us)), Vec::<&[u8]>::new());
        let all = failures.lines(None);
        assert_eq!((all.len(), all[0], all[KEPT]), (KEPT + 1, &b"999"[..], &b"refused"[..]));
    }
}
