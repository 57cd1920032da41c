use anyhow::Result;
use loadgen::Random;

use super::{Plan, interleave};
use crate::{
    payload::{Payload, Protocol},
    report,
    repository::{Repositories, identity_large, identity_small},
    results::Cell,
};

/// Connections at which a large JSON request keeps the machine busy; more would only wait.
pub(crate) const LARGE_JSON_CONNECTIONS_MAX: usize = 8;

/// The serving path alone: identity models of 16 floats and of one image.
pub(crate) fn identity(plan: &Plan, small: bool) -> Result<Vec<Cell>> {
    let model = if small { identity_small() } else { identity_large() };
    let shape: &[usize] = if small { &[1, 16] } else { &[1, 3, 224, 224] };
    report::progress(&format!("{}, FP32 {shape:?}", model.name));
    let payload = Payload::identity(model.name, shape, &mut Random::new(plan.seed));
    let folder = tempfile::tempdir_in(&plan.places.work)?;
    let repositories = Repositories::write(&[model], &plan.models, &plan.places, folder.path(), 1)?;
    let servers = plan.start(&repositories, true);
    let mut cells = Vec::new();
    for protocol in &plan.protocols {
        for connections in &plan.connections {
            let large_json = !small && *protocol == Protocol::Json;
            if large_json && *connections > LARGE_JSON_CONNECTIONS_MAX {
                continue;
            }
            let load = plan.load(*connections, plan.window);
            let contestants = plan.contestants(&servers, &payload, *protocol, load);
            cells.extend(interleave(contestants, (&payload.model, *protocol, *connections)));
        }
    }
    Ok(cells)
}
