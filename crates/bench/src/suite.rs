//! The measurements of a run: which servers get which load, interleaved.

mod identity;
mod minilm;
mod mlp;

use std::{cell::RefCell, path::PathBuf, rc::Rc, time::Duration};

use anyhow::Result;

use crate::{
    load::{Load, Target, closed_loop},
    payload::{Payload, Protocol},
    report,
    repository::Repositories,
    results::{Cell, Sample},
    server::{Kind, Places, Server},
};

pub(crate) use identity::{LARGE_JSON_CONNECTIONS_MAX, identity};
pub(crate) use minilm::{PLAIN, minilm};
pub(crate) use mlp::{OPEN, mlp};

/// Rounds that peers take part in: their distance is larger than the noise.
const PEER_ROUNDS_MAX: usize = 3;

/// Answers that a window of a slow server is prolonged for.
const ANSWERS_MIN: u64 = 30;

/// How a run is to be made.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// What servers are started from.
    pub(crate) places: Places,
    /// Folder of fetched models.
    pub(crate) models: PathBuf,
    /// Servers to be measured.
    pub(crate) kinds: Vec<Kind>,
    /// Protocols.
    pub(crate) protocols: Vec<Protocol>,
    /// Numbers of connections.
    pub(crate) connections: Vec<usize>,
    /// Rounds of floor and Hone.
    pub(crate) rounds: usize,
    /// Length of a measured window.
    pub(crate) window: Duration,
    /// Of payloads and arrival times.
    pub(crate) seed: u64,
    /// What was left out and why; shared by the plan's clones.
    pub(crate) left_out: Rc<RefCell<Vec<String>>>,
}

/// Someone who takes part in an interleaved measurement.
struct Contestant<'a> {
    title: &'a str,
    rounds: usize,
    measure: Box<dyn FnMut() -> Result<Sample> + 'a>,
}

impl Plan {
    /// Writes down that something is missing from the run.
    pub(crate) fn leave_out(&self, why: &str) {
        report::progress(&format!("left out: {why}"));
        let mut left_out = self.left_out.borrow_mut();
        if !left_out.iter().any(|known| known == why) {
            left_out.push(why.to_owned());
        }
    }

    /// Starts the servers that do not only echo, or all; one that does not start is reported and
    /// left out.
    fn start(&self, repositories: &Repositories, with_floor: bool) -> Vec<Server> {
        let start = |kind: &Kind| {
            let triton = *kind == Kind::Triton;
            let repository = if triton { &repositories.triton } else { &repositories.onnx };
            let started = Server::start(*kind, &self.places, repository);
            started.inspect_err(|error| self.leave_out(&format!("{error:#}"))).ok()
        };
        self.kinds
            .iter()
            .filter(|kind| with_floor || !kind.only_echoes())
            .filter_map(start)
            .collect()
    }

    fn load(&self, connections: usize, window: Duration) -> Load {
        Load { connections, warm_up: self.window / 5, window, answers_min: ANSWERS_MIN }
    }

    fn rounds_of(&self, kind: Kind) -> usize {
        let peer = Kind::PEERS.contains(&kind);
        if peer { self.rounds.min(PEER_ROUNDS_MAX) } else { self.rounds }
    }

    /// Every server that speaks the wire's protocol.
    fn contestants<'a>(
        &self,
        servers: &'a [Server],
        payload: &'a Payload,
        protocol: Protocol,
        load: Load,
    ) -> Vec<Contestant<'a>> {
        let speakers = servers.iter().filter(|server| server.kind.speaks(protocol));
        let contestant = |server: &'a Server| {
            let target = server.target(protocol, payload);
            Contestant {
                title: server.kind.title(),
                rounds: self.rounds_of(server.kind),
                measure: Box::new(move || closed_loop(&target, &load)),
            }
        };
        speakers.map(contestant).collect()
    }
}

impl Server {
    fn target<'a>(&self, protocol: Protocol, payload: &'a Payload) -> Target<'a> {
        Target { address: self.address(protocol), process: self.process.id(), payload, protocol }
    }
}

/// Measures one after another, round by round, the order back and forth (ABBA) so that a machine
/// that becomes faster or slower favours nobody.
fn interleave(
    mut contestants: Vec<Contestant<'_>>,
    (payload, protocol, connections): (&str, Protocol, usize),
) -> Vec<Cell> {
    let cell = |contestant: &Contestant<'_>| Cell {
        payload: payload.to_owned(),
        protocol: protocol.title().to_owned(),
        connections,
        server: contestant.title.to_owned(),
        rounds: Vec::new(),
        failure: None,
    };
    let mut cells: Vec<_> = contestants.iter().map(cell).collect();
    let rounds = contestants.iter().map(|contestant| contestant.rounds).max().unwrap_or(0);
    for round in 0..rounds {
        let mut order: Vec<usize> = (0..contestants.len()).collect();
        if round % 2 == 1 {
            order.reverse();
        }
        for index in order {
            if round < contestants[index].rounds {
                cells[index].add((contestants[index].measure)());
            }
        }
    }
    cells.iter().for_each(report::cell_progress);
    cells
}

impl Cell {
    /// Adds a round; the first failure is the cell's result.
    fn add(&mut self, measured: Result<Sample>) {
        match measured {
            Ok(sample) => self.rounds.push(sample),
            Err(error) => {
                self.failure.get_or_insert(format!("{error:#}"));
            }
        }
    }
}
