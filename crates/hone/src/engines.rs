//! `hone engines`: what was found where, and how to bring what is missing.

use ::engines::onnxruntime::{self, Installed};
use anyhow::Result;

use crate::{
    cli::{EnginesAction, EnginesArgs},
    environment,
    logging::say,
};

/// Runs `hone engines`.
pub(crate) fn run(args: EnginesArgs) -> Result<()> {
    let cache = environment::cache_folder(args.cache_dir.as_deref());
    match args.action {
        Some(EnginesAction::Install { .. }) => {
            say(&match onnxruntime::install(&cache)? {
                Installed::Now(path) => format!("installed {}", path.display()),
                Installed::Already(path) => format!("already installed: {}", path.display()),
            });
        }
        None => {
            let search = environment::library_search(args.onnxruntime_library, cache);
            say(&onnxruntime::Survey::new(&search).to_string());
        }
    }
    Ok(())
}
