use std::time::Duration;

use anyhow::Result;
use loadgen::Random;

use super::{Contestant, Plan, interleave};
use crate::{
    load::{OpenLoad, open_loop},
    payload::{Input, Payload, Protocol, Values},
    plain::PlainLoop,
    report,
    repository::{Repositories, digits_mlp},
    results::Cell,
    server::Server,
};

/// Connections of the closed loop that finds the maximum, and of the open loop.
const CONNECTIONS: usize = 64;

/// Probabilities; servers differ from the loop by the rounding of another batch size.
const TOLERANCE: f32 = 1e-5;

/// Open-loop windows are longer: a p99 of rare events.
const WINDOW_FACTOR: u32 = 3;

/// Name of the payload in results whose load is open.
pub(crate) const OPEN: &str = "digits_mlp, half of the maximum rate";

/// A small model's tail latency when the server is half busy: closed loop for the maximum, then open
/// loop at half of it, each server at half of its own.
pub(crate) fn mlp(plan: &Plan) -> Result<Vec<Cell>> {
    report::progress("digits_mlp, FP32 [1, 64]");
    let (model, places) = (digits_mlp(), &plan.places);
    let (name, output, inputs) = (model.name, "probabilities", inputs(plan.seed));
    let folder = tempfile::tempdir_in(&places.work)?;
    let repositories =
        Repositories::write(&[model], &plan.models, places, folder.path(), places.instances)?;
    let file = repositories.onnx.join(name).join("1/model.onnx");
    let (_, values) = PlainLoop::start(places, &file, &inputs, output)?;
    let payload = Payload::new(name, inputs, output, (values, TOLERANCE));
    let servers = plan.start(&repositories, false);
    let mut cells = Vec::new();
    for protocol in &plan.protocols {
        let load = plan.load(CONNECTIONS, plan.window);
        let contestants = plan.contestants(&servers, &payload, *protocol, load);
        let closed = interleave(contestants, (name, *protocol, CONNECTIONS));
        let open = half_rate(plan, &servers, &payload, *protocol, &closed);
        cells.extend(closed);
        cells.extend(open);
    }
    Ok(cells)
}

/// Every server at half of the rate that it reached.
fn half_rate(
    plan: &Plan,
    servers: &[Server],
    payload: &Payload,
    protocol: Protocol,
    closed: &[Cell],
) -> Vec<Cell> {
    let speakers = servers.iter().filter(|server| server.kind.speaks(protocol));
    let contestants = speakers.zip(closed).filter_map(|(server, cell)| {
        let load = open_load(plan, cell.median(|sample| sample.requests_per_second)? / 2.0);
        let target = server.target(protocol, payload);
        Some(Contestant {
            title: server.kind.title(),
            rounds: plan.rounds_of(server.kind),
            measure: Box::new(move || open_loop(&target, &load)),
        })
    });
    interleave(contestants.collect(), (OPEN, protocol, CONNECTIONS))
}

fn open_load(plan: &Plan, rate: f64) -> OpenLoad {
    OpenLoad {
        rate,
        connections: CONNECTIONS,
        warm_up: plan.window.min(Duration::from_secs(1)),
        window: plan.window * WINDOW_FACTOR,
        seed: plan.seed,
    }
}

/// Pixels of 0 to 16, as the digits have them.
fn inputs(seed: u64) -> Vec<Input> {
    let mut random = Random::new(seed);
    let pixels = (0..64).map(|_| ((random.signed_unit() + 1.0) * 8.0).floor());
    let values = Values::Fp32(pixels.collect());
    vec![Input { name: "X".to_owned(), shape: vec![1, 64], values }]
}
