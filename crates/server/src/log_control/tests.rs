use parking_lot::Mutex;

use super::{LogControl, LogSettings, LogValue, change};

#[derive(Debug)]
struct Recorder(Mutex<LogSettings>);

impl LogControl for Recorder {
    fn settings(&self) -> LogSettings {
        self.0.lock().clone()
    }

    fn apply(&self, settings: &LogSettings) -> Result<(), String> {
        *self.0.lock() = settings.clone();
        Ok(())
    }
}

fn defaults() -> LogSettings {
    LogSettings {
        log_file: String::new(),
        log_info: true,
        log_warning: true,
        log_error: true,
        log_verbose_level: 0,
        log_format: "default".into(),
    }
}

/// Applies the changes and checks the error, or that every one of them is in force.
#[track_caller]
fn check(changes: &[(&str, LogValue)], error: Option<&str>) {
    let recorder = Recorder(Mutex::new(defaults()));
    let owned = changes.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
    match error {
        Some(error) => {
            assert_eq!(change(&recorder, owned).unwrap_err(), error);
            assert_eq!(recorder.settings(), defaults(), "nothing half-done stays behind");
        }
        None => {
            let settings = change(&recorder, owned).unwrap();
            assert_eq!(recorder.settings(), settings);
            for (name, value) in changes {
                assert!(settings.entries().contains(&(*name, value.clone())), "{name}");
            }
        }
    }
}

#[test]
fn settings_change_together() {
    check(&[("log_info", LogValue::Bool(false)), ("log_verbose_level", LogValue::Uint(2))], None);
    check(&[("log_format", LogValue::Text("ISO8601".into()))], None);
    check(&[], None);
}

#[test]
fn one_bad_setting_refuses_all() {
    check(
        &[("log_info", LogValue::Bool(false)), ("log_warning", LogValue::Uint(1))],
        Some("expect log setting 'log_warning' to be a boolean"),
    );
    check(
        &[("log_file", LogValue::Text("x".into()))],
        Some("log_file can not be updated: the log location is fixed when the server starts"),
    );
    check(&[("log_color", LogValue::Bool(true))], Some("Unknown log setting: 'log_color'"));
    check(
        &[("log_format", LogValue::Text("xml".into()))],
        Some("invalid argument for log_format: expected 'default' or 'ISO8601'"),
    );
}
