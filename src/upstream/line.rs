//! The line before an upstream that is full: who is let in next. Pure: keys and times in, a key out.
//!
//! Usually first come, first served. But a line that has not been empty for a while is not a burst that passes: all who stand in it wait
//! for as long as the line takes, and those at its head are the most likely to have given up already. From then on (CoDel tells a standing
//! queue from a burst in the same way) the newest is let in first, so that the fresh ones live; those who wait longest run into the
//! timeout of the line, or make room when it is full. The line is fair again once it has been empty.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How long a line may stand before it counts as standing, as a part of its timeout: 100 ms of 1 s.
const PATIENCE: u32 = 10;

/// Those who wait in one worker.
#[derive(Debug)]
pub struct Line<T> {
    waiting: VecDeque<(u64, T)>,
    last: u64,
    /// When it was empty last.
    empty: Option<Instant>,
    patience: Duration,
}

impl<T> Line<T> {
    /// Nobody waits; `timeout` is how long one may.
    pub fn new(timeout: Duration) -> Self {
        Self { waiting: VecDeque::new(), last: 0, empty: None, patience: timeout / PATIENCE }
    }

    /// Somebody comes; the key is for [`Line::leave`].
    pub fn join(&mut self, who: T, now: Instant) -> u64 {
        if self.waiting.is_empty() {
            self.empty = Some(now);
        }
        self.last += 1;
        self.waiting.push_back((self.last, who));
        self.last
    }

    /// Somebody goes, whatever for; `false` where they are not there any more.
    pub fn leave(&mut self, key: u64) -> bool {
        let place = self.waiting.iter().position(|(one, _)| *one == key);
        place.is_some_and(|place| self.waiting.remove(place).is_some())
    }

    /// Whether it has stood for too long.
    pub fn is_standing(&self, now: Instant) -> bool {
        let since = self.empty.filter(|_| !self.waiting.is_empty());
        since.is_some_and(|since| now.saturating_duration_since(since) >= self.patience)
    }

    /// Who is let in next.
    pub fn next(&self, now: Instant) -> Option<&(u64, T)> {
        if self.is_standing(now) { self.waiting.back() } else { self.waiting.front() }
    }

    /// Who makes room for one who comes while the line is full: the oldest of a line that stands, and nobody else.
    pub fn displace(&mut self, now: Instant) -> Option<T> {
        if self.is_standing(now) { self.waiting.pop_front().map(|(_, who)| who) } else { None }
    }

    /// What is kept for somebody who waits.
    pub fn of(&mut self, key: u64) -> Option<&mut T> {
        self.waiting.iter_mut().find(|(one, _)| *one == key).map(|(_, who)| who)
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether nobody waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(1);

    fn next(line: &Line<char>, now: Instant) -> Option<char> {
        line.next(now).map(|(_, who)| *who)
    }

    #[test]
    fn a_burst_is_served_in_order_and_a_standing_line_from_its_end() {
        let (start, ms) = (Instant::now(), Duration::from_millis);
        let mut line = Line::new(TIMEOUT);
        assert_eq!(next(&line, start), None);
        let a = line.join('a', start);
        let b = line.join('b', start + ms(40));
        line.join('c', start + ms(90));
        assert_eq!(next(&line, start + ms(99)), Some('a'));
        assert!(line.leave(a) && !line.leave(a));
        assert_eq!(next(&line, start + ms(99)), Some('b'));
        // Nobody of those who waited first is there any more, but the line has never been empty.
        assert!(line.leave(b));
        line.join('d', start + ms(120));
        assert_eq!(next(&line, start + ms(120)), Some('d'));
        line.join('e', start + ms(130));
        assert_eq!(next(&line, start + ms(130)), Some('e'));
    }

    #[test]
    fn an_empty_line_is_fair_again() {
        let (start, ms) = (Instant::now(), Duration::from_millis);
        let mut line = Line::new(TIMEOUT);
        let a = line.join('a', start);
        assert!(line.is_standing(start + ms(100)));
        line.leave(a);
        assert!(!line.is_standing(start + ms(100)), "nobody stands in it");
        line.join('b', start + ms(200));
        line.join('c', start + ms(210));
        assert_eq!(next(&line, start + ms(299)), Some('b'));
        assert_eq!(next(&line, start + ms(300)), Some('c'));
    }

    #[test]
    fn room_is_made_by_the_oldest_of_a_standing_line() {
        let (start, ms) = (Instant::now(), Duration::from_millis);
        let mut line = Line::new(TIMEOUT);
        let key = line.join('a', start);
        line.join('b', start + ms(1));
        assert_eq!(line.displace(start + ms(50)), None, "it may be a burst");
        assert_eq!(line.displace(start + ms(150)), Some('a'));
        assert!(!line.leave(key));
        assert_eq!((line.len(), line.is_empty()), (1, false));
    }
}
