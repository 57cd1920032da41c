use super::{Job, Line, parse};

/// What llama.cpp b11434 prints.
const PRINTED: &str = r#"0.00.236.643 I main: n_kv_max = 8192
{"n_kv_max": 8192, "n_batch": 2048, "n_ubatch": 512, "flash_attn": 1, "is_pp_shared": 0, "n_gpu_layers": -1, "n_threads": 2, "n_threads_batch": 2, "pp": 128, "tg": 32, "pl": 8, "n_kv": 1280, "t_pp": 1.520980, "speed_pp": 673.246155, "t_tg": 0.831091, "speed_tg": 308.028839, "t": 2.352080, "speed": 544.199219}

llama_perf_context_print:        load time =     140.22 ms
"#;

#[test]
fn llama_batched_bench_is_understood() {
    let expected = Line { pp: 128, tg: 32, pl: 8, speed_pp: 673.246_155, speed_tg: 308.028_839 };
    assert_eq!(parse(PRINTED).unwrap(), [expected]);
}

#[test]
fn what_this_program_prints_is_understood() {
    let line = Line { pp: 512, tg: 1, pl: 1, speed_pp: 1.5, speed_tg: 2.5 };
    let printed = serde_json::to_string(&line).unwrap();
    assert_eq!(parse(&format!("{printed}\n{printed}\n")).unwrap(), [line, line]);
}

#[test]
fn output_without_measurements_is_an_error() {
    assert!(parse("failed to decode the batch\n").is_err());
    assert!(parse("{\"pp\": 128}\n").is_err());
}

#[test]
fn a_speed_that_is_no_number_is_an_error() {
    assert!(parse(&PRINTED.replace("308.028839", "inf")).is_err());
}

#[test]
fn every_sequence_has_room() {
    let decode = Job::decode();
    assert!(decode.context() / 32 >= decode.prompts[0] + decode.generated);
    assert!(Job::prefill().context() > 1024);
}
