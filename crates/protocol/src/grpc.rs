//! The gRPC service and its messages. A nested message is in a module of its parent's name.

pub use crate::inference::{
    CudaSharedMemoryRegisterRequest, CudaSharedMemoryRegisterResponse,
    CudaSharedMemoryStatusRequest, CudaSharedMemoryStatusResponse,
    CudaSharedMemoryUnregisterRequest, CudaSharedMemoryUnregisterResponse, InferBatchStatistics,
    InferParameter, InferResponseStatistics, InferStatistics, InferTensorContents,
    LogSettingsRequest, LogSettingsResponse, MemoryUsage, ModelConfigRequest, ModelConfigResponse,
    ModelInferRequest, ModelInferResponse, ModelMetadataRequest, ModelMetadataResponse,
    ModelReadyRequest, ModelReadyResponse, ModelRepositoryParameter, ModelStatistics,
    ModelStatisticsRequest, ModelStatisticsResponse, ModelStreamInferResponse,
    RepositoryIndexRequest, RepositoryIndexResponse, RepositoryModelLoadRequest,
    RepositoryModelLoadResponse, RepositoryModelUnloadRequest, RepositoryModelUnloadResponse,
    ServerLiveRequest, ServerLiveResponse, ServerMetadataRequest, ServerMetadataResponse,
    ServerReadyRequest, ServerReadyResponse, StatisticDuration, SystemSharedMemoryRegisterRequest,
    SystemSharedMemoryRegisterResponse, SystemSharedMemoryStatusRequest,
    SystemSharedMemoryStatusResponse, SystemSharedMemoryUnregisterRequest,
    SystemSharedMemoryUnregisterResponse, TraceSettingRequest, TraceSettingResponse,
    cuda_shared_memory_status_response, grpc_inference_service_client,
    grpc_inference_service_server, infer_parameter, log_settings_request, log_settings_response,
    model_infer_request, model_infer_response, model_metadata_response, model_repository_parameter,
    repository_index_response, system_shared_memory_status_response, trace_setting_request,
    trace_setting_response,
};
