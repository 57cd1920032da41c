use protocol::model_config::{
    ModelConfig, ModelOptimizationPolicy, ModelParameter,
    model_optimization_policy::{ExecutionAccelerators, execution_accelerators::Accelerator},
};

use super::{Device, ProviderKind, providers};

type Listed<'a> = (&'a str, &'a [(&'a str, &'a str)]);

fn config(gpu: &[Listed<'_>], cpu: &[Listed<'_>], parameters: &[(&str, &str)]) -> ModelConfig {
    let pair = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    let list = |listed: &[Listed<'_>]| {
        let accelerator = |(name, parameters): &Listed<'_>| Accelerator {
            name: (*name).to_owned(),
            parameters: parameters.iter().map(pair).collect(),
        };
        listed.iter().map(accelerator).collect()
    };
    let execution_accelerators = Some(ExecutionAccelerators {
        gpu_execution_accelerator: list(gpu),
        cpu_execution_accelerator: list(cpu),
    });
    let parameter = |(key, value): &(&str, &str)| {
        ((*key).to_owned(), ModelParameter { string_value: (*value).to_owned() })
    };
    ModelConfig {
        optimization: Some(ModelOptimizationPolicy {
            execution_accelerators,
            ..ModelOptimizationPolicy::default()
        }),
        parameters: parameters.iter().map(parameter).collect(),
        ..ModelConfig::default()
    }
}

#[track_caller]
fn check(config: &ModelConfig, device: Device, expected: &[(ProviderKind, &[(&str, &str)])]) {
    let got = providers(config, device).unwrap();
    let got: Vec<_> = got
        .iter()
        .map(|provider| {
            let options = provider.options.iter();
            (provider.kind, options.map(|(k, v)| (k.as_str(), v.as_str())).collect::<Vec<_>>())
        })
        .collect();
    let expected: Vec<_> = expected.iter().map(|(kind, list)| (*kind, list.to_vec())).collect();
    assert_eq!(got, expected);
}

#[test]
fn tritons_names_become_the_librarys() {
    use ProviderKind::{Cuda, OpenVino, TensorRt};
    check(&ModelConfig::default(), Device::Cpu, &[]);
    check(&ModelConfig::default(), Device::Gpu(1), &[(Cuda, &[("device_id", "1")])]);

    let tensorrt: Listed<'_> = (
        "tensorrt",
        &[
            ("precision_mode", "fp16"),
            ("max_workspace_size_bytes", "1073741824"),
            ("trt_engine_cache_enable", "true"),
        ],
    );
    let cuda: Listed<'_> = ("cuda", &[("cudnn_conv_use_max_workspace", "0")]);
    let openvino: Listed<'_> = ("openvino", &[("num_streams", "2")]);
    let parameters = [("gpu_mem_limit", "1000"), ("cudnn_conv_algo_search", "1")];
    let config = config(&[tensorrt, cuda], &[openvino], &parameters);
    check(&config, Device::Cpu, &[(OpenVino, &[("device_type", "CPU"), ("num_streams", "2")])]);
    check(
        &config,
        Device::Gpu(0),
        &[
            (
                TensorRt,
                &[
                    ("device_id", "0"),
                    ("trt_engine_cache_enable", "true"),
                    ("trt_fp16_enable", "1"),
                    ("trt_max_workspace_size", "1073741824"),
                ],
            ),
            (
                Cuda,
                &[
                    ("cudnn_conv_algo_search", "HEURISTIC"),
                    ("cudnn_conv_use_max_workspace", "0"),
                    ("device_id", "0"),
                    ("gpu_mem_limit", "1000"),
                ],
            ),
        ],
    );
}

#[track_caller]
fn check_refused(config: &ModelConfig, device: Device, expected: &str) {
    let error = providers(config, device).unwrap_err().to_string();
    assert!(error.contains(expected), "{error}");
}

#[test]
fn what_is_not_known_is_refused() {
    let unknown = config(&[("abacus", &[])], &[("slide_rule", &[])], &[]);
    check_refused(&unknown, Device::Gpu(0), "names 'abacus'; it must be tensorrt or cuda");
    check_refused(&unknown, Device::Cpu, "names 'slide_rule'; it must be openvino");
    let precision = config(&[("tensorrt", &[("precision_mode", "FP4")])], &[], &[]);
    check_refused(&precision, Device::Gpu(0), "precision_mode of tensorrt is 'FP4'");
    let search = config(&[], &[], &[("cudnn_conv_algo_search", "3")]);
    check_refused(&search, Device::Gpu(0), "must be a whole number from 0 to 2");
}
