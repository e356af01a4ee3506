//! Where a head ends.

use std::sync::LazyLock;

use memchr::memmem::Finder;

use super::parse::HeadLimits;
use super::refused::HeadError;

/// Looks for the end of a head; remembers how far it looked, so that a head that drips in is looked at once.
#[derive(Debug, Default)]
pub struct HeadScan {
    looked: usize,
    line: usize,
}

/// What a head ends with.
static END: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\r\n\r\n"));

impl HeadScan {
    /// Where the head ends (behind the empty line), if it is all there. That each line before ends as it should is for its reader to check.
    ///
    /// # Errors
    /// A line that ends in LF alone, or more than `limits` allow without an end.
    pub fn find(&mut self, buffer: &[u8], limits: &HeadLimits) -> Result<Option<usize>, HeadError> {
        // A section of trailers may be an empty line and nothing else.
        if self.looked == 0
            && !buffer.starts_with(b"\r\n")
            && let Some(end) = END.find(buffer).map(|at| at + 4)
        {
            // Nearly all come whole.
            return if end > limits.head { Err(over(buffer, limits)) } else { Ok(Some(end)) };
        }
        self.find_by_lines(buffer, limits)
    }

    fn find_by_lines(&mut self, buffer: &[u8], limits: &HeadLimits) -> Result<Option<usize>, HeadError> {
        while let Some(at) = memchr::memchr(b'\n', &buffer[self.looked..]) {
            let end = self.looked + at;
            if end == 0 || buffer[end - 1] != b'\r' {
                return Err(HeadError::LineEnd);
            }
            let empty = end - 1 == self.line;
            self.looked = end + 1;
            if end + 1 > limits.head {
                return Err(over(buffer, limits));
            }
            if empty {
                return Ok(Some(end + 1));
            }
            self.line = end + 1;
        }
        self.looked = buffer.len();
        if buffer.len() >= limits.head { Err(over(buffer, limits)) } else { Ok(None) }
    }
}

/// A head over the limit: is it the target, or the fields?
fn over(buffer: &[u8], limits: &HeadLimits) -> HeadError {
    let line = memchr::memchr(b'\n', buffer).unwrap_or(buffer.len());
    if line > limits.target { HeadError::TargetTooLong } else { HeadError::TooLarge }
}
