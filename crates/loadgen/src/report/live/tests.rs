use std::time::Duration;

use super::{Colours, LiveFigures, LivePhase, LiveView, live_line, spark};
use crate::result::{LoadLevel, LoadMode};

fn figures() -> LiveFigures {
    LiveFigures {
        target: String::new(),
        load: LoadLevel { mode: LoadMode::Closed, value: 8.0, arrivals: String::new() },
        level: 2,
        levels: 6,
        phase: LivePhase::Measuring,
        elapsed: Duration::from_millis(2500),
        of: Some(Duration::from_secs(10)),
        rate: 622.4,
        p50_ms: 12.71,
        p99_ms: 0.0,
        failures: 0,
        rates: vec![0.0, 300.0, 600.0, 622.0],
    }
}

#[test]
fn the_first_drawing_moves_nowhere_and_the_next_ones_back() {
    let mut view = LiveView::new(100, Colours::Off);
    assert_eq!(
        view.redraw(&figures()),
        "level 2 of 6, 8 in flight, measuring  ━━━━━━──────────────────  2.5 of 10.0 s\x1b[K\n  \
         622 requests/s, p50 12.7 ms, p99 – ms, 0 failed\x1b[K\n  ▁▄██\x1b[K\n"
    );
    assert!(view.redraw(&figures()).starts_with("\x1b[3A\rlevel 2"));
    assert_eq!(view.clear(), "\x1b[3A\r\x1b[J");
    assert_eq!(view.clear(), "");
}

#[test]
fn no_line_is_wider_than_the_terminal() {
    let mut view = LiveView::new(20, Colours::Off);
    let wide = LiveFigures { rates: vec![1.0; 500], ..figures() };
    for line in view.redraw(&wide).lines() {
        assert!(line.trim_end_matches("\x1b[K").chars().count() <= 20, "{line:?}");
    }
}

#[test]
fn failures_are_red() {
    let mut view = LiveView::new(100, Colours::On);
    let failed = LiveFigures { failures: 3, ..figures() };
    assert!(view.redraw(&failed).contains("\x1b[31m  622 requests/s"));
    assert!(!view.redraw(&figures()).contains("\x1b[31m"));
}

#[test]
fn without_a_terminal_it_is_one_plain_line() {
    let line = live_line(&LiveFigures { target: "A\x1b[2J".to_owned(), ..figures() });
    assert_eq!(
        line,
        "A?[2J, level 2 of 6, 8 in flight, measuring: 2.5 of 10.0 s: 622 requests/s, p50 12.7 ms, \
         p99 – ms, 0 failed"
    );
    let endless = LiveFigures { of: None, levels: 0, phase: LivePhase::WarmUp, ..figures() };
    assert!(live_line(&endless).starts_with("level 2, 8 in flight, warming up: 2.5 s: "));
}

#[test]
fn sparks_are_the_last_rates() {
    assert_eq!(spark(&[]), "");
    assert_eq!(spark(&[0.0, 0.0]), "▁▁");
    assert_eq!(spark(&[f64::NAN, 7.0, 3.0]), "▁█▄");
    assert_eq!(spark(&[1.0; 100]).chars().count(), 60);
}
