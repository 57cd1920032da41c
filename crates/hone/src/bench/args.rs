use std::{path::PathBuf, str::FromStr, time::Duration};

use clap::Args;
use loadgen::{Arrivals, Objective, Protocol, Sweep, ValueRange};

/// Arguments of `hone bench`.
#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    /// Server to measure: http://HOST:PORT, grpc://HOST:PORT, or a model or repository to serve.
    #[arg(value_name = "URL_OR_PATH", required_unless_present = "serve")]
    pub target: Option<String>,
    /// Start a server of its own on this model or repository, measure it, stop it.
    #[arg(long, value_name = "PATH", conflicts_with = "target")]
    pub serve: Option<PathBuf>,
    /// Server to compare with (B): an address, or a model or repository to serve. Rounds of A and B take
    /// turns.
    #[arg(long, value_name = "URL_OR_PATH")]
    pub vs: Option<String>,
    /// Flags of `hone serve` for servers that are started, behind `--`.
    #[arg(last = true, value_name = "SERVE_FLAGS")]
    pub serve_flags: Vec<String>,

    #[command(flatten)]
    pub what: WhatArgs,
    #[command(flatten)]
    pub load: LoadArgs,
    #[command(flatten)]
    pub data: DataArgs,
    #[command(flatten)]
    pub judge: JudgeArgs,
    #[command(flatten)]
    pub output: OutputArgs,
}

/// What is asked.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "What is asked")]
pub(crate) struct WhatArgs {
    /// Model [default: the server's only one].
    #[arg(short, long, value_name = "NAME")]
    pub model: Option<String>,
    /// Version [default: the server's choice].
    #[arg(long, value_name = "VERSION", default_value = "", hide_default_value = true)]
    pub model_version: String,
    /// http (binary tensors), http-json, grpc, grpc-stream, openai-chat, openai-completions or
    /// openai-embeddings [default: http, or grpc for a grpc:// address].
    #[arg(short = 'i', long, value_name = "PROTOCOL")]
    pub protocol: Option<Protocol>,
    /// Model of B, if it is another.
    #[arg(long, value_name = "NAME", requires = "vs")]
    pub vs_model: Option<String>,
    /// Protocol of B, if it is another.
    #[arg(long, value_name = "PROTOCOL", requires = "vs")]
    pub vs_protocol: Option<Protocol>,
    /// Header of every request, `NAME: VALUE`; may be repeated.
    #[arg(short = 'H', long, value_name = "HEADER")]
    pub header: Vec<Header>,
    /// Process of the server, for its CPU time and memory [default: who listens at the address].
    #[arg(long, value_name = "PID")]
    pub server_pid: Option<u32>,
}

/// The load.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Load")]
pub(crate) struct LoadArgs {
    /// Closed loop: callers, each sending its next request when it has its answer; 1,8,64 or 1:64:x2
    /// [default: 1].
    #[arg(short, long, value_name = "N", group = "mode")]
    pub concurrency: Option<Sweep>,
    /// Open loop: requests per second, whatever became of those before; 100,200 or 100:500:+100.
    #[arg(short, long, value_name = "RATE", group = "mode")]
    pub rate: Option<Sweep>,
    /// Open loop whose rate grows from FROM to TO over the duration.
    #[arg(long, value_name = "FROM:TO", group = "mode")]
    pub ramp: Option<ValueRange>,
    /// Open loop at the times of a recorded trace (JSON documents with `timestamp`, `at` or
    /// `timestamps`).
    #[arg(long, value_name = "FILE", group = "mode")]
    pub replay: Option<PathBuf>,
    /// Users, each making --turns requests with pauses of --think between them.
    #[arg(long, value_name = "USERS", group = "mode")]
    pub sessions: Option<Sweep>,
    /// Arrivals of an open loop: constant, poisson or gamma(SHAPE) (bursts below 1).
    #[arg(long, value_name = "PROCESS", default_value = "poisson")]
    pub arrivals: Arrivals,
    /// Replay so many times as fast.
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0, requires = "replay")]
    pub replay_speed: f64,
    /// Requests of each session.
    #[arg(long, value_name = "N", default_value_t = 4, requires = "sessions")]
    pub turns: usize,
    /// Pause of a user between an answer and the next request.
    #[arg(long, value_name = "TIME", default_value = "1s", requires = "sessions")]
    pub think: Span,
    /// Measured time of each level [default: 10s; 2s a round with --vs].
    #[arg(short, long, value_name = "TIME")]
    pub duration: Option<Span>,
    /// Longest warm-up; it ends when its windows agree. 0s is none.
    #[arg(long, value_name = "TIME", default_value = "30s")]
    pub warm_up: Span,
    /// Times that each level is measured [default: 1; 10 with --vs].
    #[arg(long, value_name = "N")]
    pub rounds: Option<usize>,
    /// Threads that send.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub threads: usize,
    /// Connections of an open loop at most.
    #[arg(long, value_name = "N", default_value_t = 1024)]
    pub connections: usize,
    /// Time from sending a request to its whole answer after which it has failed.
    #[arg(long, value_name = "TIME", default_value = "60s")]
    pub timeout: Span,
    /// Of data and arrival times.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
}

/// What requests hold.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Data")]
pub(crate) struct DataArgs {
    /// Inputs or prompts in place of random ones: a .json, .jsonl or .txt file, or a folder.
    #[arg(long, value_name = "PATH")]
    pub input: Option<PathBuf>,
    /// Outputs that are expected of the inputs, one document a line; other answers have failed.
    #[arg(long, value_name = "FILE", requires = "input")]
    pub expect: Option<PathBuf>,
    /// Largest difference from an expected number, absolute or relative.
    #[arg(long, value_name = "X", default_value_t = 1e-5)]
    pub tolerance: f64,
    /// Dimensions of an input, `NAME:D1,D2`; may be repeated.
    #[arg(long, value_name = "SHAPE")]
    pub shape: Vec<NamedShape>,
    /// Rows of each request, for models that batch.
    #[arg(short, long, value_name = "ROWS", default_value_t = 1)]
    pub batch: usize,
    /// Bounds of random values, `NAME:LOW:HIGH`; may be repeated [default: 0:1].
    #[arg(long, value_name = "RANGE")]
    pub range: Vec<NamedRange>,
    /// Bytes of random strings.
    #[arg(long, value_name = "N", default_value_t = 16)]
    pub string_length: usize,
    /// Tokens of random prompts, as the server counts them.
    #[arg(long, value_name = "N", default_value_t = 128)]
    pub prompt_tokens: u64,
    /// Tokens at the start of random prompts that are the same in all.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub shared_prefix_tokens: u64,
    /// Tokens to generate at most.
    #[arg(long, value_name = "N", default_value_t = 64)]
    pub output_tokens: u64,
    /// Have generations in one piece.
    #[arg(long)]
    pub no_stream: bool,
    /// Members of every request's body, as a JSON object, such as {"ignore_eos": true}.
    #[arg(long, value_name = "JSON")]
    pub extra: Option<JsonObject>,
}

/// What the figures are held against.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Objectives")]
pub(crate) struct JudgeArgs {
    /// Objective: p99=50ms, ttft=200ms,tpot=30ms, errors=0.1% and so on.
    #[arg(long, value_name = "OBJECTIVE")]
    pub slo: Option<Objective>,
    /// Search for the highest rate that holds the objective.
    #[arg(long, requires = "slo", conflicts_with_all = ["mode", "vs"])]
    pub find_max: bool,
    /// Compare with a stored result.
    #[arg(long, value_name = "FILE")]
    pub baseline: Option<PathBuf>,
    /// Fail (exit status 3) if a figure is worse than the baseline's by more than this.
    #[arg(long, value_name = "PERCENT", default_value = "5%", requires = "baseline")]
    pub fail_over: Percent,
    /// Let the figures themselves decide, not their intervals.
    #[arg(long, requires = "baseline")]
    pub strict: bool,
}

/// Where results go.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct OutputArgs {
    /// Write the result as JSON.
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Write a report with pictures, one file.
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Write a table with perf_analyzer's columns.
    #[arg(short = 'f', long, value_name = "FILE")]
    pub csv: Option<PathBuf>,
    /// Show no progress.
    #[arg(short, long)]
    pub quiet: bool,
}

/// A time as it is typed: `500ms`, `10s`, `5m`, `8h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span(pub Duration);

/// `NAME:D1,D2`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NamedShape(pub String, pub Vec<usize>);

/// `NAME:LOW:HIGH`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct NamedRange(pub String, pub ValueRange);

/// `NAME: VALUE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Header(pub String, pub String);

/// A JSON object.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct JsonObject(pub serde_json::Map<String, serde_json::Value>);

/// A share, typed as `5%`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Percent(pub f64);

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("'{text}' is no time; say 500ms, 10s, 5m or 8h");
        let units = [("ms", 1e-3), ("us", 1e-6), ("s", 1.0), ("m", 60.0), ("h", 3600.0)];
        let (number, factor) = units
            .iter()
            .find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, factor)))
            .ok_or_else(wrong)?;
        let seconds: f64 = number.trim().parse().map_err(|_| wrong())?;
        Duration::try_from_secs_f64(seconds * factor).map(Self).map_err(|_| wrong())
    }
}

impl FromStr for NamedShape {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = text.rsplit_once(':').and_then(|(name, dims)| {
            let dims = dims.split(',').map(|dim| dim.trim().parse().ok());
            Some(Self(name.to_owned(), dims.collect::<Option<_>>()?))
        });
        parsed
            .ok_or_else(|| format!("'{text}' is no shape; say NAME:D1,D2, such as input_ids:1,128"))
    }
}

impl FromStr for NamedRange {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut parts = text.rsplitn(3, ':');
        let (high, low, name) = (parts.next(), parts.next(), parts.next());
        let (Some(high), Some(low), Some(name)) = (high, low, name) else {
            return Err(format!(
                "'{text}' is no range; say NAME:LOW:HIGH, such as input_ids:0:30000"
            ));
        };
        Ok(Self(name.to_owned(), format!("{low}:{high}").parse()?))
    }
}

impl FromStr for Header {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_plain = |text: &str| text.chars().all(|c| c.is_ascii_graphic() || c == ' ');
        match text.split_once(':') {
            Some((name, value)) if !name.is_empty() && is_plain(text) => {
                Ok(Self(name.trim().to_owned(), value.trim().to_owned()))
            }
            _ => Err(format!("'{text}' is no header; say 'NAME: VALUE'")),
        }
    }
}

impl FromStr for JsonObject {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        serde_json::from_str(text).map(Self).map_err(|error| format!("no JSON object: {error}"))
    }
}

impl FromStr for Percent {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let percent: Option<f64> = text.strip_suffix('%').and_then(|text| text.trim().parse().ok());
        percent
            .filter(|percent| (0.0..=1000.0).contains(percent))
            .map(|percent| Self(percent / 100.0))
            .ok_or_else(|| format!("'{text}' is no percentage; say 5%"))
    }
}

#[cfg(test)]
mod tests;
