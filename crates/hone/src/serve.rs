//! `hone serve`: from what was typed to a server that runs until it is told to stop.

use std::sync::Arc;

use ::engines::{LanguageEngine, onnxruntime::OnnxRuntime};
use anyhow::{Context, Result, bail};
use server::Server;
use serving::{Engine, Repository, ServeError};
use tokio::signal::unix::{SignalKind, signal};

use crate::{config::Config, environment, logging, settings::ServeArgs};

/// Runs `hone serve`.
pub(crate) fn run(args: ServeArgs) -> Result<()> {
    let print_config = args.print_config;
    let config = Config::new(args.with_file()?)?;
    if print_config {
        logging::say(&toml::to_string(&config)?);
        return Ok(());
    }
    let log = logging::start(&config)?;
    let search =
        environment::library_search(config.onnxruntime_library.clone(), config.cache_dir.clone());
    let engines: Vec<Arc<dyn Engine>> =
        vec![Arc::new(OnnxRuntime::new(search)?), Arc::new(LanguageEngine::new(config.language()))];
    let repository = Repository::open(config.repository(), engines)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the server's runtime")?;
    let outcome = runtime.block_on(serve(&config, &repository, log));
    repository.close();
    outcome
}

/// Listens at once, so that liveness answers while the models load.
async fn serve(
    config: &Config,
    repository: &Arc<Repository>,
    log: Arc<logging::Control>,
) -> Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let server = Server::start(repository.clone(), config.server(log))?;
    let loading = repository.clone();
    let mut loading = tokio::task::spawn_blocking(move || loading.start());
    let mut loaded = false;
    loop {
        tokio::select! {
            outcome = &mut loading, if !loaded => {
                loaded = true;
                if let Err(failures) = outcome? {
                    report(&failures, config.exit_on_error)?;
                }
                announce(&server, repository);
            }
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
        }
    }
    let report = server.shutdown().await;
    if report.dropped_requests > 0 {
        bail!("{} requests did not end within exit-timeout-secs", report.dropped_requests);
    }
    tracing::info!("stopped; nothing was lost");
    Ok(())
}

fn announce(server: &Server, repository: &Repository) {
    let addresses = server.addresses();
    let text = |address: Option<std::net::SocketAddr>| {
        address.map_or_else(|| "off".to_owned(), |address| address.to_string())
    };
    tracing::info!(
        models = repository.models().len(),
        http = text(addresses.http),
        grpc = text(addresses.grpc),
        metrics = text(addresses.metrics),
        "ready"
    );
}

/// Says which models did not load, and fails if that is to end the server.
fn report(failures: &[(String, ServeError)], exit: bool) -> Result<()> {
    if !exit {
        return Ok(());
    }
    let lines: Vec<String> = failures.iter().map(|(_, error)| format!("  {error}")).collect();
    bail!(
        "{} of the models did not load:\n{}\n(--exit-on-error false serves the others)",
        failures.len(),
        lines.join("\n")
    )
}
