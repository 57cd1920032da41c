//! What Hone's generation is meant to reach beside the best of the peers, and whether a run shows it.

use super::{
    Part,
    batched::{BILLION_DECODE, decode_line, prefill_line},
    board::{Board, Figure},
    disturbance,
    exactness::PERPLEXITY,
    roofline::Limits,
};
use crate::goals::Goal;

/// Names of lines about the life of a server.
pub(super) const READY_S: &str = "start to ready, s";
pub(super) const RESIDENT_MB: &str = "RSS when ready, MB";

/// Every goal, with what the figures say about it.
pub(super) fn evaluate(board: &Board, limits: &Limits) -> Vec<Goal> {
    let mut goals = vec![speed(board, &prefill_line(512), (1.5, 2.2))];
    goals.push(speed(board, &decode_line(1), (1.5, 2.0)));
    goals.extend([8, 16, 32].map(|batch| speed(board, &decode_line(batch), (2.0, 3.0))));
    let sixteen = |what: &str| format!("16 at a time: {what}");
    let rate = board.ratio(Part::Http, &sixteen("output tok/s"));
    goals.push(Goal::at_least(named("HTTP, 16 at a time: output tok/s"), (3.0, 4.0), rate));
    let first = sixteen("TTFT p50, ms");
    let ratio = board.ratio(Part::Http, &first);
    goals.push(Goal::at_most(named("HTTP, 16 at a time: TTFT p50"), (1.0 / 3.0, 0.15), ratio));
    let milliseconds = hone(board, Part::Http, &first);
    goals.push(Goal::aimed_at("HTTP, 16 at a time: TTFT p50, ms".to_owned(), 400.0, milliseconds));
    let shared = hone(board, Part::Prefix, &sixteen("prompt tokens found in a cache, %"));
    // All of the shared tokens but those of the request that computes them: 15 * 512 of 16 * 640.
    let name = "shared prefix of 512, 16 at a time: prompt tokens found in the cache, %";
    goals.push(Goal::at_least(name.to_owned(), (70.0, 75.0), shared));
    let disturbed = hone(board, Part::Disturbance, disturbance::RATIO);
    let name = "a prompt of 4000 arrives among 8 streams: ITL p99 / undisturbed";
    goals.push(Goal::at_most(name.to_owned(), (3.0, 2.0), disturbed));
    goals.extend(billion(board, limits));
    goals.extend(exactness(board));
    goals.extend(life(board));
    goals
}

fn named(what: &str) -> String {
    format!("{what} / best peer")
}

fn speed(board: &Board, what: &str, limits: (f64, f64)) -> Goal {
    Goal::at_least(named(what), limits, board.ratio(Part::Engine, what))
}

fn hone(board: &Board, part: Part, what: &str) -> Option<f64> {
    board.of(part, what).find(|figure| figure.is_hone())?.median()
}

fn billion(board: &Board, limits: &Limits) -> [Goal; 2] {
    let ratio = board.ratio(Part::Billion, BILLION_DECODE);
    let share = hone(board, Part::Billion, BILLION_DECODE)
        .and_then(|rate| limits.share_of_memory(rate, limits.billion_bytes?));
    [
        Goal::at_least(named("1.1 billion weights, decode batch 1"), (1.2, 1.2), ratio),
        Goal::aimed_at_least(
            "1.1 billion weights, decode batch 1: % of the memory's bandwidth".to_owned(),
            85.0,
            share,
        ),
    ]
}

/// The same file, so the same weights: what differs is the arithmetic.
fn exactness(board: &Board) -> Option<Goal> {
    let same_file = board.figures.iter().find(|figure| {
        figure.part == Part::Exactness
            && figure.subject == "llama.cpp Q4_1"
            && figure.what.starts_with(PERPLEXITY)
    })?;
    let own = board.of(Part::Exactness, &same_file.what).find(|figure| figure.is_hone());
    let ratio = own.and_then(|own| own.ratio(same_file));
    let name = "perplexity / llama.cpp's for the same file".to_owned();
    Some(Goal::at_most(name, (1.01, 1.0), ratio))
}

fn life(board: &Board) -> [Goal; 2] {
    let figure = |what| board.of(Part::Life, what).find(|figure| figure.is_hone());
    let ready = figure(READY_S).and_then(Figure::median);
    let above = hone(board, Part::Life, ABOVE_MB);
    [
        Goal::at_most(READY_S.to_owned(), (1.0, 0.3), ready),
        Goal::at_most(ABOVE_MB.to_owned(), (100.0, 100.0), above),
    ]
}

/// Name of the line about memory that is neither weights nor cache.
pub(super) const ABOVE_MB: &str = "RSS when ready above the weights' file, MB";
