//! What Hone is meant to reach, and whether a run shows it.

use crate::{
    life::{self, LifeFigure},
    payload::Protocol,
    repository::{digits_mlp, identity_large, identity_small, minilm},
    results::{Cell, Sample},
    server::Kind,
    suite::{LARGE_JSON_CONNECTIONS_MAX, OPEN, PLAIN},
};

/// One goal.
#[derive(Clone, Debug)]
pub(crate) struct Goal {
    /// What it is about.
    pub(crate) name: String,
    /// Limit that has to be met, if there is one.
    pub(crate) must: Option<f64>,
    /// Limit that is aimed at.
    pub(crate) aim: f64,
    /// Whether larger is better.
    pub(crate) at_least: bool,
    /// What the run shows; `None` if it did not measure it.
    pub(crate) measured: Option<f64>,
}

impl Goal {
    pub(crate) fn at_most(name: String, (must, aim): (f64, f64), measured: Option<f64>) -> Self {
        Self { name, must: Some(must), aim, at_least: false, measured }
    }

    pub(crate) fn aimed_at(name: String, aim: f64, measured: Option<f64>) -> Self {
        Self { name, must: None, aim, at_least: false, measured }
    }

    pub(crate) fn aimed_at_least(name: String, aim: f64, measured: Option<f64>) -> Self {
        Self { name, must: None, aim, at_least: true, measured }
    }

    pub(crate) fn at_least(name: String, (must, aim): (f64, f64), measured: Option<f64>) -> Self {
        Self { name, must: Some(must), aim, at_least: true, measured }
    }

    /// How far a value gets.
    pub(crate) fn verdict(&self, value: f64) -> &'static str {
        let reaches = |limit: f64| if self.at_least { value >= limit } else { value <= limit };
        match (self.must.map(reaches), reaches(self.aim)) {
            (_, true) => "aim",
            (Some(true), false) => "met",
            (Some(false), false) => "missed",
            (None, false) => "short of the aim",
        }
    }
}

/// Every goal, with what the figures say about it.
pub(crate) fn evaluate(cells: &[Cell], life: &[LifeFigure]) -> Vec<Goal> {
    let cells = Cells(cells);
    let mut goals = Vec::new();
    for protocol in Protocol::ALL {
        goals.extend(small(&cells, protocol));
        goals.push(large(&cells, protocol));
    }
    for protocol in Protocol::ALL {
        for connections in [1, 8, 64] {
            goals.extend(model(&cells, protocol, connections));
        }
        goals.extend(tail(&cells, protocol));
    }
    goals.extend(start(life));
    goals
}

/// Cells by what they measured.
struct Cells<'a>(&'a [Cell]);

impl Cells<'_> {
    fn get(
        &self,
        payload: &str,
        protocol: Protocol,
        connections: usize,
        server: &str,
    ) -> Option<&Cell> {
        self.0.iter().find(|cell| {
            cell.payload == payload
                && cell.protocol == protocol.title()
                && cell.connections == connections
                && cell.server == server
                && cell.failure.is_none()
        })
    }

    /// Median ratio of Hone's figure to another server's.
    fn ratio(
        &self,
        (payload, protocol, connections): (&str, Protocol, usize),
        base: &str,
        figure: fn(&Sample) -> f64,
    ) -> Option<f64> {
        let hone = self.get(payload, protocol, connections, Kind::Hone.title())?;
        hone.ratio(self.get(payload, protocol, connections, base)?, figure)
    }
}

fn floor() -> &'static str {
    Kind::FloorHttp.title()
}

fn small(cells: &Cells<'_>, protocol: Protocol) -> [Goal; 3] {
    let model = identity_small().name;
    let title = protocol.title();
    let ratio = |connections, figure: fn(&Sample) -> f64| {
        cells.ratio((model, protocol, connections), floor(), figure)
    };
    [
        Goal::at_most(
            format!("16 floats, {title}, 64 connections: server CPU / floor"),
            (2.0, 1.5),
            ratio(64, |sample| sample.server_cpu_us),
        ),
        Goal::at_least(
            format!("16 floats, {title}, 64 connections: requests/s / floor"),
            (0.6, 0.8),
            ratio(64, |sample| sample.requests_per_second),
        ),
        Goal::at_most(
            format!("16 floats, {title}, one connection: p50 / floor"),
            (1.6, 1.3),
            ratio(1, |sample| sample.p50_ms),
        ),
    ]
}

fn large(cells: &Cells<'_>, protocol: Protocol) -> Goal {
    let (must, connections) = match protocol {
        Protocol::Binary => (1.3, 64),
        Protocol::Grpc => (1.1, 64),
        Protocol::Json => (1.2, LARGE_JSON_CONNECTIONS_MAX),
    };
    let load = (identity_large().name, protocol, connections);
    let measured = cells.ratio(load, floor(), |sample| sample.server_cpu_us);
    let name =
        format!("image, {}, {connections} connections: server CPU / floor", protocol.title());
    Goal::at_most(name, (must, 1.1), measured)
}

fn model(cells: &Cells<'_>, protocol: Protocol, connections: usize) -> Vec<Goal> {
    let load = (minilm().name, protocol, connections);
    let title = format!("MiniLM, {}, {connections} connections", protocol.title());
    let triton = Kind::Triton.title();
    let throughput: fn(&Sample) -> f64 = |sample| sample.requests_per_second;
    let median: fn(&Sample) -> f64 = |sample| sample.p50_ms;
    let mut goals = vec![
        Goal::at_least(
            format!("{title}: requests/s / {PLAIN}"),
            (1.0, 1.05),
            cells.ratio(load, PLAIN, throughput),
        ),
        Goal::at_least(
            format!("{title}: requests/s / {triton}"),
            (1.0, 1.05),
            cells.ratio(load, triton, throughput),
        ),
        Goal::at_most(
            format!("{title}: p50 / {triton}"),
            (1.0, 0.95),
            cells.ratio(load, triton, median),
        ),
    ];
    // With more connections than instances a median is a wait in the queue, which a loop has none of.
    if connections == 1 {
        let measured = cells.ratio(load, PLAIN, median);
        goals.push(Goal::at_most(format!("{title}: p50 / {PLAIN}"), (1.0, 0.95), measured));
    }
    goals
}

fn tail(cells: &Cells<'_>, protocol: Protocol) -> [Goal; 2] {
    let p99: fn(&Sample) -> f64 = |sample| sample.p99_ms;
    let title =
        format!("{}, half of the maximum rate, {}: p99", digits_mlp().name, protocol.title());
    let hone = cells.get(OPEN, protocol, 64, Kind::Hone.title());
    let triton = Kind::Triton.title();
    [
        Goal::at_most(
            format!("{title} / {triton}"),
            (0.5, 0.5),
            cells.ratio((OPEN, protocol, 64), triton, p99),
        ),
        Goal::aimed_at(format!("{title}, ms"), 2.0, hone.and_then(|cell| cell.median(p99))),
    ]
}

fn start(life: &[LifeFigure]) -> Vec<Goal> {
    let figure = |what: &str, server: &str| {
        let found = life.iter().find(|figure| figure.what == what && figure.server == server);
        found.and_then(LifeFigure::median)
    };
    let hone = |what: &str| figure(what, Kind::Hone.title());
    let engine = figure(life::ALL_READY_S, life::ENGINE);
    let limit = engine.map(|seconds| 0.5 * seconds + 0.2);
    let ready = hone(life::ALL_READY_S).zip(limit).map(|(ready, limit)| ready / limit);
    vec![
        Goal::at_most(
            "start to ready, all test models / (half of the engine's load times + 0.2 s)"
                .to_owned(),
            (1.0, 1.0),
            ready,
        ),
        Goal::aimed_at(life::EMPTY_READY_S.to_owned(), 0.1, hone(life::EMPTY_READY_S)),
        Goal::at_most(
            life::EMPTY_RESIDENT_MB.to_owned(),
            (40.0, 20.0),
            hone(life::EMPTY_RESIDENT_MB),
        ),
        Goal::at_most(life::METRICS_P99_MS.to_owned(), (5.0, 1.0), hone(life::METRICS_P99_MS)),
        Goal::at_most(life::LIVE_P99_MS.to_owned(), (5.0, 1.0), hone(life::LIVE_P99_MS)),
    ]
}

#[cfg(test)]
mod tests;
