//! Where the time of sampled requests went.

use crate::{Slice, Stage, StageShare, StageSummary, StageSums};

/// Of the requests that were sampled; `None` if none was.
pub(super) fn of(slices: &[Slice]) -> Option<StageSummary> {
    let mut sums = StageSums::default();
    slices.iter().for_each(|slice| sums.merge(&slice.stages));
    of_sums(&sums, "server-timing")
}

/// Of sums over requests, from this source; `None` if there are none.
pub(crate) fn of_sums(sums: &StageSums, source: &str) -> Option<StageSummary> {
    let total: f64 = sums.stages.iter().map(|stage| stage.as_secs_f64()).sum();
    if sums.samples == 0 || total <= 0.0 {
        return None;
    }
    let share = |(stage, sum): (&Stage, f64)| StageShare {
        stage: stage.name().to_owned(),
        mean_ms: sum * 1e3 / sums.samples as f64,
        share: sum / total,
    };
    let stages = Stage::ALL.iter().zip(sums.stages.iter().map(|stage| stage.as_secs_f64()));
    Some(StageSummary {
        source: source.to_owned(),
        samples: sums.samples,
        stages: stages.filter(|(_, sum)| *sum > 0.0).map(share).collect(),
        ..StageSummary::default()
    })
}
