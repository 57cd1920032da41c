//! The model behind the real front end, in this process.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use server::Server;
use serving::{Engine, Model, Repository, RepositoryOptions};
use tokio::runtime::Runtime;

use crate::ProfileError;

/// A server with one model.
pub(crate) struct Served {
    runtime: Runtime,
    server: Server,
    repository: Arc<Repository>,
    pub(crate) model: Arc<Model>,
    pub(crate) address: SocketAddr,
}

impl Served {
    /// Loads the model and starts a REST front end on a free port of the loopback address.
    ///
    /// # Errors
    ///
    /// There is not exactly one model, it does not load, or the server does not start.
    pub(crate) fn start(
        repository: RepositoryOptions,
        mut server: server::Options,
        engine: Arc<dyn Engine>,
    ) -> Result<Self, ProfileError> {
        let repository = Repository::open(repository, vec![engine])?;
        if let Err(mut failures) = repository.start() {
            repository.close();
            return Err(failures.remove(0).1.into());
        }
        let model = only_model(&repository).inspect_err(|_| repository.close())?;
        server.host = std::net::Ipv4Addr::LOCALHOST.into();
        (server.http_port, server.grpc_port, server.metrics_port) = (Some(0), None, None);
        server.grace = Duration::ZERO;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .thread_name("accept")
            .build()?;
        let within = runtime.enter();
        let server = Server::start(Arc::clone(&repository), server)?;
        drop(within);
        let address = server
            .addresses()
            .http
            .ok_or_else(|| ProfileError::Target("the server listens nowhere".to_owned()))?;
        Ok(Self { runtime, server, repository, model, address })
    }

    /// Stops the server and unloads the model.
    pub(crate) fn stop(self) {
        let Self { runtime, server, repository, model, .. } = self;
        drop(model);
        runtime.block_on(server.shutdown());
        repository.close();
    }
}

/// The newest version of the one model.
fn only_model(repository: &Repository) -> Result<Arc<Model>, ProfileError> {
    let models = repository.models();
    let [first, rest @ ..] = &models[..] else {
        return Err(ProfileError::Target("there is no model; give a model".to_owned()));
    };
    if let Some(other) = rest.iter().find(|model| model.name() != first.name()) {
        return Err(ProfileError::Target(format!(
            "there are several models ({}, {}, ...); give the folder of one",
            first.name(),
            other.name()
        )));
    }
    let newest = models.iter().max_by_key(|model| model.version());
    Ok(Arc::clone(newest.unwrap_or(first)))
}
