//! Execution providers under the names that Triton's configuration gives them.

use std::collections::BTreeMap;

use ort::ep::{
    ArbitrarilyConfigurableExecutionProvider, CUDA, ExecutionProviderDispatch, OpenVINO, TensorRT,
};
use protocol::model_config::{
    ModelConfig, model_optimization_policy::execution_accelerators::Accelerator,
};
use serving::LoadError;

use super::{placement::Device, settings::Parameters};

/// An execution provider and its options, in the library's own words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Provider {
    pub(super) kind: ProviderKind,
    pub(super) options: BTreeMap<String, String>,
}

/// An execution provider that Hone knows how to configure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ProviderKind {
    Cuda,
    TensorRt,
    OpenVino,
}

impl ProviderKind {
    /// The library's name.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Cuda => "CUDAExecutionProvider",
            Self::TensorRt => "TensorrtExecutionProvider",
            Self::OpenVino => "OpenVINOExecutionProvider",
        }
    }

    /// What to install for it.
    pub(super) fn remedy(self) -> &'static str {
        match self {
            Self::Cuda => {
                "install the Python package onnxruntime-gpu with CUDA and cuDNN, and name its \
                 libonnxruntime.so with --onnxruntime-library"
            }
            Self::TensorRt => {
                "install the Python package onnxruntime-gpu with CUDA, cuDNN and TensorRT, and \
                 name its libonnxruntime.so with --onnxruntime-library"
            }
            Self::OpenVino => {
                "install the Python package onnxruntime-openvino, and name its libonnxruntime.so \
                 with --onnxruntime-library"
            }
        }
    }
}

impl Provider {
    fn new(kind: ProviderKind) -> Self {
        Self { kind, options: BTreeMap::new() }
    }

    fn set(&mut self, key: &str, value: &str) {
        self.options.insert(key.to_owned(), value.to_owned());
    }

    /// For a session that is not made if the provider cannot be used.
    pub(super) fn dispatch(&self) -> ExecutionProviderDispatch {
        let dispatch = match self.kind {
            ProviderKind::Cuda => self.configure(CUDA::default()).build(),
            ProviderKind::TensorRt => self.configure(TensorRT::default()).build(),
            ProviderKind::OpenVino => self.configure(OpenVINO::default()).build(),
        };
        dispatch.error_on_failure()
    }

    fn configure<P: ArbitrarilyConfigurableExecutionProvider>(&self, provider: P) -> P {
        self.options.iter().fold(provider, |provider, (key, value)| {
            provider.with_arbitrary_config(key.replace('\0', ""), value.replace('\0', ""))
        })
    }
}

/// The providers that the configuration asks for on a device, the most wanted first. The CPU's own
/// is always there and not listed.
pub(super) fn providers(config: &ModelConfig, device: Device) -> Result<Vec<Provider>, LoadError> {
    let accelerators = config
        .optimization
        .as_ref()
        .and_then(|optimization| optimization.execution_accelerators.as_ref());
    match device {
        Device::Cpu => {
            let listed = accelerators.map_or(&[][..], |all| &all.cpu_execution_accelerator);
            listed.iter().map(on_cpu).collect()
        }
        Device::Gpu(id) => {
            let listed = accelerators.map_or(&[][..], |all| &all.gpu_execution_accelerator);
            on_gpu(listed, Parameters(config), id)
        }
    }
}

fn on_cpu(accelerator: &Accelerator) -> Result<Provider, LoadError> {
    if accelerator.name != "openvino" {
        return Err(unknown("cpu", &accelerator.name, "openvino"));
    }
    let mut provider = Provider::new(ProviderKind::OpenVino);
    provider.set("device_type", "CPU");
    for (key, value) in &accelerator.parameters {
        provider.set(key, value);
    }
    Ok(provider)
}

fn on_gpu(
    accelerators: &[Accelerator],
    parameters: Parameters<'_>,
    id: i32,
) -> Result<Vec<Provider>, LoadError> {
    let mut cuda = cuda(parameters)?;
    cuda.set("device_id", &id.to_string());
    let mut providers = Vec::new();
    for accelerator in accelerators {
        match accelerator.name.as_str() {
            "tensorrt" => providers.push(tensorrt(accelerator, id)?),
            "cuda" => {
                for (key, value) in &accelerator.parameters {
                    cuda.set(key, value);
                }
            }
            name => return Err(unknown("gpu", name, "tensorrt or cuda")),
        }
    }
    // What TensorRT cannot run, CUDA does.
    providers.push(cuda);
    Ok(providers)
}

fn tensorrt(accelerator: &Accelerator, id: i32) -> Result<Provider, LoadError> {
    let mut provider = Provider::new(ProviderKind::TensorRt);
    provider.set("device_id", &id.to_string());
    for (key, value) in &accelerator.parameters {
        let option = match (key.as_str(), value.to_ascii_uppercase().as_str()) {
            ("precision_mode", "FP32") => continue,
            ("precision_mode", "FP16") => "trt_fp16_enable",
            ("precision_mode", "BF16") => "trt_bf16_enable",
            ("precision_mode", "INT8") => "trt_int8_enable",
            ("precision_mode", _) => {
                return Err(LoadError::Config(format!(
                    "precision_mode of tensorrt is '{value}'; it must be FP32, FP16, BF16 or INT8"
                )));
            }
            ("max_workspace_size_bytes", _) => "trt_max_workspace_size",
            ("int8_calibration_table_name", _) => "trt_int8_calibration_table_name",
            ("int8_use_native_calibration_table", _) => "trt_int8_use_native_calibration_table",
            (key, _) => key,
        };
        let value = if key == "precision_mode" { "1" } else { value };
        provider.set(option, value);
    }
    Ok(provider)
}

fn cuda(parameters: Parameters<'_>) -> Result<Provider, LoadError> {
    const ARENA: [&str; 2] = ["kNextPowerOfTwo", "kSameAsRequested"];
    const SEARCH: [&str; 3] = ["EXHAUSTIVE", "HEURISTIC", "DEFAULT"];
    let mut cuda = Provider::new(ProviderKind::Cuda);
    for (key, names) in [("arena_extend_strategy", &ARENA[..]), ("cudnn_conv_algo_search", &SEARCH)]
    {
        if let Some(number) = parameters.number(key, 0..=names.len() - 1)? {
            cuda.set(key, names[number]);
        }
    }
    for key in ["gpu_mem_limit", "do_copy_in_default_stream", "cudnn_conv_use_max_workspace"] {
        if let Some(value) = parameters.text(key) {
            cuda.set(key, value);
        }
    }
    Ok(cuda)
}

fn unknown(kind: &str, name: &str, known: &str) -> LoadError {
    LoadError::Config(format!(
        "optimization.execution_accelerators.{kind}_execution_accelerator names '{name}'; \
         it must be {known}"
    ))
}

#[cfg(test)]
mod tests;
