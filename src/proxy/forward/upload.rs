//! The body of a request that may have to be sent more than once.
//!
//! What came whole with the head is at hand anyway. What streams is kept while it is sent, up to a limit: a body that turns out to be larger
//! goes on, but goes once.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};

use crate::http::{Body, BodyError, BodyStream, Frame, Headers, Length};

/// A request body, for each attempt anew.
pub(super) enum Upload {
    /// None.
    Empty,
    /// All of it.
    Full(Bytes),
    /// For one attempt.
    Once(Cell<Body>),
    /// Kept while it is sent.
    Kept(Rc<RefCell<Kept>>),
}

/// A streamed body, and what of it was sent.
pub(super) struct Kept {
    source: Body,
    sent: BytesMut,
    trailers: Option<Headers>,
    ended: bool,
    limit: usize,
    /// More than the limit was sent, or its source failed.
    lost: bool,
    length: Length,
}

impl Upload {
    /// `keep` is how many octets of a stream are kept; `None`: it is sent once.
    pub(super) fn new(body: Body, keep: Option<usize>) -> Self {
        let limit = match (body, keep) {
            (Body::Empty, _) => return Self::Empty,
            (Body::Full(bytes), _) => return Self::Full(bytes),
            (body, None) => return Self::Once(Cell::new(body)),
            (body, Some(limit)) => (body, limit),
        };
        let (source, limit) = limit;
        let length = source.length();
        let (sent, trailers, ended, lost) = (BytesMut::new(), None, false, false);
        Self::Kept(Rc::new(RefCell::new(Kept { source, sent, trailers, ended, limit, lost, length })))
    }

    /// The body for one attempt. The one before is no longer used.
    pub(super) fn body(&self) -> Body {
        match self {
            Self::Empty => Body::Empty,
            Self::Full(bytes) => Body::Full(bytes.clone()),
            Self::Once(body) => body.take(),
            Self::Kept(kept) => Body::stream(Replay { kept: kept.clone(), position: 0, trailers_sent: false }),
        }
    }

    /// Whether all of it has come from the client; of one that is sent once nobody knows.
    pub(super) fn has_ended(&self) -> bool {
        match self {
            Self::Empty | Self::Full(_) => true,
            Self::Once(_) => false,
            Self::Kept(kept) => kept.borrow().ended,
        }
    }

    /// Whether all of it has come and can be sent by two attempts at once.
    pub(super) fn is_at_hand(&self) -> bool {
        self.has_ended() && self.is_whole()
    }

    /// Whether all of it can still be sent.
    pub(super) fn is_whole(&self) -> bool {
        match self {
            Self::Empty | Self::Full(_) => true,
            Self::Once(body) => {
                let inside = body.take();
                let there = !inside.is_empty();
                body.set(inside);
                there
            }
            Self::Kept(kept) => !kept.borrow().lost,
        }
    }
}

/// The body of one attempt: first what was sent before, then what comes.
struct Replay {
    kept: Rc<RefCell<Kept>>,
    position: u64,
    trailers_sent: bool,
}

impl BodyStream for Replay {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame, BodyError>>> {
        // Once the attempts are over this is the only owner, and nobody will ask for it again.
        let last = Rc::strong_count(&self.kept) == 1;
        let kept = &mut *self.kept.borrow_mut();
        if let Some(again) = usize::try_from(self.position).ok().and_then(|at| kept.sent.get(at..))
            && !again.is_empty()
        {
            self.position = kept.sent.len() as u64;
            return Poll::Ready(Some(Ok(Frame::Data(Bytes::copy_from_slice(again)))));
        }
        if kept.ended {
            if std::mem::replace(&mut self.trailers_sent, true) {
                return Poll::Ready(None);
            }
            return Poll::Ready(kept.trailers.clone().map(|trailers| Ok(Frame::Trailers(trailers))));
        }
        let frame = ready!(kept.source.poll_frame(cx));
        match &frame {
            Some(Ok(Frame::Data(data))) => {
                self.position += data.len() as u64;
                kept.keep(data, last);
                if kept.source.has_ended() {
                    // Whoever sends this with the end of the stream does not ask again.
                    (kept.ended, self.trailers_sent) = (true, true);
                }
            }
            Some(Ok(Frame::Trailers(trailers))) => {
                (kept.ended, self.trailers_sent) = (true, true);
                kept.trailers = Some(trailers.clone());
            }
            Some(Err(_)) => kept.lost = true,
            None => (kept.ended, self.trailers_sent) = (true, true),
        }
        Poll::Ready(frame)
    }

    fn length(&self) -> Length {
        match self.kept.borrow().length {
            Length::Known(length) => Length::Known(length.saturating_sub(self.position)),
            Length::Unknown => Length::Unknown,
        }
    }

    fn has_ended(&self) -> bool {
        let kept = self.kept.borrow();
        kept.ended && kept.trailers.is_none() && (kept.lost || self.position == kept.sent.len() as u64)
    }
}

impl Kept {
    fn keep(&mut self, data: &Bytes, last: bool) {
        if last || self.lost || self.sent.len() + data.len() > self.limit {
            self.lost = true;
            self.sent = BytesMut::new();
            return;
        }
        // A copy, so that a few octets do not hold the buffer that they were read into.
        self.sent.extend_from_slice(data);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Frames as they stand, then the end.
    struct Frames(Vec<Result<Frame, BodyError>>);

    impl BodyStream for Frames {
        fn poll_frame(&mut self, _: &mut Context<'_>) -> Poll<Option<Result<Frame, BodyError>>> {
            Poll::Ready(if self.0.is_empty() { None } else { Some(self.0.remove(0)) })
        }

        fn length(&self) -> Length {
            Length::Unknown
        }
    }

    fn frames(texts: &[&'static str]) -> Body {
        let frames = texts.iter().map(|text| Ok(Frame::Data(Bytes::from_static(text.as_bytes()))));
        let trailers: Headers = [(http::header::AGE, http::HeaderValue::from_static("1"))].into_iter().collect();
        Body::stream(Frames(frames.chain([Ok(Frame::Trailers(trailers))]).collect()))
    }

    /// Takes so many frames: text, and `;` for trailers.
    fn take(body: &mut Body, count: usize) -> String {
        let mut cx = Context::from_waker(std::task::Waker::noop());
        let mut text = String::new();
        for _ in 0..count {
            match body.poll_frame(&mut cx) {
                Poll::Ready(Some(Ok(Frame::Data(data)))) => text += std::str::from_utf8(&data).expect("text"),
                Poll::Ready(Some(Ok(Frame::Trailers(_)))) => text += ";",
                Poll::Ready(Some(Err(error))) => text += &error.to_string(),
                Poll::Ready(None) => break,
                Poll::Pending => panic!("these are all there"),
            }
        }
        text
    }

    #[test]
    fn a_small_stream_is_sent_again_from_its_begin() {
        let upload = Upload::new(frames(&["ab", "cd", "ef"]), Some(6));
        assert!(upload.is_whole() && !upload.has_ended() && !upload.is_at_hand());
        assert_eq!(take(&mut upload.body(), 2), "abcd", "broken off");
        assert!(upload.is_whole());
        assert_eq!(take(&mut upload.body(), 9), "abcdef;");
        assert_eq!(take(&mut upload.body(), 9), "abcdef;", "and after its end");
        assert!(upload.has_ended() && upload.is_at_hand());
    }

    #[test]
    fn a_large_one_goes_on_but_goes_once() {
        let upload = Upload::new(frames(&["ab", "cd", "ef"]), Some(5));
        let mut body = upload.body();
        assert_eq!(take(&mut body, 2), "abcd");
        assert!(upload.is_whole());
        assert_eq!(take(&mut body, 9), "ef;");
        assert!(!upload.is_whole());
    }

    #[test]
    fn nothing_is_kept_when_the_attempts_are_over() {
        let upload = Upload::new(frames(&["ab", "cd"]), Some(100));
        assert_eq!(take(&mut upload.body(), 1), "ab");
        let mut body = upload.body();
        let Upload::Kept(kept) = &upload else { panic!("it streams") };
        let kept = Rc::downgrade(kept);
        drop(upload);
        assert_eq!(take(&mut body, 9), "abcd;", "what was promised is sent");
        assert!(kept.upgrade().is_some_and(|kept| kept.borrow().sent.is_empty()));
    }

    #[test]
    fn its_end_is_known_with_the_last_octets_where_the_source_knows_it() {
        /// Two pieces, and no trailers.
        struct Told(u8);
        impl BodyStream for Told {
            fn poll_frame(&mut self, _: &mut Context<'_>) -> Poll<Option<Result<Frame, BodyError>>> {
                self.0 -= 1;
                Poll::Ready(Some(Ok(Frame::Data(Bytes::from_static(b"ab")))))
            }

            fn length(&self) -> Length {
                Length::Unknown
            }

            fn has_ended(&self) -> bool {
                self.0 == 0
            }
        }
        for keep in [None, Some(100), Some(3)] {
            let upload = Upload::new(Body::stream(Told(2)), keep);
            let mut body = upload.body();
            assert_eq!((take(&mut body, 1), body.has_ended()), ("ab".to_owned(), false), "{keep:?}");
            assert_eq!((take(&mut body, 1), body.has_ended()), ("ab".to_owned(), true), "{keep:?}");
        }
        let upload = Upload::new(Body::stream(Told(2)), Some(100));
        assert_eq!(take(&mut upload.body(), 2), "abab");
        assert!(upload.has_ended());
        let mut again = upload.body();
        assert!(!again.has_ended());
        assert_eq!((take(&mut again, 1), again.has_ended()), ("abab".to_owned(), true));
    }

    #[test]
    fn one_attempt_only() {
        let upload = Upload::new(frames(&["ab"]), None);
        assert!(upload.is_whole());
        assert_eq!(take(&mut upload.body(), 9), "ab;");
        assert!(!upload.is_whole());
        let upload = Upload::new(frames(&["ab"]), Some(0));
        let body = upload.body();
        assert!(upload.is_whole(), "not a byte was taken");
        drop(body);
        assert_eq!(take(&mut upload.body(), 1), "ab");
        assert!(!upload.is_whole());
    }

    #[test]
    fn a_source_that_failed_is_not_tried_again() {
        let upload = Upload::new(Body::stream(Frames(vec![Err(BodyError::Incomplete)])), Some(100));
        assert_eq!(take(&mut upload.body(), 1), BodyError::Incomplete.to_string());
        assert!(!upload.is_whole());
    }
}
