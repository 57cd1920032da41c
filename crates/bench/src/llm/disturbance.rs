//! What readers of running answers notice when a long prompt arrives.

use std::{
    sync::mpsc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use tokio::task::JoinSet;

use super::{
    board::{Better, Board, Place},
    client::{self, Prompt},
    http_load::quantile,
    limits::Limits,
    prompts::{LONG_TOKENS, Prompts},
    subject::{Server, Slots},
};
use crate::clock;

/// Answers that are being written.
pub(super) const STREAMS: usize = 8;

/// Pieces that each of them has before time counts.
const WARM_UP_PIECES: usize = 8;

/// How long the streams are watched before the prompt arrives.
const UNDISTURBED: Duration = Duration::from_secs(2);

/// More tokens than the streams get until they are cut off.
const STREAM_TOKENS: usize = 3000;

/// Tokens of the answer to the long prompt.
const LONG_OUTPUT: usize = 2;

/// What a server has to hold for this.
pub(super) const SLOTS: Slots = Slots { requests: STREAMS + 1, tokens: LONG_TOKENS + 200 };

/// Names of the lines.
pub(super) const BEFORE_P99: &str = "ITL p99 of 8 streams, undisturbed, ms";
pub(super) const DURING_P99: &str = "ITL p99 of 8 streams while a prompt of 4000 is computed, ms";
pub(super) const RATIO: &str = "disturbed / undisturbed ITL p99";

/// Enough for connections to be closed and for the server to see it.
const CLOSING: Duration = Duration::from_millis(300);

/// Measures it and writes it down.
///
/// # Errors
///
/// A stream broke off, or the prompt was not answered.
pub(super) async fn measure(
    board: &mut Board,
    place: Place<'_>,
    server: &Server,
    prompts: &Prompts,
    limits: &Limits,
) -> Result<()> {
    limits.fits(Duration::from_secs(10))?;
    let watched = limits.hold(watch(server, prompts, place.round)).await?;
    let before = milliseconds(&watched.gaps(watched.from, watched.prompt_sent));
    let during = milliseconds(&watched.gaps(watched.prompt_sent, watched.prompt_answered));
    let value = |gaps: &[f64], share| quantile(gaps, share).context("no pieces came");
    let (calm, stormy) = (value(&before, 0.99)?, value(&during, 0.99)?);
    let mut add = |what: &str, value| board.add(place, what, Better::Lower, value);
    add("ITL p50 of 8 streams, undisturbed, ms", value(&before, 0.5)?);
    add(BEFORE_P99, calm);
    add("ITL p50 of 8 streams while a prompt of 4000 is computed, ms", value(&during, 0.5)?);
    add(DURING_P99, stormy);
    add(RATIO, stormy / calm);
    let first_token = watched.prompt_answered - watched.prompt_sent;
    add("TTFT of the prompt of 4000, ms", first_token.as_secs_f64() * 1e3);
    board.made(place, server.command.clone());
    Ok(())
}

/// When pieces of the streams came.
#[derive(Debug)]
struct Watched {
    streams: Vec<Vec<Instant>>,
    from: Instant,
    prompt_sent: Instant,
    prompt_answered: Instant,
}

impl Watched {
    /// Times between pieces of a stream that lie at least partly between two moments. The last piece
    /// of each stream that is still awaited at the end counts up to that end.
    fn gaps(&self, from: Instant, to: Instant) -> Vec<Duration> {
        self.streams.iter().flat_map(|pieces| gaps_of(pieces, from, to)).collect()
    }
}

fn gaps_of(pieces: &[Instant], from: Instant, to: Instant) -> Vec<Duration> {
    let within = |pair: &&[Instant]| pair[1] > from && pair[0] < to;
    let mut gaps: Vec<_> = pieces.windows(2).filter(within).map(|pair| pair[1] - pair[0]).collect();
    let awaited = pieces.last().filter(|last| **last < to);
    gaps.extend(awaited.map(|last| to - *last));
    gaps
}

async fn watch(server: &Server, prompts: &Prompts, round: usize) -> Result<Watched> {
    let address = server.address;
    let (sender, pieces) = mpsc::channel();
    let mut streams = JoinSet::new();
    let made = prompts.of_streams(&server.model, (STREAMS, STREAM_TOKENS), round);
    for (index, prompt) in made.into_iter().enumerate() {
        let sender = sender.clone();
        streams.spawn(async move {
            // Nobody listens any more when the streams are cut off.
            let tell = |at| sender.send((index, at)).unwrap_or_default();
            client::stream(address, &prompt, tell).await
        });
    }
    let mut seen = vec![Vec::new(); STREAMS];
    while seen.iter().any(|pieces| pieces.len() < WARM_UP_PIECES) {
        rest(&mut streams, Duration::from_millis(20)).await?;
        collect(&pieces, &mut seen);
    }
    let from = clock::now();
    rest(&mut streams, UNDISTURBED).await?;
    let long = prompts.long(&server.model, LONG_OUTPUT, round);
    let (prompt_sent, prompt_answered) = disturb(address, &long, &mut streams).await?;
    // A piece that was awaited when the prompt was answered shall come.
    rest(&mut streams, Duration::from_millis(500)).await?;
    // Parts that follow may keep this thread to themselves: connections that are only marked as to
    // be closed would stay open, and the server busy with them.
    streams.shutdown().await;
    clock::rest(CLOSING).await;
    collect(&pieces, &mut seen);
    Ok(Watched { streams: seen, from, prompt_sent, prompt_answered })
}

/// Sends the prompt; returns when that was, and when its first token came.
async fn disturb(
    address: std::net::SocketAddr,
    long: &Prompt,
    streams: &mut JoinSet<Result<client::Streamed>>,
) -> Result<(Instant, Instant)> {
    let answer = client::stream(address, long, |_| ());
    let streamed = tokio::select! {
        answered = answer => answered?,
        ended = streams.join_next() => return Err(end_too_early(ended)),
    };
    let first = streamed.pieces.first().context("the prompt was not answered")?;
    Ok((streamed.sent, *first))
}

/// Waits while all streams go on.
async fn rest(streams: &mut JoinSet<Result<client::Streamed>>, time: Duration) -> Result<()> {
    match tokio::time::timeout(time, streams.join_next()).await {
        Err(_) => Ok(()),
        Ok(ended) => Err(end_too_early(ended)),
    }
}

type Ended = Option<Result<Result<client::Streamed>, tokio::task::JoinError>>;

fn end_too_early(ended: Ended) -> anyhow::Error {
    match ended {
        Some(Ok(Err(error))) => error.context("a stream broke off"),
        Some(Ok(Ok(_))) => anyhow::anyhow!("a stream had {STREAM_TOKENS} tokens too early"),
        Some(Err(error)) => error.into(),
        None => anyhow::anyhow!("there are no streams"),
    }
}

fn collect(pieces: &mpsc::Receiver<(usize, Instant)>, seen: &mut [Vec<Instant>]) {
    pieces.try_iter().for_each(|(stream, at)| seen[stream].push(at));
}

fn milliseconds(gaps: &[Duration]) -> Vec<f64> {
    gaps.iter().map(|gap| gap.as_secs_f64() * 1e3).collect()
}

#[cfg(test)]
mod tests;
