//! The kernels of generation, each against what this machine can do at most.

mod attention;
mod float;
mod linear;
mod row;

use std::{
    num::NonZeroUsize,
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use clap::{Args, ValueEnum};
use kernels::{Activations, MemoryLevel, Output, Roofline, Threads, ThreadsOptions, Weights};

use crate::{clock, machine, report};

/// How long the machine's bounds are measured.
const ROOFLINE_BUDGET: Duration = Duration::from_secs(3);

/// What to measure.
#[derive(Debug, Args)]
pub(crate) struct KernelsArgs {
    /// Only these kernels.
    #[arg(long, value_delimiter = ',', default_value = "linear,float,attention,row")]
    only: Vec<Part>,
    /// Rows of activations: sequences of a step, or tokens of a prompt. Attention has its own.
    #[arg(long, value_delimiter = ',', default_value = "1,4,8,16,32,128,512")]
    rows: Vec<usize>,
    /// Numbers of threads [default: 1 and as many as there are cores].
    #[arg(long, value_delimiter = ',')]
    threads: Vec<NonZeroUsize>,
    /// Time for each figure in milliseconds.
    #[arg(long, default_value_t = 200)]
    window_ms: u64,
    /// File for the table [default: printed only].
    #[arg(long)]
    report: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Products of activations and packed weights.
    Linear,
    /// Attention to keys and values in blocks.
    Attention,
    /// Products of activations and weights that are floats.
    Float,
    /// Norms, gates and rotary embeddings.
    Row,
}

/// The circumstances of a figure.
struct Bench<'a> {
    rows: &'a [usize],
    threads: &'a Threads,
    window: Duration,
    bounds: Bounds<'a>,
}

/// What the machine can do with as many threads.
#[derive(Clone, Copy)]
struct Bounds<'a> {
    roofline: &'a Roofline,
    one_thread: bool,
}

/// One line of the table.
struct Figure {
    kernel: String,
    shape: String,
    rows: usize,
    threads: usize,
    /// Of the fastest tenth of all repetitions, the slowest.
    seconds: f64,
    operations: f64,
    bytes: f64,
    /// The shortest time that the machine's bounds allow.
    bound_seconds: f64,
    /// Which bound that is.
    bound: &'static str,
}

/// What was done, and in what time.
struct Work {
    seconds: f64,
    operations: f64,
    bytes: f64,
}

/// Matrices are taken in turns from so many bytes, more than caches hold: as the layers of a model.
const BYTES_IN_TURN: usize = 128 << 20;

/// Measures and prints a table.
pub(crate) fn run(arguments: &KernelsArgs) -> Result<()> {
    let missing = "--rows and --window-ms must be 1 or more";
    ensure!(arguments.window_ms > 0 && !arguments.rows.contains(&0), missing);
    let cores = std::thread::available_parallelism()?;
    let one = NonZeroUsize::MIN;
    let mut counts = arguments.threads.clone();
    if counts.is_empty() {
        counts.extend([one, cores]);
        counts.dedup();
    }
    let roofline = Roofline::measure(cores, ROOFLINE_BUDGET);
    let mut figures = Vec::new();
    for count in counts {
        let threads = Threads::new(ThreadsOptions::new(count))?;
        let bench = Bench {
            rows: &arguments.rows,
            threads: &threads,
            window: Duration::from_millis(arguments.window_ms),
            bounds: Bounds { roofline: &roofline, one_thread: count == one },
        };
        for part in &arguments.only {
            match part {
                Part::Linear => linear::measure(&bench, &mut figures)?,
                Part::Attention => attention::measure(&bench, &mut figures)?,
                Part::Float => float::measure(&bench, &mut figures)?,
                Part::Row => row::measure(&bench, &mut figures)?,
            }
        }
    }
    let text = format!("{}\n{}", heading(&roofline), table(&figures));
    report::say(&text);
    if let Some(path) = &arguments.report {
        std::fs::write(path, &text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

impl Bench<'_> {
    /// Repeats `work` until the window is over, ten times at least; the time that the fastest tenth
    /// stays within.
    fn time(&self, mut work: impl FnMut()) -> f64 {
        let begin = clock::now();
        let mut times: Vec<Duration> = Vec::new();
        while times.len() < 10 || elapsed(begin) < self.window {
            let start = clock::now();
            work();
            times.push(elapsed(start));
        }
        times.sort_unstable();
        times[times.len() / 10].as_secs_f64()
    }

    /// The figure of some work, without a name: its shortest time is that of its operations at `peak`
    /// per second, or that of its bytes.
    fn figure(&self, rows: usize, peak: f64, work: &Work) -> Figure {
        let Work { seconds, operations, bytes } = *work;
        let (bound_seconds, bound) = self.bounds.shortest(peak, operations, bytes);
        let (kernel, shape, threads) = (String::new(), String::new(), self.threads.count());
        Figure { kernel, shape, rows, threads, seconds, operations, bytes, bound_seconds, bound }
    }

    /// Multiplies `rows` rows with each of `layers` in turns: equal matrices, more than caches hold.
    fn products(&self, layers: &[Weights], rows: usize, peak: f64) -> Figure {
        let (inputs, outputs) = (layers[0].columns(), layers[0].rows());
        let values: Vec<f32> = numbers(rows * inputs).collect();
        let mut activations = Activations::new();
        activations.reset(layers[0].activation_kind(), rows, inputs);
        activations.quantise(&values, self.threads);
        let mut out = vec![0.0; rows * outputs];
        let mut turns = layers.iter().cycle();
        let seconds = self.time(|| {
            if let Some(weights) = turns.next() {
                weights.multiply(&activations, Output::set(&mut out, outputs), self.threads);
            }
        });
        let operations = 2.0 * (rows * inputs * outputs) as f64;
        self.figure(rows, peak, &Work { seconds, operations, bytes: layers[0].byte_len() as f64 })
    }

    fn push(&self, figures: &mut Vec<Figure>, figure: Figure) {
        report::progress(&figure.line());
        figures.push(figure);
    }
}

impl Bounds<'_> {
    /// Products of bytes, additions counted, per second.
    fn int8(&self) -> f64 {
        let peak = &self.roofline.int8;
        if self.one_thread { peak.one_core } else { peak.all_cores }
    }

    /// Products of floats, additions counted, per second.
    fn f32(&self) -> f64 {
        let peak = &self.roofline.f32;
        if self.one_thread { peak.one_core } else { peak.all_cores }
    }

    /// Bytes per second from memory.
    fn memory(&self) -> f64 {
        let levels = &self.roofline.bandwidth;
        let memory = levels.iter().find(|bandwidth| bandwidth.level == MemoryLevel::Dram);
        memory.map_or(f64::INFINITY, |memory| {
            if self.one_thread { memory.one_core } else { memory.all_cores }
        })
    }

    /// The longer of the two times, and its name.
    fn shortest(
        &self,
        operations_per_second: f64,
        operations: f64,
        bytes: f64,
    ) -> (f64, &'static str) {
        let (compute, memory) = (operations / operations_per_second, bytes / self.memory());
        if compute > memory { (compute, "compute") } else { (memory, "memory") }
    }
}

impl Figure {
    fn line(&self) -> String {
        format!(
            "| {} | {} | {} | {} | {:.1} | {:.1} | {:.2} | {:.0} {} |",
            self.kernel,
            self.shape,
            self.rows,
            self.threads,
            self.seconds * 1e6,
            self.operations / self.seconds / 1e9,
            self.bytes / self.seconds / 1e9,
            100.0 * self.bound_seconds / self.seconds,
            self.bound,
        )
    }
}

/// Numbers from -1 to 1, without a pattern that caches or units would notice.
fn numbers(count: usize) -> impl Iterator<Item = f32> {
    (0..count).map(|index| (index * 7919 % 1000) as f32 / 500.0 - 1.0)
}

fn elapsed(since: Instant) -> Duration {
    clock::now().saturating_duration_since(since)
}

fn heading(roofline: &Roofline) -> String {
    let peak = |what: &str, one: f64, all: f64, unit: &str| {
        format!("{what} {:.1} {unit}, {:.1} on all cores", one / 1e9, all / 1e9)
    };
    let memory = roofline.bandwidth.iter().find(|level| level.level == MemoryLevel::Dram);
    let bounds = [
        peak("int8", roofline.int8.one_core, roofline.int8.all_cores, "Gop/s"),
        peak("f32", roofline.f32.one_core, roofline.f32.all_cores, "Gop/s"),
        memory.map_or_else(String::new, |m| peak("memory", m.one_core, m.all_cores, "GB/s")),
    ];
    let bounds = bounds.join("; ");
    let isa = roofline.int8.isa;
    format!(
        "Made by `cargo xtask bench {}` on {}, {} cores. This machine's bounds, {isa}: {bounds}. A \
         multiplication with its addition counts as two operations.\n",
        std::env::args().skip(1).collect::<Vec<_>>().join(" "),
        machine::processor(),
        roofline.threads,
    )
}

fn table(figures: &[Figure]) -> String {
    let head = "| kernel | shape | rows | threads | us | Gop/s | GB/s | % of bound |\n\
                |---|---|--:|--:|--:|--:|--:|--:|\n";
    let lines: String = figures.iter().map(|figure| figure.line() + "\n").collect();
    format!("{head}{lines}")
}
