//! `cargo xtask demo`: from a fresh clone to the embedding of a sentence.

use std::{
    fs::{self, File},
    time::Instant,
};

use anyhow::Result;

use crate::{
    models,
    places::Places,
    process,
    server::{self, Server},
};

/// What happens after the requests.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Ending {
    /// The server stops.
    Stop,
    /// The server runs until Ctrl-C.
    Stay,
}

/// Builds Hone, serves MiniLM and asks for embeddings through REST and gRPC.
///
/// # Errors
///
/// Something that the demo needs is missing; the message says what to do.
pub(crate) fn run(places: &Places, ending: Ending) -> Result<()> {
    println!("1. fetching the models (350 MB the first time)");
    let python = models::prepare(places)?;
    println!("2. building Hone (minutes the first time) and fetching ONNX Runtime");
    server::build(places)?;
    server::install_engine(places)?;

    let log_path = places.cache.join("demo.log");
    let log = File::create(&log_path)?;
    let model = places.models().join("minilm");
    println!("3. hone serve {}", model.display());
    let started = Instant::now();
    let mut server = Server::start(places, &[model.as_os_str()], &log)?;
    if let Err(error) = server.wait_until_ready() {
        let log = fs::read_to_string(&log_path).unwrap_or_default();
        return Err(error.context(log));
    }
    println!(
        "   ready after {:.2} s; its log is {}",
        started.elapsed().as_secs_f64(),
        log_path.display()
    );

    println!("4. asking");
    let mut client = python.command([places.tree.join("tests/clients/demo.py")]);
    client
        .arg(server.ports().http.to_string())
        .arg(server.ports().grpc.to_string())
        .arg(model.join("tokenizer.json"));
    process::show(client)?;

    if ending == Ending::Stay {
        println!("5. serving until Ctrl-C");
        server.wait()?;
        return Ok(());
    }
    println!("5. stopping (with --stay the server would stay)");
    server.stop()
}
