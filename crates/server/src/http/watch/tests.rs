use super::*;

fn limits() -> HttpLimits {
    let seconds = Duration::from_secs;
    HttpLimits {
        header_timeout: seconds(10),
        body_idle_timeout: seconds(20),
        keep_alive: seconds(100),
        ..HttpLimits::default()
    }
}

/// Looks now, just before `limit` and just after it.
#[track_caller]
fn check_limit(watch: &Watch, is_closing: bool, limit: Duration) {
    let start = Timestamp(1_000_000);
    let is_overdue = |at| watch.is_overdue(at, &limits(), is_closing);
    assert!(!is_overdue(start), "the first look only starts the time");
    assert!(!is_overdue(start + limit), "it is too early");
    assert!(is_overdue(start + limit + Duration::from_nanos(1)), "it is late");
}

#[track_caller]
fn check_patient(watch: &Watch) {
    for seconds in [0, 100_000, 200_000] {
        let now = Timestamp(1) + Duration::from_secs(seconds);
        assert!(!watch.is_overdue(now, &limits(), true));
    }
}

#[test]
fn each_phase_has_its_limit() {
    let watch = Watch::new();
    check_limit(&watch, false, limits().header_timeout);
    watch.serving();
    check_patient(&watch);
    watch.answered();
    check_limit(&watch, false, limits().keep_alive);
    watch.received();
    check_limit(&watch, false, limits().header_timeout);
    watch.serving();
    // The body of a request that is being served.
    watch.received();
    check_patient(&watch);
    watch.answered();
    assert!(!watch.finished());
    check_limit(&watch, false, LINGER_MAX);
}

#[test]
fn the_end_is_waited_for_only_by_what_is_served() {
    let watch = Watch::new();
    check_limit(&watch, true, CLOSING_PATIENCE);
    watch.serving();
    check_patient(&watch);
    watch.answered();
    check_limit(&watch, true, CLOSING_PATIENCE);
}

#[test]
fn a_client_that_does_not_read_is_not_waited_for() {
    let watch = Watch::new();
    watch.serving();
    watch.set_blocked(true);
    check_limit(&watch, false, limits().body_idle_timeout);
    watch.set_blocked(false);
    check_patient(&watch);
}

#[test]
fn lingering_is_for_the_request_that_asked_for_it() {
    let watch = Watch::new();
    watch.serving();
    watch.set_lingers();
    assert!(watch.finished());
    watch.serving();
    assert!(!watch.finished());
}
