use std::{io, sync::Arc};

use parking_lot::Mutex;
use protocol::grpc::ServerLiveRequest;
use tonic::Request;
use tracing_subscriber::fmt::MakeWriter;

use crate::{
    fixture::{Behaviour, Setup},
    grpc_client::{client, echo_request},
};

const TRACEPARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";

/// Where a test's log goes.
#[derive(Clone, Debug, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// Makes four calls, of which the model fails the last, and returns the access log's lines.
async fn access_lines(log: &Log, access_log: bool) -> Vec<String> {
    let mut setup = Setup::default();
    setup.options.access_log = access_log;
    let fixture = setup.start();
    let mut client = client(fixture.grpc()).await;
    client.server_live(ServerLiveRequest {}).await.unwrap();
    let mut request = Request::new(echo_request("request \n 1", 1, &[1.0]));
    request.metadata_mut().insert("traceparent", TRACEPARENT.parse().unwrap());
    client.model_infer(request).await.unwrap();
    client.model_infer(echo_request("2", 9, &[1.0; 9])).await.unwrap_err();
    fixture.controls.set(Behaviour::Panic);
    client.model_infer(echo_request("3", 1, &[1.0])).await.unwrap_err();
    fixture.shutdown().await;
    let text = String::from_utf8(std::mem::take(&mut *log.0.lock())).unwrap();
    let failures: Vec<&str> = text.lines().filter(|line| line.contains("request failed")).collect();
    let [failure] = &*failures else { panic!("{failures:#?}") };
    assert!(failure.contains(r#"request_id="3""#) && failure.contains("panicked"), "{failure}");
    text.lines().filter(|line| line.contains("hone::access")).map(str::to_owned).collect()
}

/// One test, since the network's threads write to the process's log.
#[tokio::test]
async fn each_call_is_one_line_with_its_request_id_if_that_is_asked_for() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(log.clone()).finish();
    tracing::subscriber::set_global_default(subscriber).unwrap();
    assert_eq!(access_lines(&log, false).await, [""; 0]);
    let lines = access_lines(&log, true).await;
    let [live, good, bad, _failed] = &*lines else { panic!("{lines:#?}") };
    assert!(live.contains(r#"call="/inference.GRPCInferenceService/ServerLive""#), "{live}");
    assert!(good.contains(r#"model="echo" request_id="request \n 1" status=0"#), "{good}");
    assert!(good.contains("protocol=\"grpc\"") && good.contains("duration_us="), "{good}");
    assert!(bad.contains(r#"request_id="2" status=3"#), "{bad}");
    assert!(bad.contains("bytes_out=0"), "{bad}");
    for part in [" version=1 ", " queue_us=", " compute_us=", " batch_rows=1 "] {
        assert!(good.contains(part) && !live.contains(part), "{part}: {good}");
    }
    assert!(good.contains(r#" trace_id="4bf92f3577b34da6a3ce929d0e0e4736" "#), "{good}");
    assert!(!good.contains("error=") && !bad.contains("trace_id="), "{good} {bad}");
    assert!(bad.contains(r#" error="invalid_argument" version=1 "#), "{bad}");
}
