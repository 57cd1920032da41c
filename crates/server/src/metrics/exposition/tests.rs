use serving::Histogram;

use super::{Exposition, Kind, label_name, push_label};

#[test]
fn a_page_is_written_as_the_format_says() {
    let mut page = Exposition::with_capacity(0);
    page.family("requests_total", Kind::Counter, "Requests.");
    page.integer("", 3);
    page.integer(r#"model="a""#, 2);
    page.integer_with(r#"model="a""#, ("reason", "full"), 1);
    page.integer_with("", ("reason", "idle"), 0);
    page.family("load", Kind::Gauge, "Load.");
    page.float("", 0.25);
    assert_eq!(
        page.into_text(),
        "# HELP requests_total Requests.\n\
         # TYPE requests_total counter\n\
         requests_total 3\n\
         requests_total{model=\"a\"} 2\n\
         requests_total{model=\"a\",reason=\"full\"} 1\n\
         requests_total{reason=\"idle\"} 0\n\
         # HELP load Load.\n\
         # TYPE load gauge\n\
         load 0.25\n"
    );
}

#[test]
fn histograms_are_cumulative_and_end_in_their_count() {
    let bounds = [0.5, 1.0];
    let mut histogram = Histogram::default();
    for value in [0.25, 0.5, 0.75, 4.0] {
        histogram.observe(value, &bounds);
    }
    let mut page = Exposition::with_capacity(0);
    page.family("t", Kind::Histogram, "T.");
    page.histogram("", &bounds.map(|bound| bound.to_string()), &histogram);
    assert_eq!(
        page.into_text(),
        "# HELP t T.\n# TYPE t histogram\n\
         t_bucket{le=\"0.5\"} 2\nt_bucket{le=\"1\"} 3\nt_bucket{le=\"+Inf\"} 4\n\
         t_sum 5.5\nt_count 4\n"
    );
}

#[test]
fn label_values_are_escaped() {
    let mut labels = String::new();
    push_label(&mut labels, "a", "x\"y\\z\nü");
    push_label(&mut labels, "b", "");
    assert_eq!(labels, "a=\"x\\\"y\\\\z\\nü\",b=\"\"");
}

#[track_caller]
fn check(name: &str, expected: Option<&str>) {
    assert_eq!(label_name(name).as_deref(), expected);
}

#[test]
fn tags_become_label_names_or_are_left_out() {
    check("team", Some("team"));
    check("cost-centre", Some("cost_centre"));
    check("7days", Some("_7days"));
    check("", None);
    check("model", None);
    check("__name__", None);
}
