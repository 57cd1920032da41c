use std::time::Duration;

use crate::Stage;

/// A request's stages as the server stamped them: the header `Server-Timing` that Hone sends when it is
/// asked with `Hone-Explain: 1`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ServerTiming {
    stages: Vec<(Stage, Duration)>,
    /// From the request's first byte to the answer being ready; the sum of the stages if the server does
    /// not tell.
    pub total: Duration,
    /// Rows of the batch that the request ran in.
    pub batch_rows: Option<u64>,
}

impl ServerTiming {
    /// Reads the header's value; `None` if it tells no stage that is known.
    #[must_use]
    pub fn parse(value: &str) -> Option<Self> {
        let mut timing = Self::default();
        let mut total = None;
        for metric in value.split(',') {
            let (name, parameters) = metric.trim().split_once(';').unwrap_or((metric.trim(), ""));
            if name == "batch" {
                timing.batch_rows = batch_rows(parameters);
            }
            let Some(duration) = duration(parameters) else { continue };
            match stage(name) {
                Some(stage) => timing.stages.push((stage, duration)),
                None if name == "total" => total = Some(duration),
                None => {}
            }
        }
        let sum = timing.stages.iter().map(|(_, duration)| *duration).sum();
        timing.total = total.unwrap_or(sum).max(sum);
        (!timing.stages.is_empty()).then_some(timing)
    }

    /// The stages that the server named; those of one name are added up.
    pub fn stages(&self) -> impl Iterator<Item = (Stage, Duration)> + '_ {
        self.stages.iter().copied()
    }

    /// What the server's total has beyond its stages.
    #[must_use]
    pub fn other(&self) -> Duration {
        self.total - self.stages.iter().map(|(_, duration)| *duration).sum::<Duration>()
    }
}

fn stage(name: &str) -> Option<Stage> {
    Some(match name {
        "receive" | "decode" => Stage::Decode,
        "queue" => Stage::Queue,
        "compute_input" => Stage::ComputeInput,
        "compute_infer" => Stage::ComputeInfer,
        "compute_output" => Stage::ComputeOutput,
        "encode" => Stage::Encode,
        "wake" | "other" => Stage::ServerOther,
        _ => return None,
    })
}

fn duration(parameters: &str) -> Option<Duration> {
    let millis = parameters.split(';').find_map(|part| part.trim().strip_prefix("dur="))?;
    Duration::try_from_secs_f64(millis.parse::<f64>().ok()? / 1e3).ok()
}

/// Of `desc="rows=8 requests=4 reason=full"`.
fn batch_rows(parameters: &str) -> Option<u64> {
    let (_, rest) = parameters.split_once("rows=")?;
    let digits = rest.split(|character: char| !character.is_ascii_digit()).next()?;
    digits.parse().ok()
}

#[cfg(test)]
mod tests;
