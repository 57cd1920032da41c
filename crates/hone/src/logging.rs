//! What is logged, how and where: the only place that writes to the terminal.

use std::{
    fmt,
    io::{self, Write as _},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::SystemTime,
};

use anyhow::{Context, Result};
use server::{LogControl, LogSettings};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::{
    EnvFilter, Registry,
    fmt::{
        format::Writer,
        time::{FormatTime, SystemTime as FullTime},
    },
    layer::SubscriberExt,
    registry, reload,
    util::SubscriberInitExt,
};

use crate::{config::Config, settings::LogFormat};

/// Writes a command's answer to standard output.
pub(crate) fn say(text: &str) {
    // Nobody is left to tell if standard output is closed.
    let _ = writeln!(io::stdout().lock(), "{}", text.trim_end());
}

/// Writes why a command failed to standard error, causes included.
pub(crate) fn say_error(error: &anyhow::Error) {
    let _ = writeln!(io::stderr().lock(), "error: {error:#}");
}

/// Starts logging to standard error.
///
/// # Errors
///
/// The level is no filter.
pub(crate) fn start(config: &Config) -> Result<Arc<Control>> {
    let level = config.log_level.clone();
    let filter = parse(&level).with_context(|| format!("log-level '{level}'"))?;
    let verbose = match filter.max_level_hint() {
        Some(LevelFilter::TRACE) | None => 2,
        Some(LevelFilter::DEBUG) => 1,
        _ => 0,
    };
    let (filter, handle) = reload::Layer::new(filter);
    let coarse_time = Arc::new(AtomicBool::new(false));
    let time = Time(coarse_time.clone());
    let lines = tracing_subscriber::fmt::layer().with_writer(io::stderr).with_timer(time);
    let registry = registry().with(filter);
    match config.log_format {
        LogFormat::Text => registry.with(lines.with_ansi(false)).init(),
        LogFormat::Json => registry.with(lines.json().flatten_event(true)).init(),
    }
    let settings = LogSettings {
        log_file: String::new(),
        log_info: true,
        log_warning: true,
        log_error: true,
        log_verbose_level: verbose,
        log_format: "default".to_owned(),
    };
    let settings = parking_lot::Mutex::new(settings);
    Ok(Arc::new(Control { level, handle, settings, coarse_time }))
}

/// Changes what is logged while the server runs.
pub(crate) struct Control {
    /// The filter of the start.
    level: String,
    handle: reload::Handle<EnvFilter, Registry>,
    settings: parking_lot::Mutex<LogSettings>,
    coarse_time: Arc<AtomicBool>,
}

impl LogControl for Control {
    fn settings(&self) -> LogSettings {
        self.settings.lock().clone()
    }

    fn apply(&self, settings: &LogSettings) -> Result<(), String> {
        let filter = parse(&self.directives(settings)).map_err(|error| error.to_string())?;
        self.handle.reload(filter).map_err(|error| error.to_string())?;
        self.coarse_time.store(settings.log_format == "ISO8601", Ordering::Relaxed);
        *self.settings.lock() = settings.clone();
        Ok(())
    }
}

impl Control {
    /// The filter for `settings`: the most detailed level that is switched on; levels are nested.
    fn directives(&self, settings: &LogSettings) -> String {
        match settings.log_verbose_level {
            0 if settings.log_info => self.level.clone(),
            0 if settings.log_warning => "warn".to_owned(),
            0 if settings.log_error => "error".to_owned(),
            0 => "off".to_owned(),
            1 => "debug".to_owned(),
            _ => "trace".to_owned(),
        }
    }
}

impl fmt::Debug for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Control").field("settings", &self.settings).finish_non_exhaustive()
    }
}

fn parse(directives: &str) -> Result<EnvFilter> {
    Ok(EnvFilter::builder().parse(directives)?)
}

/// UTC time: with microseconds, or to the second.
struct Time(Arc<AtomicBool>);

impl FormatTime for Time {
    fn format_time(&self, writer: &mut Writer<'_>) -> fmt::Result {
        if !self.0.load(Ordering::Relaxed) {
            return FullTime.format_time(writer);
        }
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let (days, second) = (since.as_secs() / 86_400, since.as_secs() % 86_400);
        let (year, month, day) = civil_date(days);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        write!(writer, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")?;
        writer.write_char('Z')
    }
}

/// Year, month and day of a day since 1970-01-01 (Hinnant, "chrono-compatible low-level date
/// algorithms", `civil_from_days`).
fn civil_date(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_index = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_index + 2) / 5 + 1;
    let month = if month_index < 10 { month_index + 3 } else { month_index - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests;
