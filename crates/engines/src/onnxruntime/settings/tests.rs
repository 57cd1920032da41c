use std::num::NonZeroUsize;

use protocol::model_config::{
    ModelConfig, ModelOptimizationPolicy, ModelParameter, model_optimization_policy::Graph,
};

use super::{MissingAccelerator, Optimization, Settings};

fn config(parameters: &[(&str, &str)], level: i32) -> ModelConfig {
    let parameter = |(key, value): &(&str, &str)| {
        ((*key).to_owned(), ModelParameter { string_value: (*value).to_owned() })
    };
    let graph = Some(Graph { level });
    ModelConfig {
        parameters: parameters.iter().map(parameter).collect(),
        optimization: Some(ModelOptimizationPolicy { graph, ..ModelOptimizationPolicy::default() }),
        ..ModelConfig::default()
    }
}

fn settings(parameters: &[(&str, &str)]) -> Settings {
    Settings::new(&config(parameters, 0), NonZeroUsize::new(2).unwrap()).unwrap()
}

#[test]
fn a_configuration_that_says_nothing_gets_the_servers_defaults() {
    let settings = Settings::new(&ModelConfig::default(), NonZeroUsize::MIN).unwrap();
    assert_eq!(settings.optimization, Optimization::All);
    assert_eq!((settings.intra_op_threads, settings.inter_op_threads), (1, 1));
    assert!(settings.arena && !settings.parallel);
    assert_eq!((settings.memory_pattern, settings.arena_shrinkage), (None, None));
    assert_eq!(settings.entries["session.intra_op.allow_spinning"], "0");
    assert_eq!(settings.missing_accelerator, MissingAccelerator::Fallback);
}

#[test]
fn parameters_are_read() {
    let given = settings(&[
        ("intra_op_thread_count", "4"),
        ("inter_op_thread_count", " 3 "),
        ("execution_mode", "1"),
        ("enable_mem_arena", "0"),
        ("enable_mem_pattern", "true"),
        ("memory.enable_memory_arena_shrinkage", "cpu:0"),
        ("session.intra_op.allow_spinning", "1"),
        ("some_other_server", "anything"),
        ("hone_missing_accelerator", "refuse"),
    ]);
    assert_eq!((given.intra_op_threads, given.inter_op_threads), (4, 3));
    assert!(given.parallel && !given.arena);
    assert_eq!(given.memory_pattern, Some(true));
    assert_eq!(given.arena_shrinkage.as_deref(), Some("cpu:0"));
    assert_eq!(given.entries["session.intra_op.allow_spinning"], "1");
    assert!(!given.entries.contains_key("some_other_server"));
    assert_eq!(given.missing_accelerator, MissingAccelerator::Refuse);
    assert_eq!(settings(&[("intra_op_thread_count", "0")]).intra_op_threads, 2);
}

#[test]
fn levels_are_tritons() {
    let level = |level| {
        Settings::new(&config(&[], level), NonZeroUsize::MIN).map(|settings| settings.optimization)
    };
    assert_eq!(level(0).unwrap(), Optimization::All);
    assert_eq!(level(1).unwrap(), Optimization::Extended);
    assert_eq!(level(-1).unwrap(), Optimization::Basic);
    assert_eq!(level(2).unwrap(), Optimization::Disabled);
    let error = level(3).unwrap_err().to_string();
    assert!(error.starts_with("optimization.graph.level is 3; it must be 0 (all)"), "{error}");
}

#[track_caller]
fn check_refused(key: &str, value: &str, expected: &str) {
    let config = config(&[(key, value)], 0);
    let error = Settings::new(&config, NonZeroUsize::MIN).unwrap_err().to_string();
    assert_eq!(error, expected);
}

#[test]
fn what_means_nothing_is_refused() {
    check_refused(
        "intra_op_thread_count",
        "many",
        "parameters.intra_op_thread_count is 'many'; it must be a whole number from 0 to 1024",
    );
    check_refused(
        "execution_mode",
        "2",
        "parameters.execution_mode is '2'; it must be a whole number from 0 to 1",
    );
    check_refused(
        "enable_mem_arena",
        "yes",
        "parameters.enable_mem_arena is 'yes'; it must be 0 or 1",
    );
    check_refused(
        "hone_missing_accelerator",
        "ignore",
        "parameters.hone_missing_accelerator is 'ignore'; it must be fallback or refuse",
    );
    check_refused(
        "hone_missing_acelerator",
        "refuse",
        "parameters.hone_missing_acelerator is not known; there is hone_missing_accelerator",
    );
}
