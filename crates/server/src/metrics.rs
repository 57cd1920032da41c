//! The metrics endpoint, on a thread and runtime of its own: it answers under any load of the others.

mod endpoint;
mod exposition;
mod families;
mod generation;
mod process;

pub(crate) use endpoint::MetricsThread;
pub(crate) use process::UsageReader;
