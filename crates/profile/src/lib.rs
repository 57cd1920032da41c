//! Where a model's time goes: serves it in this process, drives it through the real front end, runs it
//! through its engine alone, and puts all of it against what this machine can do.
//!
//! [`profile()`] makes a [`ProfileDocument`]; [`text()`] and [`html()`] draw it.
#![forbid(unsafe_code)]

mod batches;
mod ceiling;
mod clock;
mod cores;
mod document;
mod drive;
mod error;
mod exchange;
#[cfg(test)]
mod fixture;
mod html;
mod machine;
mod profile;
mod runs;
mod sample;
mod scaling;
mod serve;
mod stages;
mod target;
mod text;
mod verdict;

pub use document::{
    BandwidthFacts, BatchCurve, BatchOutcome, BatchPoint, Bound, Ceiling, InputFacts, LatencyFacts,
    LoadProfile, MachineFacts, ModelFacts, NodeBound, OperatorTime, PeakFacts, ProfileDocument,
    RooflineFacts, SCHEMA, ScalingPoint, ShapeOrigin, ShorterInputs, StageTime,
};
pub use error::ProfileError;
pub use html::html;
pub use profile::{ProfileOptions, profile};
pub use text::text;
