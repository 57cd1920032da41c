use std::fmt;

/// What `LogSettings` and `/v2/logging` show and change; the command line owns the subscriber.
pub trait LogControl: Send + Sync + fmt::Debug {
    /// The settings in force.
    fn settings(&self) -> LogSettings;

    /// Puts all of `settings` in force, or none of them.
    ///
    /// # Errors
    ///
    /// Names the setting that cannot be had.
    fn apply(&self, settings: &LogSettings) -> Result<(), String>;
}

/// Log settings, under the protocol's names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogSettings {
    /// File that logs go to; empty is standard error. Fixed at start.
    pub log_file: String,
    /// Whether informational messages are logged.
    pub log_info: bool,
    /// Whether warnings are logged.
    pub log_warning: bool,
    /// Whether errors are logged.
    pub log_error: bool,
    /// 0 is off; 1 logs debugging messages, more logs traces too.
    pub log_verbose_level: u32,
    /// `default` or `ISO8601`.
    pub log_format: String,
}

/// Value of one setting in a request or response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum LogValue {
    Bool(bool),
    Uint(u32),
    Text(String),
}

impl LogSettings {
    /// Name and value of every setting, in the protocol's order.
    pub(crate) fn entries(&self) -> [(&'static str, LogValue); 6] {
        [
            ("log_file", LogValue::Text(self.log_file.clone())),
            ("log_info", LogValue::Bool(self.log_info)),
            ("log_warning", LogValue::Bool(self.log_warning)),
            ("log_error", LogValue::Bool(self.log_error)),
            ("log_verbose_level", LogValue::Uint(self.log_verbose_level)),
            ("log_format", LogValue::Text(self.log_format.clone())),
        ]
    }

    /// Changes one setting.
    ///
    /// # Errors
    ///
    /// The name is unknown or fixed, or the value is of another type; the message says which.
    pub(crate) fn set(&mut self, name: &str, value: LogValue) -> Result<(), String> {
        match (name, value) {
            ("log_file", _) => {
                return Err(
                    "log_file can not be updated: the log location is fixed when the server starts"
                        .to_owned(),
                );
            }
            ("log_info", LogValue::Bool(on)) => self.log_info = on,
            ("log_warning", LogValue::Bool(on)) => self.log_warning = on,
            ("log_error", LogValue::Bool(on)) => self.log_error = on,
            ("log_verbose_level", LogValue::Uint(level)) => self.log_verbose_level = level,
            ("log_format", LogValue::Text(format)) if is_format(&format) => {
                self.log_format = format
            }
            ("log_info" | "log_warning" | "log_error", _) => {
                return Err(format!("expect log setting '{name}' to be a boolean"));
            }
            ("log_verbose_level", _) => {
                return Err(format!("expect log setting '{name}' to be an unsigned integer"));
            }
            ("log_format", _) => {
                return Err(
                    "invalid argument for log_format: expected 'default' or 'ISO8601'".into()
                );
            }
            _ => return Err(format!("Unknown log setting: '{name}'")),
        }
        Ok(())
    }
}

fn is_format(format: &str) -> bool {
    matches!(format, "default" | "ISO8601")
}

/// Changes several settings together: all of `changes` or nothing.
///
/// # Errors
///
/// The first change that cannot be made.
pub(crate) fn change(
    control: &dyn LogControl,
    changes: impl IntoIterator<Item = (String, LogValue)>,
) -> Result<LogSettings, String> {
    let before = control.settings();
    let mut settings = before.clone();
    for (name, value) in changes {
        settings.set(&name, value)?;
    }
    if settings != before {
        control.apply(&settings)?;
    }
    Ok(settings)
}

#[cfg(test)]
mod tests;
