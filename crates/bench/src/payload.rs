//! What is sent: the tensors of one request and what has to come back.

use anyhow::Result;
use clap::ValueEnum;
use loadgen::{
    Endpoint, Expectation, ExpectedOutput, ExpectedValues, InferRequest, InputData, InputTensor,
    Random, Request,
};
use serde::Serialize;
use tensor::DataType;

/// How a request travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Protocol {
    /// REST, tensors behind the JSON.
    Binary,
    /// REST, tensors in the JSON.
    Json,
    /// gRPC, raw tensors.
    Grpc,
}

impl Protocol {
    /// Every one, in the order of the tables.
    pub(crate) const ALL: [Self; 3] = [Self::Binary, Self::Json, Self::Grpc];

    /// For tables.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Binary => "binary REST",
            Self::Json => "JSON",
            Self::Grpc => "gRPC",
        }
    }

    /// The same for the load generator.
    pub(crate) fn of_loadgen(self) -> loadgen::Protocol {
        match self {
            Self::Binary => loadgen::Protocol::Http,
            Self::Json => loadgen::Protocol::HttpJson,
            Self::Grpc => loadgen::Protocol::Grpc,
        }
    }
}

/// One request to one model.
#[derive(Clone, Debug)]
pub(crate) struct Payload {
    /// Model name.
    pub(crate) model: String,
    /// Inputs.
    pub(crate) inputs: Vec<Input>,
    /// The output that is asked for and checked.
    pub(crate) output: String,
    /// What that output has to be.
    pub(crate) expected: Expected,
}

/// One input tensor.
#[derive(Clone, Debug)]
pub(crate) struct Input {
    /// Name.
    pub(crate) name: String,
    /// Dimensions, the batch's too.
    pub(crate) shape: Vec<usize>,
    /// Elements, row-major.
    pub(crate) values: Values,
}

/// Elements of the types that the payloads here need.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Values {
    /// `FP32`.
    Fp32(Vec<f32>),
    /// `INT64`.
    Int64(Vec<i64>),
}

/// An `FP32` output.
#[derive(Clone, Debug)]
pub(crate) struct Expected {
    /// Elements.
    pub(crate) values: Vec<f32>,
    /// Largest difference from them that is allowed, per element.
    pub(crate) tolerance: f32,
}

impl Values {
    /// Their type.
    pub(crate) fn data_type(&self) -> DataType {
        match self {
            Self::Fp32(_) => DataType::Fp32,
            Self::Int64(_) => DataType::Int64,
        }
    }

    /// As tensors travel: little-endian.
    fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Fp32(values) => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
            Self::Int64(values) => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
        }
    }
}

impl Payload {
    /// A request to a model whose answer is known within a tolerance.
    pub(crate) fn new(
        model: &str,
        inputs: Vec<Input>,
        output: &str,
        (values, tolerance): (Vec<f32>, f32),
    ) -> Self {
        let expected = Expected { values, tolerance };
        Self { model: model.to_owned(), inputs, output: output.to_owned(), expected }
    }

    /// Uniform random elements in `[-1, 1)` for an identity model `INPUT0 -> OUTPUT0`.
    pub(crate) fn identity(model: &str, shape: &[usize], random: &mut Random) -> Self {
        let elements = shape.iter().product();
        let values: Vec<f32> = (0..elements).map(|_| random.signed_unit()).collect();
        let input = Input {
            name: "INPUT0".to_owned(),
            shape: shape.to_vec(),
            values: Values::Fp32(values.clone()),
        };
        Self::new(model, vec![input], "OUTPUT0", (values, 0.0))
    }

    /// The request's bytes, with what is expected of its answer.
    pub(crate) fn request(
        &self,
        protocol: loadgen::Protocol,
        endpoint: &Endpoint,
    ) -> Result<Request> {
        let input = |input: &Input| InputTensor {
            name: input.name.clone(),
            data_type: input.values.data_type(),
            shape: input.shape.clone(),
            data: InputData::Given(input.values.to_bytes()),
        };
        let request = InferRequest {
            model: self.model.clone(),
            inputs: self.inputs.iter().map(input).collect(),
            outputs: vec![self.output.clone()],
            ..InferRequest::default()
        };
        Ok(request.build(protocol, endpoint)?.expecting(self.expectation()))
    }

    fn expectation(&self) -> Expectation {
        Expectation {
            outputs: vec![ExpectedOutput {
                name: self.output.clone(),
                values: ExpectedValues::of_f32(&self.expected.values),
            }],
            tolerance: f64::from(self.expected.tolerance),
        }
    }
}
