//! Trace settings under the protocol's names: what they are, and how they are changed.

use std::{fmt, num::ParseIntError, str::FromStr};

use serving::{ErrorKind, ServeError};

/// What is recorded of a traced request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TraceLevel {
    /// When it passed which station.
    pub timestamps: bool,
    /// The beginning of each input and output.
    pub tensors: bool,
}

impl TraceLevel {
    /// Nothing is traced.
    pub const OFF: Self = Self { timestamps: false, tensors: false };

    /// Times only.
    pub const TIMESTAMPS: Self = Self { timestamps: true, tensors: false };

    pub(crate) fn is_off(self) -> bool {
        self == Self::OFF
    }

    fn names(self) -> Vec<String> {
        let on = [(self.timestamps, "TIMESTAMPS"), (self.tensors, "TENSORS")];
        let mut names: Vec<_> =
            on.iter().filter(|(is_on, _)| *is_on).map(|(_, name)| (*name).to_owned()).collect();
        if names.is_empty() {
            names.push("OFF".to_owned());
        }
        names
    }

    fn parse(names: &[String]) -> Result<Self, ServeError> {
        let mut level = Self::OFF;
        for name in names {
            match &**name {
                "OFF" if names.len() == 1 => {}
                "OFF" => {
                    let text = "Expect only one trace level 'OFF' is specified";
                    return Err(ServeError::invalid(text));
                }
                "TIMESTAMPS" => level.timestamps = true,
                "TENSORS" => level.tensors = true,
                _ => {
                    return Err(ServeError::invalid(format!(
                        "trace_level '{name}' is unknown; it must be OFF, TIMESTAMPS or TENSORS"
                    )));
                }
            }
        }
        Ok(level)
    }
}

/// Where traces go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TraceMode {
    /// To files in Triton's format.
    #[default]
    Triton,
    /// To a collector.
    OpenTelemetry,
}

impl TraceMode {
    const fn name(self) -> &'static str {
        match self {
            Self::Triton => "triton",
            Self::OpenTelemetry => "opentelemetry",
        }
    }
}

/// What holds for a model, or for all that have no settings of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    pub(crate) level: TraceLevel,
    /// One of so many requests is traced.
    pub(crate) rate: u32,
    /// So many are traced, then no more; -1 is without end.
    pub(crate) count: i32,
    /// So many traces go into a file, then another one is begun; 0 is one file for all.
    pub(crate) log_frequency: u32,
    pub(crate) mode: TraceMode,
}

/// What was set for a model, or at run time for all; what was not follows the next more general.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Overrides {
    level: Option<TraceLevel>,
    rate: Option<u32>,
    count: Option<i32>,
    log_frequency: Option<u32>,
    mode: Option<TraceMode>,
}

/// One setting of a request: its name and its values; none takes back what was set.
pub(crate) type Change = (String, Vec<String>);

impl Overrides {
    /// Applies changes in their order.
    ///
    /// # Errors
    ///
    /// A setting is unknown, fixed or has a value that it cannot have.
    pub(crate) fn apply(&mut self, changes: &[Change]) -> Result<(), ServeError> {
        for (name, values) in changes {
            match &**name {
                "trace_file" => {
                    return Err(ServeError::new(
                        ErrorKind::Unsupported,
                        "trace file location can not be updated through network protocol",
                    ));
                }
                "trace_level" => self.level = level(values)?,
                "trace_rate" => self.rate = number(name, values, 0, u32::MAX)?,
                "trace_count" => self.count = count(name, values)?,
                "log_frequency" => self.log_frequency = number(name, values, 0, u32::MAX)?,
                "trace_mode" => self.mode = mode(name, values)?,
                _ => return Err(ServeError::invalid(format!("Unknown trace setting: '{name}'"))),
            }
        }
        Ok(())
    }

    /// Whether nothing was set.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// What is in force: what was set, and `fallback` for the rest.
    pub(crate) fn over(&self, fallback: &Settings) -> Settings {
        Settings {
            level: self.level.unwrap_or(fallback.level),
            rate: self.rate.unwrap_or(fallback.rate),
            count: self.count.unwrap_or(fallback.count),
            log_frequency: self.log_frequency.unwrap_or(fallback.log_frequency),
            mode: self.mode.unwrap_or(fallback.mode),
        }
    }
}

impl Settings {
    /// Name and values of every setting, in the protocol's order. `file` is where files are written.
    pub(crate) fn entries(&self, file: &str) -> Vec<(&'static str, Vec<String>)> {
        let mut entries = vec![
            ("trace_level", self.level.names()),
            ("trace_rate", vec![self.rate.to_string()]),
            ("trace_count", vec![self.count.to_string()]),
        ];
        if self.mode == TraceMode::Triton {
            entries.push(("log_frequency", vec![self.log_frequency.to_string()]));
            entries.push(("trace_file", vec![file.to_owned()]));
        }
        entries.push(("trace_mode", vec![self.mode.name().to_owned()]));
        entries
    }

    /// Whether traces can be made under these settings, given where they can go.
    ///
    /// # Errors
    ///
    /// Says what is in the way, and what to do about it.
    pub(crate) fn check(&self, sinks: Sinks) -> Result<(), ServeError> {
        let reason = match self.mode {
            _ if self.level.is_off() => return Ok(()),
            _ if self.rate == 0 => "sample rate must be non-zero",
            TraceMode::Triton if !sinks.has_file => {
                "trace file name is not given (the server is started with --trace-file)"
            }
            TraceMode::OpenTelemetry if !sinks.has_collector => {
                "no collector is given (the server is started with --trace-endpoint)"
            }
            TraceMode::OpenTelemetry if self.level.tensors => {
                "TENSORS are written to trace files only (trace_mode triton)"
            }
            TraceMode::Triton | TraceMode::OpenTelemetry => return Ok(()),
        };
        Err(ServeError::invalid(format!("Attempting to set invalid trace setting :{reason}")))
    }
}

/// Where traces can go. Fixed at start.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sinks {
    pub(crate) has_file: bool,
    pub(crate) has_collector: bool,
}

fn level(values: &[String]) -> Result<Option<TraceLevel>, ServeError> {
    if values.is_empty() { Ok(None) } else { TraceLevel::parse(values).map(Some) }
}

fn mode(name: &str, values: &[String]) -> Result<Option<TraceMode>, ServeError> {
    match only(name, values)? {
        None => Ok(None),
        Some("triton") => Ok(Some(TraceMode::Triton)),
        Some("opentelemetry") => Ok(Some(TraceMode::OpenTelemetry)),
        Some(other) => Err(ServeError::invalid(format!(
            "trace_mode '{other}' is unknown; it must be triton or opentelemetry"
        ))),
    }
}

fn count(name: &str, values: &[String]) -> Result<Option<i32>, ServeError> {
    let count = number(name, values, -1, i32::MAX)?;
    match count {
        Some(count) if count < -1 => Err(ServeError::invalid(format!(
            "Unable to parse '{name}'. Expecting value >= -1, got: {count}"
        ))),
        _ => Ok(count),
    }
}

/// The only value as a number.
fn number<T>(name: &str, values: &[String], min: T, max: T) -> Result<Option<T>, ServeError>
where
    T: Copy + FromStr<Err = ParseIntError> + fmt::Display,
{
    use std::num::IntErrorKind::{NegOverflow, PosOverflow};

    let Some(text) = only(name, values)? else { return Ok(None) };
    let text = text.trim();
    text.parse().map(Some).map_err(|error: ParseIntError| {
        let is_negative = text.starts_with('-') && text[1..].bytes().all(|b| b.is_ascii_digit());
        let is_range = matches!(error.kind(), PosOverflow | NegOverflow) || is_negative;
        ServeError::invalid(if is_range && text.len() > 1 {
            format!("Unable to parse '{name}', value is out of range [ {min}, {max} ], got: {text}")
        } else {
            format!("Unable to parse '{name}', got: {text}")
        })
    })
}

fn only<'a>(name: &str, values: &'a [String]) -> Result<Option<&'a str>, ServeError> {
    match values {
        [] => Ok(None),
        [value] => Ok(Some(value)),
        _ => Err(ServeError::invalid(format!("expect only 1 value for '{name}'"))),
    }
}

#[cfg(test)]
mod tests;
