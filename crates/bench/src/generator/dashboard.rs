//! What an open dashboard weighs and costs.

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use loadgen::ProcessTree;
use onnx::{ElementType, build};

use super::{
    Finding,
    tools::{Served, Tools},
};

/// Thread that samples for dashboards.
const SAMPLER: &str = "hone-dashboard";

/// Load and cost of one page, at saturation.
pub(super) fn dashboard(tools: &Tools) -> Result<Vec<Finding>> {
    let model = tools.work.join("small.onnx");
    fs::write(&model, build::identity(ElementType::Float32, &[-1, 16]))?;
    let server = tools.serve(&model)?;
    let bytes = assets(&server)?;
    let (share, events) = cost(tools, &server)?;
    Ok(vec![
        Finding {
            what: "dashboard: JavaScript and CSS on the wire".to_owned(),
            must: "<= 150 kB",
            aim: "60 kB",
            found: format!("{:.1} kB", bytes as f64 / 1e3),
            is_met: Some(bytes <= 150_000),
        },
        Finding {
            what: "one open page at saturation: share of the server's CPU time in the sampler"
                .to_owned(),
            must: "<= 1 %",
            aim: "",
            found: format!("{:.3} % ({events} bytes of events)", share * 100.0),
            is_met: Some(share <= 0.01),
        },
    ])
}

/// Sum of the compressed sizes of what the page refers to.
fn assets(server: &Served) -> Result<usize> {
    let (_, page) = get(server, "/")?;
    let page = String::from_utf8_lossy(&page);
    let mut paths: Vec<&str> = Vec::new();
    for attribute in ["src=\"", "href=\""] {
        paths.extend(page.split(attribute).skip(1).filter_map(|rest| rest.split('"').next()));
    }
    let mut seen: Vec<String> = Vec::new();
    let mut queue: Vec<String> = paths
        .into_iter()
        .filter(|path| path.ends_with(".js") || path.ends_with(".css"))
        .map(absolute)
        .collect();
    let mut bytes = 0;
    while let Some(path) = queue.pop() {
        if seen.contains(&path) {
            continue;
        }
        let (wire, _) = get_compressed(server, &path)?;
        let (_, text) = get(server, &path)?;
        bytes += wire;
        queue.extend(imports(&String::from_utf8_lossy(&text), &path));
        seen.push(path);
    }
    ensure!(seen.iter().any(|path| path.ends_with(".js")), "the page has no script");
    Ok(bytes)
}

fn absolute(path: &str) -> String {
    if path.starts_with('/') { path.to_owned() } else { format!("/{path}") }
}

/// Paths of the modules that a script imports.
fn imports(script: &str, of: &str) -> Vec<String> {
    let folder = of.rsplit_once('/').map_or("", |(folder, _)| folder);
    let quoted = script.split(['"', '\'']).skip(1).step_by(2);
    let modules = quoted.filter(|text| text.starts_with("./") && text.ends_with(".js"));
    modules.map(|module| format!("{folder}/{}", &module[2..])).collect()
}

fn get(server: &Served, path: &str) -> Result<(usize, Vec<u8>)> {
    request(server, path, "")
}

fn get_compressed(server: &Served, path: &str) -> Result<(usize, Vec<u8>)> {
    request(server, path, "accept-encoding: gzip\r\n")
}

/// Bytes of the body on the wire, and the body.
fn request(server: &Served, path: &str, headers: &str) -> Result<(usize, Vec<u8>)> {
    let mut stream = TcpStream::connect(&server.address)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let host = &server.address;
    write!(stream, "GET {path} HTTP/1.1\r\nhost: {host}\r\n{headers}connection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    ensure!(answer.starts_with(b"HTTP/1.1 200"), "{path} is not there");
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").context("no head")?;
    let body = answer.split_off(end + 4);
    Ok((body.len(), body))
}

/// Share of the server's CPU time that the sampler took while a page was open and 64 callers kept the
/// server busy, and bytes of events that the page got.
fn cost(tools: &Tools, server: &Served) -> Result<(f64, usize)> {
    let mut page = TcpStream::connect(&server.address)?;
    let host = &server.address;
    write!(
        page,
        "GET /dashboard/events HTTP/1.1\r\nhost: {host}\r\naccept: text/event-stream\r\n\r\n"
    )?;
    page.set_read_timeout(Some(Duration::from_millis(100)))?;
    let before = (sampler_time(server), ProcessTree(server.process.id()).cpu_time());
    tools.level(None, &[host, "--concurrency", "64", "--duration", "10s"])?;
    let after = (sampler_time(server), ProcessTree(server.process.id()).cpu_time());
    let mut events = vec![0; 1 << 20];
    let received = page.read(&mut events).context("the page got no events")?;
    let sampler = after.0.saturating_sub(before.0);
    let all = after.1.saturating_sub(before.1);
    ensure!(!sampler.is_zero(), "there is no thread {SAMPLER} that did anything");
    Ok((sampler.as_secs_f64() / all.as_secs_f64(), received))
}

/// CPU time of the sampler's thread.
fn sampler_time(server: &Served) -> Duration {
    let tasks = fs::read_dir(format!("/proc/{}/task", server.process.id())).into_iter().flatten();
    let of = |task: std::path::PathBuf| {
        let name = fs::read_to_string(task.join("comm")).ok()?;
        let statistics = fs::read_to_string(task.join("schedstat")).ok()?;
        let nanos = statistics.split_ascii_whitespace().next()?.parse().ok()?;
        (name.trim() == SAMPLER).then(|| Duration::from_nanos(nanos))
    };
    tasks.filter_map(|task| of(task.ok()?.path())).sum()
}
