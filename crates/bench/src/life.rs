//! What is not throughput: time to ready, idle memory, and whether health and metrics answer while
//! the server is saturated.

mod probe;

use std::{path::Path, process::Command, time::Duration};

use anyhow::{Context, Result, ensure};
use loadgen::{ProcessTree, Random};
use serde::{Deserialize, Serialize};

use crate::{
    clock,
    load::{Load, Target, closed_loop},
    payload::{Payload, Protocol},
    report,
    repository::{Repositories, identity_small},
    results::median,
    server::{Kind, Places, Server},
    suite::Plan,
};
use probe::{Probe, Probed};

/// How long a server that is ready is left alone before its memory is read.
const SETTLE: Duration = Duration::from_millis(500);

/// Connections of the load under which probes are answered.
const SATURATING: usize = 64;

/// One figure of one server.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct LifeFigure {
    /// What was measured, with its unit.
    pub(crate) what: &'static str,
    /// Of which server.
    pub(crate) server: String,
    /// One per repetition.
    pub(crate) values: Vec<f64>,
}

/// Names of the figures.
pub(crate) const EMPTY_READY_S: &str = "start to ready, no models, s";
pub(crate) const EMPTY_RESIDENT_MB: &str = "idle memory, no models, MB";
pub(crate) const ONE_READY_S: &str = "start to ready, one small model, s";
pub(crate) const ONE_RESIDENT_MB: &str = "idle memory, one small model, MB";
pub(crate) const ALL_READY_S: &str = "start to ready, all test models, s";
pub(crate) const ALL_RESIDENT_MB: &str = "idle memory, all test models, MB";
pub(crate) const LIVE_P99_MS: &str = "liveness under saturating load, p99, ms";
pub(crate) const METRICS_P99_MS: &str = "/metrics under saturating load, p99, ms";
/// The engine's own loading, in the place of a server's name.
pub(crate) const ENGINE: &str = "onnxruntime, loads only";

impl LifeFigure {
    /// Median over the repetitions.
    pub(crate) fn median(&self) -> Option<f64> {
        median(self.values.clone())
    }
}

/// Measures all of it.
pub(crate) fn life(plan: &Plan) -> Result<Vec<LifeFigure>> {
    report::progress("life: start, memory, health under load");
    let folder = tempfile::tempdir_in(&plan.places.work)?;
    let small =
        Repositories::write(&[identity_small()], &plan.models, &plan.places, folder.path(), 1)?;
    let empty = folder.path().join("empty");
    std::fs::create_dir(&empty)?;
    let mut figures = Figures::default();
    for kind in plan.kinds.iter().filter(|kind| !matches!(kind, Kind::TwinHttp | Kind::TwinGrpc)) {
        let repository = if *kind == Kind::Triton { &small.triton } else { &small.onnx };
        let repetitions = if Kind::PEERS.contains(kind) { plan.rounds.min(2) } else { plan.rounds };
        for _ in 0..repetitions {
            figures.start(plan, *kind, repository, (ONE_READY_S, ONE_RESIDENT_MB));
            if *kind == Kind::Hone {
                figures.start(plan, *kind, &empty, (EMPTY_READY_S, EMPTY_RESIDENT_MB));
            }
        }
        figures.probe(plan, *kind, repository);
    }
    if plan.kinds.contains(&Kind::Hone) {
        for _ in 0..plan.rounds.min(3) {
            figures.start(plan, Kind::Hone, &plan.models, (ALL_READY_S, ALL_RESIDENT_MB));
            figures.engine_load(&plan.places, &plan.models)?;
        }
    }
    figures.0.iter().for_each(report::life_progress);
    Ok(figures.0)
}

#[derive(Debug, Default)]
struct Figures(Vec<LifeFigure>);

/// What `engine_load.py` prints.
#[derive(Deserialize)]
struct EngineLoad {
    seconds: f64,
    resident_mb: f64,
}

impl Figures {
    fn add(&mut self, what: &'static str, server: &str, value: f64) {
        let known = self.0.iter_mut().find(|known| known.what == what && known.server == server);
        match known {
            Some(figure) => figure.values.push(value),
            None => {
                self.0.push(LifeFigure { what, server: server.to_owned(), values: vec![value] });
            }
        }
    }

    fn start(
        &mut self,
        plan: &Plan,
        kind: Kind,
        repository: &Path,
        (ready, resident): (&'static str, &'static str),
    ) {
        let started = Server::start(kind, &plan.places, repository).map(|server| {
            clock::pause(SETTLE);
            let bytes = ProcessTree(server.process.id()).resident_bytes();
            (server.start_to_ready, bytes)
        });
        match started {
            Err(error) => plan.leave_out(&format!("{error:#}")),
            Ok((start_to_ready, bytes)) => {
                self.add(ready, kind.title(), start_to_ready.as_secs_f64());
                self.add(resident, kind.title(), bytes as f64 / 1e6);
            }
        }
    }

    fn engine_load(&mut self, places: &Places, models: &Path) -> Result<()> {
        let mut command = Command::new(places.venv.join("bin/python"));
        command.arg(places.peers.join("engine_load.py")).arg(models);
        command.env("PYTHONDONTWRITEBYTECODE", "1");
        let output = command.output().context("the peers' Python environment is missing")?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let load: EngineLoad = serde_json::from_slice(&output.stdout)?;
        self.add(ALL_READY_S, ENGINE, load.seconds);
        self.add(ALL_RESIDENT_MB, ENGINE, load.resident_mb);
        Ok(())
    }

    /// Asks for health and metrics while the server is saturated with small requests.
    fn probe(&mut self, plan: &Plan, kind: Kind, repository: &Path) {
        if !kind.speaks(Protocol::Json) {
            return;
        }
        match probe(plan, kind, repository) {
            Err(error) => plan.leave_out(&format!("{}: {error:#}", kind.title())),
            Ok((live, metrics)) => {
                self.add(LIVE_P99_MS, kind.title(), live.p99_ms);
                if let Some(metrics) = metrics {
                    self.add(METRICS_P99_MS, kind.title(), metrics.p99_ms);
                }
            }
        }
    }
}

fn probe(plan: &Plan, kind: Kind, repository: &Path) -> Result<(Probed, Option<Probed>)> {
    let protocol = if kind.speaks(Protocol::Binary) { Protocol::Binary } else { Protocol::Json };
    let server = Server::start(kind, &plan.places, repository)?;
    let payload = Payload::identity(identity_small().name, &[1, 16], &mut Random::new(plan.seed));
    let address = server.address(protocol);
    let target = Target { address, process: server.process.id(), payload: &payload, protocol };
    let window = plan.window * 3;
    let load = Load { connections: SATURATING, warm_up: plan.window, window, answers_min: 0 };
    let live = Probe::start(address, kind.live_path());
    let metrics = server.metrics_address().map(|address| Probe::start(address, "/metrics"));
    closed_loop(&target, &load)?;
    let metrics = metrics.map(Probe::finish).transpose()?;
    Ok((live.finish()?, metrics))
}
