//! Whether cores are better spent on more instances or on more threads per run.

use std::{num::NonZeroUsize, time::Duration};

use serving::{Engine, LoadSpec};

use crate::{
    ProfileError, ScalingPoint,
    runs::{self, Runner, median_ms},
    sample::Sample,
};

/// Measures one request after another on every instance: alone, and with all cores in use in every
/// way of dividing them by powers of two.
///
/// # Errors
///
/// The model does not load or run.
pub(crate) fn measure(
    engine: &dyn Engine,
    spec: &LoadSpec,
    sample: &Sample,
    cores: NonZeroUsize,
    time: Duration,
) -> Result<Vec<ScalingPoint>, ProfileError> {
    let ways = ways(cores.get());
    let share = time / u32::try_from(ways.len()).unwrap_or(1);
    let mut points = Vec::new();
    for (instances, threads) in ways {
        let intra_op = NonZeroUsize::new(threads).unwrap_or(NonZeroUsize::MIN);
        let factory = runs::load(engine, spec, intra_op)?;
        let runners = (0..instances)
            .map(|instance| Runner::new(&*factory, instance, sample.tensors()))
            .collect::<Result<Vec<_>, _>>()?;
        let together = runs::run_together(runners, share)?;
        points.push(ScalingPoint {
            instances,
            threads,
            requests_per_second: together.runs.len() as f64 / together.time.as_secs_f64().max(1e-9),
            p50_ms: median_ms(&together.runs),
        });
    }
    Ok(points)
}

/// Instances and threads: one and one, then every division of the cores.
fn ways(cores: usize) -> Vec<(usize, usize)> {
    let mut threads: Vec<usize> =
        (0..usize::BITS).map(|power| 1 << power).take_while(|threads| *threads < cores).collect();
    threads.push(cores);
    let mut ways = vec![(1, 1)];
    for threads in threads {
        for way in [(cores / threads, threads), (1, threads)] {
            if !ways.contains(&way) {
                ways.push(way);
            }
        }
    }
    ways
}

#[cfg(test)]
mod tests {
    use super::ways;

    #[test]
    fn cores_are_divided_between_instances_and_threads() {
        assert_eq!(ways(1), [(1, 1)]);
        assert_eq!(ways(2), [(1, 1), (2, 1), (1, 2)]);
        assert_eq!(ways(6), [(1, 1), (6, 1), (3, 2), (1, 2), (1, 4), (1, 6)]);
        assert!(ways(64).iter().all(|(instances, threads)| instances * threads <= 64));
    }
}
