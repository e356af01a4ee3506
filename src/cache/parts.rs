//! A body of which only parts are here (RFC 9111 §3.3, §3.4): octets of one representation, which its strong validator holds together.

use std::collections::VecDeque;

use bytes::Bytes;

use super::content::Content;
use crate::http::range::Span;

/// Parts of one body; the oldest goes for one more.
const MOST: usize = 64;

/// Parts of a body.
#[derive(Clone, Debug, Default)]
pub struct Parts {
    total: u64,
    /// Where each begins, and its octets; the oldest first. They may overlap: octets of one place are the same in all.
    held: Vec<(u64, Content)>,
}

impl Parts {
    /// None yet, of a body of so many octets.
    pub const fn of(total: u64) -> Self {
        Self { total, held: Vec::new() }
    }

    /// Octets of the whole body.
    pub const fn total(&self) -> u64 {
        self.total
    }

    /// With one part more. What lies within it goes, and so do the oldest, where all together are more than `max` octets; the new one stays.
    #[must_use]
    pub fn with(&self, first: u64, content: Content, max: u64) -> Self {
        let end = first.saturating_add(content.len());
        let within = |(start, other): &(u64, Content)| *start >= first && start + other.len() <= end;
        let mut held: Vec<_> = self.held.iter().filter(|part| !within(part)).cloned().collect();
        held.push((first, content));
        let octets = |held: &[(u64, Content)]| held.iter().map(|(_, content)| content.len()).sum::<u64>();
        while held.len() > 1 && (held.len() > MOST || octets(&held) > max) {
            held.remove(0);
        }
        Self { total: self.total, held }
    }

    /// All of it.
    pub const fn all(&self) -> Option<Span> {
        match self.total.checked_sub(1) {
            Some(last) => Some(Span { first: 0, last }),
            None => None,
        }
    }

    /// From the first octet of a span that is not here to the last one; `None` where all are here.
    pub fn missing(&self, span: Span) -> Option<Span> {
        let ends = || self.held.iter().map(|(start, content)| (*start, start + content.len()));
        let mut first = span.first;
        while first <= span.last {
            let reach = ends().filter(|(start, end)| (*start..*end).contains(&first)).map(|(_, end)| end).max();
            let Some(end) = reach else { break };
            first = end;
        }
        if first > span.last {
            return None;
        }
        let mut last = span.last;
        while last > first {
            let reach = ends().filter(|(start, end)| (*start..*end).contains(&last)).map(|(start, _)| start).min();
            // What is in front of octet 0 is not missing: the first one is.
            let Some(start) = reach else { break };
            last = start.saturating_sub(1);
        }
        Some(Span { first, last })
    }

    /// The octets of a span; `None` where one of them is not here.
    pub fn slices(&self, span: Span) -> Option<VecDeque<Bytes>> {
        let mut found = VecDeque::new();
        let mut place = span.first;
        while place <= span.last {
            let has = |(start, content): &&(u64, Content)| (*start..start + content.len()).contains(&place);
            let (start, content) = self.held.iter().filter(has).max_by_key(|(start, content)| start + content.len())?;
            let octets = (start + content.len()).min(span.last + 1) - place;
            content.part(place - start, octets, &mut found);
            place += octets;
        }
        Some(found)
    }

    /// The body, where all of it is here.
    pub fn whole(&self) -> Option<Content> {
        let slices = self.slices(self.all()?)?;
        Some(Content::of(slices.into_iter().collect()))
    }

    /// What is here, in order of age.
    pub fn spans(&self) -> impl Iterator<Item = Span> {
        let span = |(first, content): &(u64, Content)| {
            Some(Span { first: *first, last: (first + content.len()).checked_sub(1)? })
        };
        self.held.iter().filter_map(span)
    }

    /// Octets of memory that they take.
    pub(super) fn weight(&self) -> usize {
        size_of::<Self>()
            + self.held.iter().map(|(_, content)| size_of::<(u64, Content)>() + content.weight()).sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TEXT: &[u8] = b"0123456789";

    fn parts(spans: &[(u64, u64)]) -> Parts {
        let part = |parts: Parts, &(first, last): &(u64, u64)| {
            parts.with(first, Content::copy(&TEXT[first as usize..=last as usize]), 1000)
        };
        spans.iter().fold(Parts::of(10), part)
    }

    fn read(parts: &Parts, first: u64, last: u64) -> Option<Vec<u8>> {
        parts.slices(Span { first, last }).map(|slices| slices.iter().flatten().copied().collect())
    }

    #[test]
    fn what_is_missing_is_one_span() {
        for (held, asked, missing) in [
            (&[][..], (0, 9), Some((0, 9))),
            (&[(0, 4)], (0, 4), None),
            (&[(0, 4)], (1, 3), None),
            (&[(0, 4)], (0, 9), Some((5, 9))),
            (&[(0, 4)], (3, 6), Some((5, 6))),
            (&[(5, 9)], (0, 9), Some((0, 4))),
            (&[(5, 9)], (0, 0), Some((0, 0))),
            (&[(0, 2), (7, 9)], (0, 9), Some((3, 6))),
            (&[(0, 2), (3, 9)], (0, 9), None),
            (&[(0, 5), (3, 9)], (0, 9), None),
            // What lies between is fetched again: one request for one part.
            (&[(0, 0), (4, 4), (9, 9)], (0, 9), Some((1, 8))),
        ] {
            let found = parts(held).missing(Span { first: asked.0, last: asked.1 });
            assert_eq!(found.map(|span| (span.first, span.last)), missing, "{held:?} {asked:?}");
        }
    }

    #[test]
    fn octets_come_from_wherever_they_are() {
        let some = parts(&[(0, 3), (2, 6)]);
        assert_eq!(read(&some, 1, 6).unwrap(), b"123456");
        assert_eq!(read(&some, 1, 7), None);
        assert!(some.whole().is_none());
        let whole = some.with(7, Content::copy(b"789"), 1000).whole().unwrap();
        assert_eq!(whole.slices().concat(), TEXT);
    }

    #[test]
    fn the_oldest_go_for_the_newest() {
        let some = parts(&[(0, 3), (4, 7)]).with(8, Content::copy(b"89"), 6);
        assert_eq!((read(&some, 0, 0), read(&some, 4, 9).unwrap()), (None, b"456789".to_vec()));
        let many = (0..200).fold(Parts::of(1000), |parts, at| parts.with(at * 2, Content::copy(b"x"), 1000));
        assert_eq!(many.spans().count(), MOST);
        assert!(many.missing(Span { first: 398, last: 398 }).is_none());
        // One that contains others takes their place.
        assert_eq!(parts(&[(1, 2), (4, 5), (0, 9)]).spans().count(), 1);
    }

    proptest! {
        /// Beside a list of octets of which each is there or not.
        #[test]
        fn no_octet_is_told_that_is_not_here(spans in prop::collection::vec((0_u64..10, 0_u64..10), 0..6), asked in (0_u64..10, 0_u64..10)) {
            let ordered = |(one, other): (u64, u64)| (one.min(other), one.max(other));
            let spans: Vec<_> = spans.into_iter().map(ordered).collect();
            let (first, last) = ordered(asked);
            let here = |place: u64| spans.iter().any(|(first, last)| (*first..=*last).contains(&place));
            let some = parts(&spans);
            let absent: Vec<u64> = (first..=last).filter(|place| !here(*place)).collect();
            let missing = some.missing(Span { first, last }).map(|span| (span.first, span.last));
            prop_assert_eq!(missing, absent.first().copied().zip(absent.last().copied()));
            let want = absent.is_empty().then(|| TEXT[first as usize..=last as usize].to_vec());
            prop_assert_eq!(read(&some, first, last), want);
        }
    }
}
