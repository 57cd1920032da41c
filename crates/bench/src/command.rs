//! The command line.

use std::{
    net::Ipv4Addr,
    path::{Path, PathBuf},
    process::ExitCode,
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use clap::{Args, Parser, Subcommand, ValueEnum};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};

use crate::{
    clock, config, environment,
    floor::{self, Stall},
    generator::{self, GeneratorArgs},
    kernels::{self, KernelsArgs},
    life,
    llm::{self, EngineArgs, LlmArgs},
    machine,
    payload::Protocol,
    process,
    report::{self, Report},
    server::{Kind, Places},
    suite::{self, Plan},
};

/// Measures Hone's serving path.
#[derive(Debug, Parser)]
pub(crate) struct Command {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Hone against the floor and against other servers, interleaved on this machine.
    Serving(Serving),
    /// The load generator against the floor and against other generators, and what it must not miss.
    Generator(GeneratorArgs),
    /// Hone's generation beside llama.cpp and vLLM, interleaved on this machine.
    Llm(LlmArgs),
    /// Hone's engine without a server, as `llm` has it run.
    Engine(EngineArgs),
    /// What generation spends its time in, against what this machine can do at most.
    Kernels(KernelsArgs),
    /// Runs the bare HTTP server that the others are held against.
    FloorHttp(FloorHttp),
    /// Runs the bare gRPC server that the others are held against.
    FloorGrpc(Port),
}

#[derive(Debug, Args)]
struct FloorHttp {
    #[command(flatten)]
    port: Port,
    /// Milliseconds from the first inference to a stall.
    #[arg(long, default_value_t = 0, requires = "stall_ms")]
    stall_after_ms: u64,
    /// Milliseconds of that stall.
    #[arg(long)]
    stall_ms: Option<u64>,
}

#[derive(Debug, Args)]
struct Port {
    /// Port on 127.0.0.1.
    #[arg(long)]
    port: u16,
}

#[derive(Debug, Args)]
struct Serving {
    /// About two minutes: short windows, two rounds, no peers.
    #[arg(long)]
    quick: bool,
    /// Only these parts.
    #[arg(long, value_delimiter = ',', default_value = "small,large,minilm,mlp,life")]
    only: Vec<Part>,
    /// Only these protocols.
    #[arg(long, value_delimiter = ',', default_value = "binary,json,grpc")]
    protocols: Vec<Protocol>,
    /// Numbers of connections, each with one request in flight.
    #[arg(long, value_delimiter = ',', default_value = "1,8,64")]
    connections: Vec<usize>,
    /// Leaves the peers out.
    #[arg(long, conflicts_with = "peers")]
    no_peers: bool,
    /// Only these peers.
    #[arg(long, value_delimiter = ',', default_value = "triton,fastapi,litserve")]
    peers: Vec<Kind>,
    /// Leaves Hone out.
    #[arg(long)]
    no_hone: bool,
    /// Runs the floor a second time: what differs from 1.0 in its ratios is noise.
    #[arg(long)]
    twin: bool,
    /// Rounds (5, quick 2).
    #[arg(long)]
    rounds: Option<usize>,
    /// Length of a measured window in milliseconds (1500, quick 700).
    #[arg(long)]
    window_ms: Option<u64>,
    /// Of payloads and arrival times.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Hone's binary [default: beside this one].
    #[arg(long)]
    hone: Option<PathBuf>,
    /// File for the tables [default: printed only].
    #[arg(long)]
    report: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    Small,
    Large,
    Minilm,
    Mlp,
    Life,
}

/// Does what the command line says.
pub(crate) fn run(command: Command) -> ExitCode {
    let done = match command.task {
        Task::Serving(arguments) => serving(&arguments),
        Task::Generator(arguments) => generator(&arguments),
        Task::Llm(arguments) => generation(&arguments),
        Task::Engine(arguments) => llm::run_engine(&arguments),
        Task::Kernels(arguments) => kernels::run(&arguments),
        Task::FloorHttp(floor) => {
            let stall = floor.stall();
            serve(floor.port.port, move |listener| floor::serve_http(listener, stall))
        }
        Task::FloorGrpc(Port { port }) => serve(port, floor::serve_grpc),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report::progress(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// Runs a floor server on a runtime of one worker per core, as Hone has.
fn serve<F: Future<Output = Result<()>>>(
    port: u16,
    server: impl FnOnce(TcpListener) -> F,
) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        server(listener).await
    })
}

impl FloorHttp {
    fn stall(&self) -> Option<Arc<Stall>> {
        let length = Duration::from_millis(self.stall_ms?);
        Some(Arc::new(Stall::new(Duration::from_millis(self.stall_after_ms), length)))
    }
}

fn generator(arguments: &GeneratorArgs) -> Result<()> {
    let work = tempfile::tempdir()?;
    stop_on_signals(work.path().to_owned())?;
    generator::run(arguments, work.path())
}

fn generation(arguments: &LlmArgs) -> Result<()> {
    let work = tempfile::tempdir()?;
    stop_on_signals(work.path().to_owned())?;
    llm::run(arguments, work.path())
}

fn serving(arguments: &Serving) -> Result<()> {
    ensure!(!arguments.connections.contains(&0), "--connections: 0 connections carry no load");
    let work = tempfile::tempdir()?;
    stop_on_signals(work.path().to_owned())?;
    let plan = arguments.plan(work.path())?;
    if arguments.needs_python() {
        let missing = environment::prepare(&plan.places.venv, &plan.places.peers)?;
        missing.iter().for_each(|why| plan.leave_out(why));
    }
    let mut report = Report::new(machine::describe(&plan));
    let start = clock::now();
    for part in &arguments.only {
        match part {
            Part::Small => report.cells.extend(suite::identity(&plan, true)?),
            Part::Large => report.cells.extend(suite::identity(&plan, false)?),
            Part::Minilm => report.cells.extend(suite::minilm(&plan)?),
            Part::Mlp => report.cells.extend(suite::mlp(&plan)?),
            Part::Life => report.life.extend(life::life(&plan)?),
        }
    }
    report.left_out.clone_from(&plan.left_out.borrow());
    report.seconds = (clock::now() - start).as_secs_f64();
    report.write(&config::cache_dir()?.join("bench"), arguments.report.as_deref())
}

impl Serving {
    fn plan(&self, work: &Path) -> Result<Plan> {
        let cache = config::cache_dir()?;
        let beside = std::env::current_exe()?.with_file_name("hone");
        let places = Places {
            hone: self.hone.clone().unwrap_or(beside),
            venv: cache.join("bench-venv"),
            peers: Path::new(env!("CARGO_MANIFEST_DIR")).join("peers"),
            work: work.to_owned(),
            instances: std::thread::available_parallelism()?.get(),
        };
        let missing = "--rounds and --window-ms must be 1 or more";
        let (rounds, window_ms) = if self.quick { (2, 700) } else { (5, 1500) };
        let rounds = self.rounds.unwrap_or(rounds);
        let window = Duration::from_millis(self.window_ms.unwrap_or(window_ms));
        ensure!(rounds > 0 && !window.is_zero(), missing);
        let kinds = self.kinds();
        kinds.first().context("nothing is left to measure")?;
        Ok(Plan {
            places,
            models: cache.join("models"),
            kinds,
            protocols: self.protocols.clone(),
            connections: self.connections.clone(),
            rounds,
            window,
            seed: self.seed,
            left_out: Rc::default(),
        })
    }

    /// Peers do, and what is held against onnxruntime alone.
    fn needs_python(&self) -> bool {
        let engine_alone = |part: &Part| !matches!(part, Part::Small | Part::Large);
        self.kinds().iter().any(|kind| Kind::PEERS.contains(kind))
            || self.only.iter().any(engine_alone)
    }

    fn kinds(&self) -> Vec<Kind> {
        let mut kinds = vec![Kind::FloorHttp, Kind::FloorGrpc];
        if self.twin {
            kinds.extend([Kind::TwinHttp, Kind::TwinGrpc]);
        }
        if !self.no_hone {
            kinds.push(Kind::Hone);
        }
        if !self.no_peers && !self.quick {
            kinds.extend(self.peers.iter().filter(|kind| Kind::PEERS.contains(kind)));
        }
        kinds
    }
}

/// Stops the servers and removes `work` when the benchmark is told to stop.
fn stop_on_signals(work: PathBuf) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (mut interrupt, mut terminate) = {
        let _entered = runtime.enter();
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?)
    };
    std::thread::spawn(move || {
        runtime.block_on(async {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        });
        process::stop_all();
        // A server that still ends may write once more; what stays then is a few logs.
        drop(std::fs::remove_dir_all(work));
        #[expect(clippy::exit, reason = "the main thread is in the middle of a measurement")]
        std::process::exit(130);
    });
    Ok(())
}
