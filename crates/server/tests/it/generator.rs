//! A model that schedules for itself: it answers a prompt with one token and keeps count.

use parking_lot::Mutex;
use serving::{
    Backend, GenerationStatistics, InferRequest, InferResponse, NamedTensor, Responder, Signature,
    Statistics, TensorSpec,
};
use tensor::{DataType, Tensor};

/// Name of the model: `PROMPT` INT32 [-1] is answered by `TOKEN` INT32 [1].
pub(crate) const GENERATOR: &str = "generator";

pub(crate) const GENERATOR_CONFIG: &str = r#"
    backend: "fake"
    input { name: "PROMPT" data_type: TYPE_INT32 dims: -1 }
    output { name: "TOKEN" data_type: TYPE_INT32 dims: 1 }
"#;

#[derive(Debug)]
pub(crate) struct Generator {
    signature: Signature,
    statistics: Mutex<GenerationStatistics>,
}

impl Default for Generator {
    fn default() -> Self {
        let spec = |name: &str, dim| TensorSpec {
            name: name.to_owned(),
            data_type: DataType::Int32,
            dims: vec![dim],
            optional: false,
        };
        let signature =
            Signature { inputs: vec![spec("PROMPT", -1)], outputs: vec![spec("TOKEN", 1)] };
        let statistics = GenerationStatistics {
            running: 2,
            waiting: 1,
            kv_blocks_used: 16,
            kv_blocks_total: 64,
            ..GenerationStatistics::default()
        };
        Self { signature, statistics: Mutex::new(statistics) }
    }
}

impl Backend for Generator {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn description(&self) -> String {
        "generates one token".to_owned()
    }

    fn submit(&self, request: InferRequest, responder: Responder) {
        let tokens =
            request.inputs.iter().map(|input| input.tensor.data().len() as u64 / 4).sum::<u64>();
        let mut statistics = self.statistics.lock();
        statistics.prompt_tokens += tokens;
        statistics.prefix_cache_queries += tokens;
        statistics.generated_tokens += 1;
        drop(statistics);
        let tensor = Tensor::new(DataType::Int32, [1].into(), vec![7, 0, 0, 0].into()).unwrap();
        let outputs = vec![NamedTensor { name: "TOKEN".to_owned(), tensor }];
        responder.finish(Ok(InferResponse { outputs, timing: Default::default() }));
    }

    fn check(&self) -> Result<(), String> {
        Ok(())
    }

    fn statistics(&self) -> Statistics {
        Statistics { generation: Some(*self.statistics.lock()), ..Statistics::default() }
    }
}
