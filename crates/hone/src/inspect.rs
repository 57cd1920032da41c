use anyhow::{Context, Result};

use crate::{cli::InspectArgs, logging::say};

/// Runs `hone inspect`.
pub(crate) fn run(args: &InspectArgs) -> Result<()> {
    if let Some(summary) = engines::language_model_summary(&args.model)? {
        say(&summary);
        return Ok(());
    }
    let model = onnx::Model::read(&args.model)
        .with_context(|| format!("cannot read {}", args.model.display()))?;
    say(&onnx::Summary::new(&model).to_string());
    Ok(())
}
