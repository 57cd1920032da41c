use crate::{
    fixture::Fixture,
    http_client::{Answer, Client},
};

async fn get(fixture: &Fixture, path: &str, headers: &[(&str, &str)]) -> Answer {
    Client::connect(fixture.http()).await.call(&format!("GET {path}"), headers, b"").await
}

#[tokio::test]
async fn the_page_and_its_files_are_there_under_a_strict_policy() {
    let fixture = Fixture::start();
    let page = get(&fixture, "/", &[]).await;
    assert_eq!(page.status, 200);
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    for file in page.text().split("=\"dashboard/").skip(1) {
        let file = file.split('"').next().unwrap();
        let answer = get(&fixture, &format!("/dashboard/{file}"), &[]).await;
        assert_eq!(answer.status, 200, "{file}");
        let policy = answer.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'; script-src 'self'"), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
    }
}

#[tokio::test]
async fn files_are_compressed_and_sent_only_once() {
    let fixture = Fixture::start();
    let plain = get(&fixture, "/dashboard/app.js", &[]).await;
    assert_eq!(plain.header("content-encoding"), "");
    let gzip = [("accept-encoding", "gzip, deflate, br")];
    let compressed = get(&fixture, "/dashboard/app.js", &gzip).await;
    assert_eq!(compressed.header("content-encoding"), "gzip");
    assert_eq!(compressed.header("vary"), "accept-encoding");
    assert!(compressed.body.len() < plain.body.len() / 2);
    let etag = plain.header("etag");
    for known in [etag, &format!("\"other\", {etag}")] {
        let again = get(&fixture, "/dashboard/app.js", &[("if-none-match", known)]).await;
        assert_eq!((again.status, again.body.len(), again.header("etag")), (304, 0, etag));
    }
    let other = get(&fixture, "/dashboard/app.js", &[("if-none-match", "\"other\"")]).await;
    assert_eq!(other.status, 200);
}

#[tokio::test]
async fn other_paths_and_methods_are_refused() {
    let fixture = Fixture::start();
    for path in
        ["/dashboard/none.js", "/dashboard/../Cargo.toml", "/index.html", "/dashboard/events/echo"]
    {
        assert_eq!(get(&fixture, path, &[]).await.status, 404, "{path}");
    }
    for (path, location) in [("/dashboard", "."), ("/dashboard/", "..")] {
        let answer = get(&fixture, path, &[]).await;
        assert_eq!((answer.status, answer.header("location")), (307, location));
    }
    let mut client = Client::connect(fixture.http()).await;
    let answer = client.call("POST /", &[], b"").await;
    assert_eq!((answer.status, answer.header("allow")), (405, "GET"));
}
