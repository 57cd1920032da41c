//! Runs of a model through its engine, without a server.

use std::{
    num::NonZeroUsize,
    sync::{Arc, Barrier},
    thread,
    time::Duration,
};

use serving::{
    BatchInput, BatchInputs, Clock, ComputeStamps, Engine, Executor, ExecutorFactory, LoadError,
    LoadSpec, Loaded, NamedTensor, Timestamp,
};
use smallvec::smallvec;

use crate::ProfileError;

/// Parameters of a configuration that would decide what a measurement wants to vary.
pub(crate) const THREADS: &str = "intra_op_thread_count";

/// Loads a model with so many threads per run, whatever its configuration says.
///
/// # Errors
///
/// The model does not load, or its engine schedules for itself.
pub(crate) fn load(
    engine: &dyn Engine,
    spec: &LoadSpec,
    threads: NonZeroUsize,
) -> Result<Arc<dyn ExecutorFactory>, ProfileError> {
    let mut config = (*spec.config).clone();
    config.parameters.remove(THREADS);
    let spec = LoadSpec { config: Arc::new(config), intra_op_threads: threads, ..spec.clone() };
    match engine.load(&spec)? {
        Loaded::Executors(factory) => Ok(factory),
        Loaded::Backend(_) => {
            let message = format!("{} does not run batches that it is given", engine.name());
            Err(LoadError::Engine(message).into())
        }
    }
}

/// One instance and what it is given.
pub(crate) struct Runner {
    executor: Box<dyn Executor>,
    inputs: Vec<(usize, NamedTensor)>,
    outputs: Vec<usize>,
}

impl Runner {
    /// An instance that has run once.
    ///
    /// # Errors
    ///
    /// The engine has no instance to give, or the model does not run on the inputs.
    pub(crate) fn new(
        factory: &dyn ExecutorFactory,
        instance: usize,
        inputs: Vec<NamedTensor>,
    ) -> Result<Self, ProfileError> {
        let signature = factory.signature();
        let place = |name: &str| signature.inputs.iter().position(|input| input.name == name);
        let inputs = inputs.into_iter().filter_map(|input| Some((place(&input.name)?, input)));
        let mut runner = Self {
            executor: factory.executor(instance)?,
            inputs: inputs.collect(),
            outputs: (0..signature.outputs.len()).collect(),
        };
        runner.run()?;
        Ok(runner)
    }

    /// Gives it other inputs of the same names, in the same order.
    pub(crate) fn give(&mut self, inputs: Vec<NamedTensor>) {
        for ((_, own), input) in self.inputs.iter_mut().zip(inputs) {
            *own = input;
        }
    }

    /// Runs once; returns how long it took.
    ///
    /// # Errors
    ///
    /// The model does not run on the inputs.
    pub(crate) fn run(&mut self) -> Result<Duration, ProfileError> {
        let inputs = self.inputs.iter().map(|(index, input)| BatchInput {
            index: *index,
            data_type: input.tensor.data_type(),
            shape: input.tensor.shape().clone(),
            parts: smallvec![input.tensor.data()],
        });
        let batch = BatchInputs { inputs: inputs.collect(), outputs: &self.outputs };
        let start = Clock::now();
        let outputs = self.executor.execute(&batch, &mut ComputeStamps::default());
        let took = Clock::now().since(start);
        outputs?;
        Ok(took)
    }

    /// Runs again and again for a time, but once at least; returns how long each run took.
    ///
    /// # Errors
    ///
    /// The model does not run on the inputs.
    pub(crate) fn run_for(&mut self, time: Duration) -> Result<Vec<Duration>, ProfileError> {
        let (start, mut runs) = (Clock::now(), Vec::new());
        while runs.is_empty() || Clock::now().since(start) < time {
            runs.push(self.run()?);
        }
        Ok(runs)
    }
}

/// Runs of several instances at the same time.
#[derive(Debug)]
pub(crate) struct Together {
    /// From the first start to the last end.
    pub(crate) time: Duration,
    /// Of all instances.
    pub(crate) runs: Vec<Duration>,
}

/// Lets several instances run at the same time.
///
/// # Errors
///
/// The model does not run on its inputs.
pub(crate) fn run_together(runners: Vec<Runner>, time: Duration) -> Result<Together, ProfileError> {
    let barrier = Barrier::new(runners.len());
    let all = thread::scope(|scope| {
        let barrier = &barrier;
        let start = |mut runner: Runner| {
            scope.spawn(move || -> Result<(Timestamp, Vec<Duration>, Timestamp), ProfileError> {
                barrier.wait();
                let start = Clock::now();
                let runs = runner.run_for(time)?;
                Ok((start, runs, Clock::now()))
            })
        };
        let threads: Vec<_> = runners.into_iter().map(start).collect();
        let joined = threads.into_iter().map(|thread| thread.join().expect("a run is caught"));
        joined.collect::<Result<Vec<_>, ProfileError>>()
    })?;
    let start = all.iter().map(|(start, ..)| *start).min().unwrap_or_default();
    let end = all.iter().map(|(.., end)| *end).max().unwrap_or_default();
    let runs = all.into_iter().flat_map(|(_, runs, _)| runs).collect();
    Ok(Together { time: end.since(start), runs })
}

/// The middle one, in milliseconds; 0 of nothing.
pub(crate) fn median_ms(runs: &[Duration]) -> f64 {
    let mut sorted = runs.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len() / 2).map_or(0.0, |run| run.as_secs_f64() * 1e3)
}
