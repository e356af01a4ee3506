//! The last so many of something.

use std::collections::VecDeque;

/// A list that forgets its oldest entry when there is no room for the next.
#[derive(Clone, Debug)]
pub struct Ring<T> {
    list: VecDeque<T>,
    room: usize,
}

impl<T> Ring<T> {
    /// For so many; at least one.
    pub fn new(room: usize) -> Self {
        Self { list: VecDeque::new(), room: room.max(1) }
    }

    /// Remembers one more.
    pub fn push(&mut self, entry: T) {
        if self.list.len() == self.room {
            self.list.pop_front();
        }
        self.list.push_back(entry);
    }

    /// The oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &T> {
        self.list.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether nothing is remembered.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The latest.
    pub fn last(&self) -> Option<&T> {
        self.list.back()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_goes_first() {
        let mut ring = Ring::new(3);
        (1..=5).for_each(|number| ring.push(number));
        assert_eq!(ring.iter().copied().collect::<Vec<_>>(), [3, 4, 5]);
        assert_eq!((ring.len(), ring.last()), (3, Some(&5)));
    }
}
