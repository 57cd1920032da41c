use protocol::grpc::{
    CudaSharedMemoryStatusRequest, LogSettingsRequest, ModelConfigRequest, ModelMetadataRequest,
    ModelReadyRequest, ModelRepositoryParameter, ModelStatisticsRequest, RepositoryIndexRequest,
    RepositoryModelLoadRequest, RepositoryModelUnloadRequest, ServerLiveRequest,
    ServerMetadataRequest, ServerReadyRequest, SystemSharedMemoryStatusRequest,
    log_settings_request, log_settings_response, model_repository_parameter::ParameterChoice,
};
use server::LogControl as _;
use serving::ControlMode;
use tonic::Code;

use crate::{
    fixture::{ECHO, Fixture, Setup},
    grpc_client::{client, echo_request},
};

#[tokio::test]
async fn server_and_models_describe_themselves() {
    let fixture = Fixture::start();
    let mut client = client(fixture.grpc()).await;
    assert!(client.server_live(ServerLiveRequest {}).await.unwrap().into_inner().live);
    assert!(client.server_ready(ServerReadyRequest {}).await.unwrap().into_inner().ready);
    let server = client.server_metadata(ServerMetadataRequest {}).await.unwrap().into_inner();
    assert_eq!(server.name, "hone");
    assert!(server.extensions.contains(&"statistics".to_owned()));

    let request = ModelMetadataRequest { name: ECHO.into(), version: String::new() };
    let model = client.model_metadata(request).await.unwrap().into_inner();
    assert_eq!(
        (&*model.name, &*model.versions, &*model.platform),
        (ECHO, &["1".to_owned()][..], "fake_platform")
    );
    let input = &model.inputs[0];
    assert_eq!((&*input.name, &*input.datatype, &*input.shape), ("INPUT", "FP32", &[-1, -1][..]));
    assert_eq!(model.outputs[0].name, "OUTPUT");

    let request = ModelConfigRequest { name: ECHO.into(), version: "1".into() };
    let config = client.model_config(request).await.unwrap().into_inner().config.unwrap();
    assert_eq!((config.max_batch_size, &*config.backend), (8, "fake"));
}

#[tokio::test]
async fn models_are_ready_or_not_and_unknown_ones_are_not() {
    let fixture = Fixture::start();
    let mut client = client(fixture.grpc()).await;
    for (name, version, ready) in
        [(ECHO, "", true), (ECHO, "1", true), (ECHO, "2", false), ("x", "", false)]
    {
        let request = ModelReadyRequest { name: name.into(), version: version.into() };
        let answer = client.model_ready(request).await.unwrap().into_inner();
        assert_eq!(answer.ready, ready, "{name} {version}");
    }
    let request = ModelMetadataRequest { name: "x".into(), version: String::new() };
    assert_eq!(client.model_metadata(request).await.unwrap_err().code(), Code::NotFound);
}

#[tokio::test]
async fn statistics_count_what_happened() {
    let fixture = Fixture::start();
    let mut client = client(fixture.grpc()).await;
    for _ in 0..3 {
        client.model_infer(echo_request("", 2, &[1.0, 2.0])).await.unwrap();
    }
    client.model_infer(echo_request("", 9, &[1.0; 9])).await.unwrap_err();
    let request = ModelStatisticsRequest { name: ECHO.into(), version: String::new() };
    let answer = client.model_statistics(request).await.unwrap().into_inner();
    let [model] = &*answer.model_stats else { panic!("one version") };
    assert_eq!((model.inference_count, model.execution_count), (6, 3));
    let stats = model.inference_stats.unwrap();
    assert_eq!((stats.success.unwrap().count, stats.fail.unwrap().count), (3, 1));
    assert_eq!(
        (model.batch_stats[0].batch_size, model.batch_stats[0].compute_infer.unwrap().count),
        (2, 3)
    );
    assert!(model.response_stats.is_empty() && model.last_inference > 0);

    let all = client.model_statistics(ModelStatisticsRequest::default()).await.unwrap();
    assert_eq!(all.get_ref().model_stats.len(), 2);
    let request = ModelStatisticsRequest { name: "x".into(), version: String::new() };
    assert_eq!(client.model_statistics(request).await.unwrap_err().code(), Code::NotFound);
}

/// Name, version and state of the index's entries.
async fn states(fixture: &Fixture, ready: bool) -> Vec<(String, String, String)> {
    let request = RepositoryIndexRequest { ready, ..RepositoryIndexRequest::default() };
    let index = client(fixture.grpc()).await.repository_index(request).await.unwrap().into_inner();
    index.models.into_iter().map(|model| (model.name, model.version, model.state)).collect()
}

#[tokio::test]
async fn models_are_loaded_and_unloaded_by_request() {
    let control = ControlMode::Explicit(vec![ECHO.into()]);
    let fixture = Setup { control, ..Setup::default() }.start();
    let mut client = client(fixture.grpc()).await;
    assert_eq!(states(&fixture, true).await, [(ECHO.into(), "1".into(), "READY".into())]);
    assert!(
        states(&fixture, false).await.len() > 1,
        "a model that was never loaded is in the index"
    );

    let unload = RepositoryModelUnloadRequest {
        model_name: ECHO.into(),
        ..RepositoryModelUnloadRequest::default()
    };
    client.repository_model_unload(unload).await.unwrap();
    assert_eq!(states(&fixture, true).await, []);
    let status = client.model_infer(echo_request("", 1, &[1.0])).await.unwrap_err();
    assert_eq!(status.code(), Code::NotFound, "{status}");

    fixture.add_version(ECHO, 2);
    let load = |parameters| RepositoryModelLoadRequest {
        model_name: ECHO.into(),
        parameters,
        ..RepositoryModelLoadRequest::default()
    };
    client.repository_model_load(load([].into())).await.unwrap();
    assert_eq!(states(&fixture, true).await, [(ECHO.into(), "2".into(), "READY".into())]);

    let config = r#"{"backend":"fake","max_batch_size":3,"version_policy":{"all":{}}}"#;
    let parameter = |choice| ModelRepositoryParameter { parameter_choice: Some(choice) };
    let config = parameter(ParameterChoice::StringParam(config.into()));
    client.repository_model_load(load([("config".to_owned(), config)].into())).await.unwrap();
    assert_eq!(states(&fixture, true).await.len(), 2);
    let request = ModelConfigRequest { name: ECHO.into(), version: String::new() };
    let config = client.model_config(request).await.unwrap().into_inner().config.unwrap();
    assert_eq!(config.max_batch_size, 3);

    let broken = parameter(ParameterChoice::StringParam("{".into()));
    let status = client
        .repository_model_load(load([("config".to_owned(), broken)].into()))
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument, "{status}");
    let file = parameter(ParameterChoice::BytesParam("x".into()));
    let status = client
        .repository_model_load(load([("file:1/model.fake".to_owned(), file)].into()))
        .await
        .unwrap_err();
    assert!(status.message().contains("'config' must be given"), "{status}");
    let odd = parameter(ParameterChoice::BoolParam(true));
    let status =
        client.repository_model_load(load([("odd".to_owned(), odd)].into())).await.unwrap_err();
    assert!(status.message().contains("'odd'"), "{status}");
}

#[tokio::test]
async fn loading_needs_the_explicit_mode() {
    let fixture = Fixture::start();
    let mut client = client(fixture.grpc()).await;
    let load = RepositoryModelLoadRequest {
        model_name: ECHO.into(),
        ..RepositoryModelLoadRequest::default()
    };
    let status = client.repository_model_load(load).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert!(
        status.message().starts_with("explicit model load / unload is not allowed"),
        "{status}"
    );
    let index = RepositoryIndexRequest { repository_name: "r".into(), ready: false };
    assert_eq!(client.repository_index(index).await.unwrap_err().code(), Code::Unimplemented);
}

#[tokio::test]
async fn log_settings_are_shown_and_changed() {
    use log_settings_request::{SettingValue, setting_value::ParameterChoice as Given};
    use log_settings_response::setting_value::ParameterChoice as Shown;

    let fixture = Fixture::start();
    let mut client = client(fixture.grpc()).await;
    let value = |choice| SettingValue { parameter_choice: Some(choice) };
    let settings = [("log_verbose_level".to_owned(), value(Given::Uint32Param(2)))].into();
    let answer = client.log_settings(LogSettingsRequest { settings }).await.unwrap().into_inner();
    let shown = answer.settings["log_verbose_level"].parameter_choice.clone();
    assert_eq!(shown, Some(Shown::Uint32Param(2)));
    assert_eq!(answer.settings.len(), 6);
    assert_eq!(fixture.log.settings().log_verbose_level, 2);

    let settings = [("log_file".to_owned(), value(Given::StringParam("x".into())))].into();
    let status = client.log_settings(LogSettingsRequest { settings }).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
}

#[tokio::test]
async fn what_is_not_there_says_so() {
    let fixture = Fixture::start();
    let mut client = client(fixture.grpc()).await;
    let statuses = [
        client
            .system_shared_memory_status(SystemSharedMemoryStatusRequest::default())
            .await
            .unwrap_err(),
        client
            .cuda_shared_memory_status(CudaSharedMemoryStatusRequest::default())
            .await
            .unwrap_err(),
    ];
    for status in statuses {
        assert_eq!(status.code(), Code::Unimplemented);
        assert!(status.message().contains("not supported"), "{status}");
    }
}
