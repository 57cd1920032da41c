use std::{
    future::Future,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
};

use super::generation;
use crate::{GenerationEvent, ServeError};

struct Silent;

impl Wake for Silent {
    fn wake(self: Arc<Self>) {}
}

fn poll<T>(future: impl Future<Output = T>) -> Poll<T> {
    let waker = Waker::from(Arc::new(Silent));
    pin!(future).poll(&mut Context::from_waker(&waker))
}

fn text(text: &str) -> GenerationEvent {
    GenerationEvent { text: text.to_owned(), ..GenerationEvent::default() }
}

#[test]
fn events_come_in_order_and_then_the_end() {
    let (sender, mut stream) = generation(3);
    assert_eq!(stream.prompt_tokens(), 3);
    assert!(poll(stream.next()).is_pending());
    for expected in ["a", "b"] {
        sender.send(text(expected));
        let Poll::Ready(Some(Ok(event))) = poll(stream.next()) else { panic!("no event") };
        assert_eq!(event.text, expected);
    }
    drop(sender);
    assert!(matches!(poll(stream.next()), Poll::Ready(None)));
}

#[test]
fn an_error_is_passed_on() {
    let (sender, mut stream) = generation(1);
    sender.fail(ServeError::internal("broken"));
    let Poll::Ready(Some(Err(error))) = poll(stream.next()) else { panic!("no error") };
    assert_eq!(error.to_string(), "broken");
}

#[test]
fn whoever_leaves_cancels() {
    let (sender, stream) = generation(1);
    assert!(!sender.is_cancelled());
    drop(stream);
    assert!(sender.is_cancelled());
}

#[test]
fn what_waits_becomes_one_event_for_each_choice() {
    let (sender, mut stream) = generation(1);
    for (choice, word) in [(0, "a"), (1, "x"), (0, "b"), (0, "c")] {
        sender.send(GenerationEvent { choice, tokens: vec![7], ..text(word) });
    }
    sender.fail(ServeError::internal("broken"));
    for (choice, expected) in [(0, "abc"), (1, "x")] {
        let Poll::Ready(Some(Ok(event))) = poll(stream.next()) else { panic!("no event") };
        assert_eq!((event.choice, &*event.text), (choice, expected));
        assert_eq!(event.tokens.len(), expected.len());
    }
    assert!(matches!(poll(stream.next()), Poll::Ready(Some(Err(_)))));
}
