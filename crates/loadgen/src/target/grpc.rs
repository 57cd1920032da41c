use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use prost::Message;
use protocol::grpc::{
    InferStatistics, ModelConfigRequest, ModelConfigResponse, ModelMetadataRequest,
    ModelMetadataResponse, ModelStatisticsRequest, ModelStatisticsResponse, RepositoryIndexRequest,
    RepositoryIndexResponse, ServerMetadataRequest, ServerMetadataResponse,
    model_metadata_response,
};
use tokio::task::LocalSet;

use super::{ModelMetadata, ModelStatistics, ServerMetadata, Target, TensorMetadata};
use crate::{MeasureError, client::GrpcConnection};

/// Time for one answer.
const ANSWER_WAIT: Duration = Duration::from_secs(30);

impl Target {
    /// One unary call on a connection of its own, outside of any measured time.
    fn call<A: Message + Default>(
        &self,
        method: &str,
        request: &impl Message,
    ) -> Result<A, MeasureError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| self.unreachable(&error))?;
        let mut connection = GrpcConnection::new(self.address);
        let message = framed(request);
        let call = async {
            tokio::time::timeout(ANSWER_WAIT, connection.call_method(method, &message, false)).await
        };
        let called = LocalSet::new().block_on(&runtime, call);
        let called = called.map_err(|_| self.unreachable(&"no answer within 30 s"))?;
        called.map_err(|error| self.unreachable(&format!("{method}: {}", error.message)))?;
        A::decode(connection.message()).map_err(|error| MeasureError::Unexpected {
            what: format!("{} answers {method} with something else: {error}", self.url),
        })
    }

    pub(super) fn grpc_server_metadata(&self) -> Result<ServerMetadata, MeasureError> {
        let answer: ServerMetadataResponse =
            self.call("ServerMetadata", &ServerMetadataRequest::default())?;
        Ok(ServerMetadata { name: answer.name, version: answer.version })
    }

    pub(super) fn grpc_model_metadata(
        &self,
        model: &str,
        version: &str,
    ) -> Result<ModelMetadata, MeasureError> {
        let request = ModelMetadataRequest { name: model.to_owned(), version: version.to_owned() };
        let answer: ModelMetadataResponse = self.call("ModelMetadata", &request)?;
        let tensors = |tensors: Vec<model_metadata_response::TensorMetadata>| {
            let tensor = |tensor: model_metadata_response::TensorMetadata| TensorMetadata {
                name: tensor.name,
                datatype: tensor.datatype,
                shape: tensor.shape,
            };
            tensors.into_iter().map(tensor).collect()
        };
        let (inputs, outputs) = (tensors(answer.inputs), tensors(answer.outputs));
        Ok(ModelMetadata { name: answer.name, inputs, outputs })
    }

    pub(super) fn grpc_batch_max(&self, model: &str) -> Result<u64, MeasureError> {
        let request = ModelConfigRequest { name: model.to_owned(), version: String::new() };
        let answer: ModelConfigResponse = self.call("ModelConfig", &request)?;
        let batch_max = answer.config.map_or(0, |config| config.max_batch_size);
        Ok(u64::try_from(batch_max).unwrap_or_default())
    }

    pub(super) fn grpc_ready_models(&self) -> Result<Vec<String>, MeasureError> {
        let request = RepositoryIndexRequest { ready: true, ..RepositoryIndexRequest::default() };
        let answer: RepositoryIndexResponse = self.call("RepositoryIndex", &request)?;
        let ready = answer.models.into_iter().filter(|model| model.state == "READY");
        let mut names: Vec<String> = ready.map(|model| model.name).collect();
        names.dedup();
        Ok(names)
    }

    pub(super) fn grpc_statistics(&self, model: &str) -> Result<ModelStatistics, MeasureError> {
        let request = ModelStatisticsRequest { name: model.to_owned(), version: String::new() };
        let answer: ModelStatisticsResponse = self.call("ModelStatistics", &request)?;
        let mut sum = ModelStatistics::default();
        for version in answer.model_stats {
            sum.add_stages(&version.inference_stats.unwrap_or_default());
            for batch in version.batch_stats {
                let runs = batch.compute_infer.map_or(0, |stage| stage.count);
                *sum.batches.entry(batch.batch_size).or_default() += runs;
            }
        }
        Ok(sum)
    }
}

impl ModelStatistics {
    fn add_stages(&mut self, stages: &InferStatistics) {
        let time = |stage: Option<protocol::grpc::StatisticDuration>| {
            Duration::from_nanos(stage.map_or(0, |stage| stage.ns))
        };
        self.requests += stages.success.map_or(0, |success| success.count);
        self.total += time(stages.success);
        self.queue += time(stages.queue);
        self.compute_input += time(stages.compute_input);
        self.compute_infer += time(stages.compute_infer);
        self.compute_output += time(stages.compute_output);
    }
}

/// A message with its length in front.
fn framed(message: &impl Message) -> Bytes {
    let mut framed = BytesMut::new();
    framed.put_u8(0);
    framed.put_u32(u32::try_from(message.encoded_len()).expect("requests are smaller than 4 GiB"));
    message.encode(&mut framed).expect("the buffer grows");
    framed.freeze()
}
