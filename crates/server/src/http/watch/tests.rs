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

#[track_caller]
fn check_limit(watch: &Watch, is_closing: bool, limit: Duration) {
    let now = Clock::now();
    let margin = Duration::from_millis(200);
    assert!(!watch.is_overdue(now + (limit - margin), &limits(), is_closing), "it is too early");
    assert!(watch.is_overdue(now + limit + margin, &limits(), is_closing), "it is late");
}

#[track_caller]
fn check_patient(watch: &Watch) {
    assert!(!watch.is_overdue(Clock::now() + Duration::from_secs(100_000), &limits(), false));
}

#[test]
fn each_phase_has_its_limit() {
    let watch = Watch::new();
    check_limit(&watch, false, limits().header_timeout);
    check_limit(&watch, true, LATE_PATIENCE);
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
