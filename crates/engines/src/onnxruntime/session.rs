//! Making a session.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
};

use ort::{ep::CPU, session::Session};

use super::{accelerators::Provider, library::Library, settings::Settings};

/// Where the library's source was when it was built.
const SOURCE_FOLDER: &str = "/onnxruntime_src/";

/// Makes a session of the model file, on the providers given and the CPU.
pub(super) fn open(
    library: &Library,
    path: &Path,
    settings: &Settings,
    memory_pattern: bool,
    providers: &[Provider],
) -> Result<Session, String> {
    // The binding panics at types that it does not know.
    catch_unwind(AssertUnwindSafe(|| build(library, path, settings, memory_pattern, providers)))
        .unwrap_or_else(|_| Err(ort::Error::new("its inputs or outputs are of an unknown kind")))
        .map_err(|error| one_line(error.message()))
}

fn build(
    library: &Library,
    path: &Path,
    settings: &Settings,
    memory_pattern: bool,
    providers: &[Provider],
) -> Result<Session, ort::Error> {
    let mut builder = Session::builder(library.environment())?
        .with_optimization_level(settings.optimization.into())?
        .with_intra_threads(settings.intra_op_threads)?
        .with_inter_threads(settings.inter_op_threads)?
        .with_parallel_execution(settings.parallel)?
        .with_memory_pattern(memory_pattern)?;
    if let Some(trace) = &settings.trace {
        builder = builder.with_profiling(trace)?;
    }
    for (key, value) in &settings.entries {
        builder = builder.with_config_entry(key, value)?;
    }
    let cpu = CPU::default().with_arena_allocator(settings.arena).build().error_on_failure();
    let dispatches: Vec<_> = providers.iter().map(Provider::dispatch).chain([cpu]).collect();
    builder.with_execution_providers(dispatches)?.commit_from_file(path)
}

/// Whether every dimension but the batch's is fixed, so that a plan of the memory for one run
/// serves the next.
pub(super) fn has_fixed_shapes(model: Option<&onnx::Model>) -> bool {
    let fixed = |value: &onnx::ValueInfo| match &value.value_type {
        onnx::ValueType::Tensor(tensor) => tensor
            .dims
            .as_ref()
            .is_some_and(|dims| dims.iter().skip(1).all(|dim| matches!(dim, onnx::Dim::Fixed(_)))),
        _ => false,
    };
    model.is_some_and(|model| model.graph.inputs.iter().all(fixed))
}

/// What the library says, on one line and without the places in its source.
pub(super) fn one_line(message: &str) -> String {
    // Before the mark stands where it was raised, behind it "number : NAME : what happened".
    let marked = message.rsplit_once("[ONNXRuntimeError] : ");
    let what = marked.and_then(|(_, rest)| rest.splitn(3, " : ").nth(2));
    let message = what.unwrap_or(message);
    let words = message.split_whitespace().filter(|word| !word.starts_with(SOURCE_FOLDER));
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::one_line;

    #[track_caller]
    fn check(message: &str, expected: &str) {
        assert_eq!(one_line(message), expected);
    }

    #[test]
    fn messages_lose_what_only_the_librarys_makers_can_use() {
        check("plain  words\n", "plain words");
        check(
            "/onnxruntime_src/onnxruntime/core/session/x.cc:20 Provider& Get() \
             [ONNXRuntimeError] : 1 : FAIL : Failed to load library y.so with error: z\n",
            "Failed to load library y.so with error: z",
        );
        check(
            "Non-zero status code returned while running Reshape node. Name:'r' Status Message: \
             /onnxruntime_src/onnxruntime/core/reshape.h:45 Reshape() cannot be reshaped",
            "Non-zero status code returned while running Reshape node. Name:'r' Status Message: \
             Reshape() cannot be reshaped",
        );
    }
}
