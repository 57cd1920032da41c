use std::{fs, net::SocketAddr, time::Duration};

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::{
    fixture::{Behaviour, ECHO, Fixture, Setup, eventually, pause},
    generator::GENERATOR,
    http_client::{Client, echo_json},
};

/// Open pages that the server takes.
const VIEWERS_MAX: usize = 32;

const PATIENCE: Duration = Duration::from_secs(10);

/// A stream of events.
struct Events {
    stream: TcpStream,
    text: String,
}

impl Events {
    async fn open(address: SocketAddr, path: &str) -> Self {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("GET /dashboard/events{path} HTTP/1.1\r\nhost: test\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        Self { stream, text: String::new() }
    }

    /// The next event of that name; events of other names before it are passed over.
    async fn next(&mut self, name: &str) -> Value {
        let start = format!("event: {name}\ndata: ");
        loop {
            let begun = self.text.find(&start).map(|at| at + start.len());
            if let Some((begin, len)) = begun.zip(begun.and_then(|at| self.text[at..].find("\n\n")))
            {
                let event = self.text[begin..begin + len].to_owned();
                self.text.drain(..begin + len);
                return serde_json::from_str(&event).unwrap();
            }
            assert!(self.fill().await, "the stream ended without {name}");
        }
    }

    async fn fill(&mut self) -> bool {
        let mut bytes = Vec::new();
        let read = tokio::time::timeout(PATIENCE, self.stream.read_buf(&mut bytes));
        let read = read.await.expect("something happens every second").unwrap_or(0);
        self.text.push_str(&String::from_utf8(bytes).unwrap());
        read > 0
    }

    /// Reads on until the server ends the stream.
    async fn until_end(&mut self) {
        while self.fill().await {}
    }
}

async fn infer(fixture: &Fixture, times: usize) {
    let mut client = Client::connect(fixture.http()).await;
    for _ in 0..times {
        let body = echo_json(&[1.0]);
        let answer = client.call("POST /v2/models/echo/infer", &[], body.as_bytes()).await;
        assert_eq!(answer.status, 200);
    }
}

/// Threads of this process that look at models for the dashboard.
fn samplers() -> usize {
    let tasks = fs::read_dir("/proc/self/task").unwrap();
    let names = tasks.filter_map(|task| fs::read_to_string(task.unwrap().path().join("comm")).ok());
    names.filter(|name| name.trim() == "hone-dashboard").count()
}

#[tokio::test]
async fn a_page_is_told_what_there_is_and_what_happens() {
    let fixture = Fixture::start();
    let mut events = Events::open(fixture.http(), "").await;
    let hello = events.next("hello").await;
    assert_eq!(hello["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!((&hello["explicit"], &hello["token"]), (&false.into(), &false.into()));
    let models = events.next("catalogue").await;
    assert_eq!(models["models"][0], serde_json::json!([ECHO, 1, "READY", "", 2, false]));
    let quiet = events.next("overview").await;
    assert_eq!((&quiet["unready"], &quiet["models"]), (&"".into(), &serde_json::json!([])));
    infer(&fixture, 20).await;
    let busy = loop {
        let overview = events.next("overview").await;
        if overview["total"]["rates"][0].as_f64().unwrap() > 0.0 {
            break overview;
        }
    };
    let [index, row] = &busy["models"][0].as_array().unwrap()[..] else { panic!("{busy}") };
    assert_eq!(index, 0);
    let rate = row["rates"][0].as_f64().unwrap();
    assert!((0.1..=22.3).contains(&rate), "20 requests in 0.9 s or more: {row}");
    assert_eq!(busy["total"]["rates"][0], row["rates"][0]);
    let [p50, p90, p99] = [0, 1, 2].map(|index| row["latency"][index].as_f64().unwrap());
    assert!(0.0 < p50 && p50 <= p90 && p90 <= p99, "{row}");
    fixture.repository.begin_drain();
    assert_eq!(events.next("overview").await["unready"], "the server is shutting down");
}

#[tokio::test]
async fn details_are_for_those_who_look_at_the_model() {
    let setup = Setup { generates: true, ..Setup::default() };
    let fixture = setup.start();
    let mut echo = Events::open(fixture.http(), "/echo/1").await;
    let mut generator = Events::open(fixture.http(), &format!("/{GENERATOR}/1")).await;
    let mut other = Events::open(fixture.http(), "/none/7").await;
    infer(&fixture, 3).await;
    let detail = loop {
        let detail = echo.next("detail").await;
        if detail["total"]["requests"] == 3 {
            break detail;
        }
    };
    assert_eq!((&detail["name"], &detail["how"]), (&ECHO.into(), &"echoes".into()));
    assert_eq!(detail["total"]["reasons"]["idle"], 3);
    assert_eq!(detail["instances"][0], 2);
    let detail = generator.next("detail").await;
    assert_eq!(detail["kv_blocks"], serde_json::json!([16, 64]));
    assert_eq!(detail["row"]["generation"][0], 2);
    other.next("overview").await;
    other.next("overview").await;
    assert!(!other.text.contains("event: detail"), "{}", other.text);
}

#[tokio::test]
async fn what_waits_and_runs_can_be_seen() {
    let fixture = Fixture::start();
    fixture.controls.set(Behaviour::Hold);
    let mut clients = Vec::new();
    for _ in 0..2 {
        let mut client = Client::connect(fixture.http()).await;
        clients.push(tokio::spawn(async move {
            client.call("POST /v2/models/echo/infer", &[], echo_json(&[1.0]).as_bytes()).await
        }));
    }
    fixture.until_busy(2).await;
    let mut events = Events::open(fixture.http(), "").await;
    let overview = events.next("overview").await;
    assert_eq!((&overview["in_flight"], &overview["total"]["now"][1]), (&2.into(), &2.into()));
    fixture.controls.set(Behaviour::Echo);
    for client in clients {
        assert_eq!(client.await.unwrap().status, 200);
    }
}

#[tokio::test]
async fn pages_are_counted_and_leave_their_place_to_others() {
    let fixture = Fixture::start();
    assert_eq!(samplers(), 0);
    let mut pages = Vec::new();
    for _ in 0..VIEWERS_MAX {
        let mut page = Events::open(fixture.http(), "").await;
        page.next("hello").await;
        pages.push(page);
    }
    eventually(|| samplers() == 1).await;
    let mut client = Client::connect(fixture.http()).await;
    let refused = client.call("GET /dashboard/events", &[], b"").await;
    assert_eq!((refused.status, refused.header("retry-after")), (503, "5"));
    assert!(refused.error().contains("32 times, which is the limit"), "{refused:?}");
    pages.truncate(1);
    // The server learns that the others have gone when it next writes to them.
    let mut late = loop {
        let mut late = Events::open(fixture.http(), "").await;
        late.fill().await;
        if late.text.starts_with("HTTP/1.1 200") {
            break late;
        }
        pause(Duration::from_millis(50)).await;
    };
    late.next("overview").await;
    drop((late, pages));
    eventually(|| samplers() == 0).await;
    let mut again = Events::open(fixture.http(), "").await;
    again.next("overview").await;
}

#[tokio::test]
async fn pages_of_other_sites_take_no_place() {
    let fixture = Fixture::start();
    let mut client = Client::connect(fixture.http()).await;
    let headers = [("sec-fetch-site", "cross-site")];
    let answer = client.call("GET /dashboard/events", &headers, b"").await;
    assert_eq!(answer.status, 403);
}

#[tokio::test]
async fn open_pages_do_not_hold_up_the_end() {
    let mut setup = Setup::default();
    setup.options.grace = Duration::from_millis(300);
    setup.options.metrics_port = None;
    let fixture = setup.start();
    let mut reader = Events::open(fixture.http(), "").await;
    reader.next("overview").await;
    let sleeper = Events::open(fixture.http(), "/echo/1").await;
    let ended = tokio::time::timeout(Duration::from_secs(3), fixture.shutdown());
    let (report, ()) = tokio::join!(ended, async {
        reader.next("draining").await;
        reader.until_end().await;
    });
    assert_eq!(report.expect("pages are not waited for").dropped_requests, 0);
    drop(sleeper);
}
