use super::html;
use crate::{BatchOutcome, ProfileDocument, fixture};

/// A page must stand alone and be well-formed, whatever is in the document.
#[track_caller]
fn check(document: &ProfileDocument) -> String {
    let page = html(document);
    for foreign in ["http://", "https://", "src=", "url(", "<script", "@import", "<link"] {
        assert!(!page.contains(foreign), "{foreign} is in the page");
    }
    for tag in ["svg", "section", "table", "ul", "main", "style", "text", "div", "title"] {
        let (open, close) = (format!("<{tag}"), format!("</{tag}>"));
        let opened = page
            .match_indices(&open)
            .filter(|(at, _)| page[at + open.len()..].starts_with([' ', '>', '\n']));
        assert_eq!(opened.count(), page.matches(&close).count(), "{tag}");
    }
    assert!(!page.contains("NaN") && !page.contains("inf\""), "a coordinate is no number");
    page
}

#[test]
fn a_page_stands_alone() {
    let page = check(&fixture::document());
    assert!(page.contains("<title>a&lt;b&gt; &middot; hone profile</title>"));
    assert!(page.contains("s &amp; &lt;s&gt;") && !page.contains("<s>"));
    assert!(page.contains("prefers-color-scheme: dark"));
    for picture in
        ["Stages of", "Time of every node", "Roofline of", "Rows per second", "Requests per"]
    {
        assert!(page.contains(&format!("aria-label=\"{picture}")), "{picture}");
    }
}

#[test]
fn a_document_with_little_in_it_is_a_page_too() {
    let mut document = fixture::document();
    document.ceiling.operations = 0.0;
    document.ceiling.nodes.clear();
    document.ceiling.operators.clear();
    document.batches.points.truncate(1);
    document.batches.outcome = BatchOutcome::Fixed;
    document.scaling.truncate(1);
    document.verdict.clear();
    check(&document);
    document.loads.clear();
    document.batches.points.clear();
    document.scaling.clear();
    check(&document);
}
