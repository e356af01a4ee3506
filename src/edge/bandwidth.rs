//! How fast bodies pass: a bucket of octets, and a body that waits for it.

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::time::Sleep;

use crate::http::{Body, BodyError, BodyStream, Frame, Length};

/// The time that one piece stands for: short enough that a transfer seems steady.
const PIECE: Duration = Duration::from_millis(50);
/// No piece is smaller, unless it is the last one.
const LEAST: u64 = 1024;

/// Octets that may pass, as time goes by. All bodies that share it share its rate.
#[derive(Debug)]
pub struct Pace {
    /// Octets of a second; at least 1.
    rate: u64,
    /// Octets that may pass at once.
    burst: u64,
    /// When all that has passed is paid for.
    paid: Instant,
}

impl Pace {
    /// At that rate, in octets of a second.
    pub fn new(rate: u64, now: Instant) -> Self {
        let burst = (rate / 1000 * u64::try_from(PIECE.as_millis()).unwrap_or(1)).max(LEAST);
        let burst_time = time_of(burst, rate.max(1));
        // At the begin the bucket is full.
        Self { rate: rate.max(1), burst, paid: now.checked_sub(burst_time).unwrap_or(now) }
    }

    /// How many of so many octets may pass now, which counts them.
    ///
    /// # Errors
    /// None; then some may.
    pub fn take(&mut self, wanted: usize, now: Instant) -> Result<usize, Instant> {
        let full = time_of(self.burst, self.rate);
        let earliest = now.checked_sub(full).unwrap_or(now);
        let paid = self.paid.max(earliest);
        let piece = time_of(self.burst.min(wanted as u64), self.rate);
        if paid + piece > now {
            return Err(paid + piece);
        }
        let octets = self.burst.min(wanted as u64);
        self.paid = paid + piece;
        Ok(usize::try_from(octets).unwrap_or(wanted))
    }
}

/// The time in which so many octets pass.
fn time_of(octets: u64, rate: u64) -> Duration {
    // Rounded up, so that many small pieces are no faster than one large one.
    let nanos = (u128::from(octets) * 1_000_000_000).div_ceil(u128::from(rate));
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

/// A body that is not asked for more than its pace allows: whoever sends it is held back by that.
struct Paced {
    source: Body,
    pace: Rc<RefCell<Pace>>,
    held: Bytes,
    sleep: Option<Pin<Box<Sleep>>>,
}

/// The body at that pace. One without content stays as it is.
pub fn paced(source: Body, pace: Rc<RefCell<Pace>>) -> Body {
    match source {
        Body::Empty => Body::Empty,
        source => Body::stream(Paced { source, pace, held: Bytes::new(), sleep: None }),
    }
}

impl BodyStream for Paced {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame, BodyError>>> {
        if self.held.is_empty() {
            match ready!(self.source.poll_frame(cx)) {
                Some(Ok(Frame::Data(octets))) => self.held = octets,
                other => return Poll::Ready(other),
            }
        }
        loop {
            let taken = self.pace.borrow_mut().take(self.held.len(), Instant::now());
            let until = match taken {
                Ok(octets) => return Poll::Ready(Some(Ok(Frame::Data(self.held.split_to(octets))))),
                Err(until) => tokio::time::Instant::from_std(until),
            };
            match &mut self.sleep {
                Some(sleep) => sleep.as_mut().reset(until),
                none => *none = Some(Box::pin(tokio::time::sleep_until(until))),
            }
            if let Some(sleep) = &mut self.sleep {
                ready!(sleep.as_mut().poll(cx));
            }
        }
    }

    fn length(&self) -> Length {
        match self.source.length() {
            Length::Known(octets) => Length::Known(octets + self.held.len() as u64),
            Length::Unknown => Length::Unknown,
        }
    }

    fn set_limit(&mut self, octets: u64) {
        self.source.set_limit(octets.saturating_sub(self.held.len() as u64));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_passes_than_the_rate_gives() {
        for rate in [1, 100, 1000, 65_536, 1 << 20, 10 << 30] {
            let begin = Instant::now();
            let mut pace = Pace::new(rate, begin);
            let (mut now, mut passed) = (begin, 0_u64);
            while now < begin + Duration::from_secs(20) {
                match pace.take(100_000, now) {
                    Ok(octets) => {
                        assert!(octets > 0);
                        passed += octets as u64;
                    }
                    Err(until) => {
                        assert!(until > now);
                        now = until;
                    }
                }
                let most = pace.burst + (u128::from(rate) * (now - begin).as_nanos() / 1_000_000_000) as u64 + 1;
                assert!(passed <= most, "{passed} of {most} at {rate}");
            }
            let least = (rate * 20).saturating_sub(pace.burst);
            assert!(passed >= least, "{passed} of {least} at {rate}");
        }
    }

    #[test]
    fn a_pause_is_no_credit() {
        let begin = Instant::now();
        let mut pace = Pace::new(1 << 20, begin);
        let mut passed = 0;
        while let Ok(octets) = pace.take(1 << 20, begin + Duration::from_secs(3600)) {
            passed += octets as u64;
        }
        assert!(passed <= pace.burst, "{passed}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_comes_whole_and_no_faster() {
        let octets = Bytes::from(vec![7; 100_000]);
        let pace = Rc::new(RefCell::new(Pace::new(1 << 20, Instant::now())));
        let mut body = paced(Body::full(octets), pace);
        assert_eq!(body.length(), Length::Known(100_000));
        let mut passed = 0;
        while let Some(frame) = std::future::poll_fn(|cx| body.poll_frame(cx)).await {
            let Ok(Frame::Data(octets)) = frame else { panic!("data") };
            passed += octets.len();
            assert_eq!(body.length(), Length::Known(100_000 - passed as u64));
        }
        assert_eq!(passed, 100_000);
        assert!(matches!(paced(Body::Empty, Rc::new(RefCell::new(Pace::new(1, Instant::now())))), Body::Empty));
    }
}
