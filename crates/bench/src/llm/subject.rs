//! Who is measured, and how each is started.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use clap::ValueEnum;
use serde_json::{Value, json};

use super::{client, limits::Limits};
use crate::{
    clock,
    process::{self, Process},
};

/// An engine with weights in one format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Subject {
    /// Hone, with the file that it was given.
    #[value(skip)]
    Hone,
    /// Hone with the file of llama.cpp's Q4_0: 7 % fewer bytes than the other.
    #[value(name = "hone-q4_0")]
    HoneQ40,
    /// llama.cpp with the same file.
    #[value(name = "llama.cpp-q4_1")]
    LlamaCppQ41,
    /// llama.cpp with Q4_0, which its makers have repacked for this kind of processor.
    #[value(name = "llama.cpp-q4_0")]
    LlamaCppQ40,
    /// llama.cpp with Q8_0.
    #[value(name = "llama.cpp-q8_0")]
    LlamaCppQ80,
    /// llama.cpp with BF16.
    #[value(name = "llama.cpp-bf16")]
    LlamaCppBf16,
    /// vLLM on the CPU, BF16.
    Vllm,
}

/// Where everything is.
#[derive(Clone, Debug)]
pub(super) struct Places {
    /// Hone's binary.
    pub(super) hone: PathBuf,
    /// Programs and models of peers, from `cargo xtask peers`.
    pub(super) peers: PathBuf,
    /// SmolLM2 as its makers published it: Q4_1.
    pub(super) model: PathBuf,
    /// A Llama of 1.1 billion random weights in Q4_0.
    pub(super) billion: PathBuf,
    /// Text for prompts and perplexity.
    pub(super) text: PathBuf,
    /// Logs.
    pub(super) work: PathBuf,
    /// Threads of every engine: the number of cores.
    pub(super) threads: usize,
}

/// Requests that a server has to hold at a time, and tokens of each.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slots {
    pub(super) requests: usize,
    pub(super) tokens: usize,
}

impl Subject {
    /// For tables.
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Hone => "Hone Q4_1",
            Self::HoneQ40 => "Hone Q4_0",
            Self::LlamaCppQ41 => "llama.cpp Q4_1",
            Self::LlamaCppQ40 => "llama.cpp Q4_0",
            Self::LlamaCppQ80 => "llama.cpp Q8_0",
            Self::LlamaCppBf16 => "llama.cpp BF16",
            Self::Vllm => "vLLM BF16",
        }
    }

    pub(super) fn is_hone(self) -> bool {
        matches!(self, Self::Hone | Self::HoneQ40)
    }

    pub(super) fn is_llama_cpp(self) -> bool {
        matches!(
            self,
            Self::LlamaCppQ41 | Self::LlamaCppQ40 | Self::LlamaCppQ80 | Self::LlamaCppBf16
        )
    }

    /// What is needed and not there.
    pub(super) fn missing(self, places: &Places) -> Option<String> {
        let needed = match self {
            Self::Hone | Self::HoneQ40 => vec![places.hone.clone(), self.weights(places)],
            Self::Vllm => vec![places.vllm().join("bin/vllm"), self.weights(places)],
            _ => vec![places.llama_cpp("llama-server"), self.weights(places)],
        };
        let missing = needed.into_iter().find(|path| !path.exists())?;
        let title = self.title();
        Some(format!("{title}: {} is not there (cargo xtask peers)", missing.display()))
    }

    /// The weights that it runs.
    pub(super) fn weights(self, places: &Places) -> PathBuf {
        let file = match self {
            Self::Hone | Self::LlamaCppQ41 => return places.model.clone(),
            Self::HoneQ40 | Self::LlamaCppQ40 => "smollm2-q4_0.gguf",
            Self::LlamaCppQ80 => "smollm2-q8_0.gguf",
            Self::LlamaCppBf16 => "smollm2-bf16.gguf",
            Self::Vllm => "smollm2-vllm",
        };
        places.peers.join("models").join(file)
    }

    fn ready_path(self) -> &'static str {
        if self.is_hone() { "/v2/health/ready" } else { "/health" }
    }

    fn command(self, places: &Places, port: u16, slots: Slots) -> Command {
        let weights = self.weights(places);
        match self {
            Self::Hone | Self::HoneQ40 => hone(places, &weights, port),
            Self::Vllm => vllm(places, &weights, port),
            _ => llama_server(places, &weights, port, slots),
        }
    }
}

impl Places {
    /// A program of llama.cpp.
    pub(super) fn llama_cpp(&self, program: &str) -> PathBuf {
        self.peers.join("llama.cpp").join(program)
    }

    /// vLLM's Python environment.
    fn vllm(&self) -> PathBuf {
        self.peers.join("vllm-venv")
    }
}

fn hone(places: &Places, weights: &Path, port: u16) -> Command {
    let mut command = Command::new(&places.hone);
    command.arg("serve").arg(weights).args(["--host", "127.0.0.1"]);
    command.args(["--http-port", &port.to_string(), "--grpc-port", "0", "--metrics-port", "0"]);
    command
}

/// Flash attention, a cache of its own for each request, and no copies of the caches of ended requests.
fn llama_server(places: &Places, weights: &Path, port: u16, slots: Slots) -> Command {
    let mut command = Command::new(places.llama_cpp("llama-server"));
    command.arg("--model").arg(weights).args(["--host", "127.0.0.1", "--port", &port.to_string()]);
    command.args(["--threads", &places.threads.to_string(), "--flash-attn", "on"]);
    command.args(["--parallel", &slots.requests.to_string()]);
    command.args(["--ctx-size", &(slots.requests * slots.tokens).to_string()]);
    command.args(["--no-kv-unified", "--cache-ram", "0", "--no-webui"]);
    command
}

fn vllm(places: &Places, weights: &Path, port: u16) -> Command {
    let environment = places.vllm();
    // The program `vllm` of this package looks for a package of another name, and ends.
    let mut command = Command::new(environment.join("bin/python"));
    command.args(["-m", "vllm.entrypoints.openai.api_server", "--model"]).arg(weights);
    command.args(["--host", "127.0.0.1", "--port", &port.to_string()]);
    command.args(["--dtype", "bfloat16", "--max-model-len", "8192", "--enforce-eager"]);
    command
        .env("VLLM_CPU_KVCACHE_SPACE", "2")
        .env("VLLM_CPU_OMP_THREADS_BIND", format!("0-{}", places.threads - 1))
        // Its manual asks for it.
        .env("LD_PRELOAD", environment.join("lib/libiomp5.so"))
        .env("VLLM_NO_USAGE_STATS", "1")
        .env("HF_HUB_OFFLINE", "1");
    command
}

/// Least time that is worth starting a server in.
const START: Duration = Duration::from_secs(3);

/// A server that is ready.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) subject: Subject,
    pub(super) process: Process,
    pub(super) address: SocketAddr,
    /// The model's name in requests.
    pub(super) model: String,
    /// From its start to the first good answer of its readiness endpoint.
    pub(super) start_to_ready: Duration,
    /// As one would type it.
    pub(super) command: String,
}

impl Server {
    /// Starts it and waits until it is ready.
    ///
    /// # Errors
    ///
    /// It ended, or is not ready in time.
    pub(super) async fn start(
        subject: Subject,
        places: &Places,
        slots: Slots,
        limits: &Limits,
    ) -> Result<Self> {
        if let Some(missing) = subject.missing(places) {
            bail!(missing);
        }
        limits.fits(START)?;
        let [address] = process::free_ports()?;
        let command = subject.command(places, address.port(), slots);
        let typed = process::command_line(&command);
        let log = places.work.join(format!("llm-{}.log", address.port()));
        let start = clock::now();
        let mut process = Process::start(command, log)?;
        process
            .wait_ready_within(limits.left(), address, subject.ready_path())
            .with_context(|| format!("{} did not start", subject.title()))?;
        let start_to_ready = clock::now() - start;
        let model = limits.hold(client::model_name(address)).await;
        let model = model.with_context(|| format!("{} has no model", subject.title()))?;
        Ok(Self { subject, process, address, model, start_to_ready, command: typed })
    }

    /// A text as the server's tokenizer cuts it, nothing added.
    ///
    /// # Errors
    ///
    /// The server has no such endpoint, or fails.
    pub(super) async fn tokens(&self, text: &str, limits: &Limits) -> Result<Vec<u32>> {
        let document = match self.subject.is_llama_cpp() {
            true => json!({"content": text, "add_special": false}),
            false => json!({"model": self.model, "prompt": text, "add_special_tokens": false}),
        };
        let answer = limits.hold(client::post(self.address, "/tokenize", &document)).await?;
        let tokens = answer.get("tokens").cloned().unwrap_or(Value::Null);
        let tokens: Vec<u32> = serde_json::from_value(tokens)?;
        ensure!(!tokens.is_empty(), "the text has no tokens");
        Ok(tokens)
    }
}
