//! From what was typed to what is measured: the server, the model, the requests.

use std::{collections::BTreeMap, path::PathBuf};

use anyhow::{Context, Result, bail, ensure};
use loadgen::{
    Conversation, ModelMetadata, ProcessTree, Protocol, Request, ServerLimits, Subject, Target,
    TensorOptions, Workload, listener, random_request, read_tensors,
};

use super::{
    args::{BenchArgs, DataArgs},
    own_server::OwnServer,
    prompts,
};

/// Something to measure, and the server that was started for it.
#[derive(Debug)]
pub(super) struct Contender {
    pub(super) subject: Subject,
    /// As the server names itself and its version.
    pub(super) server: String,
    /// Stopped when this is dropped.
    _own: Option<OwnServer>,
}

/// What is the contender's alone.
#[derive(Clone, Debug)]
pub(super) struct Wanted<'a> {
    pub(super) label: &'a str,
    pub(super) place: Place,
    pub(super) model: Option<&'a str>,
    pub(super) protocol: Option<Protocol>,
}

/// Where a server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Address(String),
    /// To be started on this model or repository.
    Path(PathBuf),
}

impl Place {
    /// A path if it exists or looks like one, else an address.
    pub(super) fn of(text: &str) -> Self {
        let path = PathBuf::from(text);
        let looks_so = text.starts_with(['/', '.']) || text.ends_with(".onnx");
        let is_path = !text.contains("://") && (looks_so || path.exists());
        if is_path { Self::Path(path) } else { Self::Address(text.to_owned()) }
    }
}

impl Contender {
    /// Starts the server if need be, asks it about the model and builds the requests.
    pub(super) fn new(
        args: &BenchArgs,
        wanted: &Wanted<'_>,
        replay: Option<&loadgen::Trace>,
    ) -> Result<Self> {
        let own = match &wanted.place {
            Place::Path(path) => Some(OwnServer::start(path, &args.serve_flags)?),
            Place::Address(_) => None,
        };
        let protocol = protocol(wanted);
        let target = target(args, wanted, protocol, own.as_ref())?;
        let process = process(args, &target, own.as_ref())?;
        let mut subject = Subject {
            label: wanted.label.to_owned(),
            model: String::new(),
            workload: Workload {
                address: target.address,
                protocol,
                requests: Vec::new(),
                conversation: None,
            },
            limits: ServerLimits::default(),
            rows_per_request: 1,
            process,
            target,
        };
        let server = if protocol.is_openai() {
            prompts::fill(&mut subject, args, wanted.model, replay)?;
            String::new()
        } else {
            fill(&mut subject, args, wanted.model)?;
            let metadata = subject.target.server_metadata();
            format!("{} {}", metadata.name, metadata.version).trim().to_owned()
        };
        if subject.label.is_empty() {
            subject.label.clone_from(&subject.model);
        }
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        subject.limits.is_local = subject.target.is_local();
        subject.limits.cores = process.is_some().then_some(cores);
        Ok(Self { subject, server, _own: own })
    }
}

fn protocol(wanted: &Wanted<'_>) -> Protocol {
    let is_grpc = matches!(&wanted.place, Place::Address(text) if text.starts_with("grpc://"));
    wanted.protocol.unwrap_or(if is_grpc { Protocol::Grpc } else { Protocol::Http })
}

fn target(
    args: &BenchArgs,
    wanted: &Wanted<'_>,
    protocol: Protocol,
    own: Option<&OwnServer>,
) -> Result<Target> {
    let address = match (own, &wanted.place) {
        (Some(own), _) if protocol.is_grpc() => own.grpc.clone(),
        (Some(own), _) => own.http.clone(),
        (None, Place::Address(address)) => address.clone(),
        (None, Place::Path(_)) => bail!("a server was to be started"),
    };
    if protocol.is_grpc() && address.starts_with("http://") {
        bail!(
            "{address} is an address of REST; --protocol {} goes with grpc://HOST:PORT",
            protocol.name()
        );
    }
    let mut target = Target::parse(&address, protocol.is_grpc())?;
    let headers = args.what.header.iter();
    target.endpoint.headers = headers.map(|header| (header.0.clone(), header.1.clone())).collect();
    Ok(target)
}

fn process(
    args: &BenchArgs,
    target: &Target,
    own: Option<&OwnServer>,
) -> Result<Option<ProcessTree>> {
    if let Some(own) = own {
        return Ok(Some(own.process()));
    }
    if let Some(process) = args.what.server_pid {
        ensure!(ProcessTree(process).exists(), "there is no process {process}");
        return Ok(Some(ProcessTree(process)));
    }
    let found = target.is_local().then(|| listener(target.address)).flatten();
    Ok(found.map(ProcessTree))
}

/// Model and requests over V2.
fn fill(subject: &mut Subject, args: &BenchArgs, wanted: Option<&str>) -> Result<()> {
    let target = &subject.target;
    subject.model = match wanted {
        Some(model) => model.to_owned(),
        None => only(&target.ready_models()?, "-m NAME")?,
    };
    let model = target.model_metadata(&subject.model, &args.what.model_version)?;
    let batch_max = target.batch_max(&subject.model);
    let options = tensor_options(&args.data, batch_max);
    subject.limits.batch_rows_max = Some(batch_max).filter(|rows| *rows > 0);
    subject.workload.requests = requests(subject, args, &model, &options)?;
    if batch_max > 0 {
        // Files say for each request.
        let is_random = args.data.input.is_none();
        subject.rows_per_request = if is_random { args.data.batch as u64 } else { 0 };
    }
    Ok(())
}

/// The only one, or which there are.
pub(super) fn only(models: &[String], flag: &str) -> Result<String> {
    match models {
        [model] => Ok(model.clone()),
        [] => bail!("the server has no model that is ready"),
        models => {
            bail!("the server has several models; choose one with {flag}: {}", models.join(", "))
        }
    }
}

fn tensor_options(data: &DataArgs, batch_max: u64) -> TensorOptions {
    TensorOptions {
        batch: data.batch,
        batches: batch_max > 0,
        shapes: data.shape.iter().map(|shape| (shape.0.clone(), shape.1.clone())).collect(),
        ranges: data
            .range
            .iter()
            .map(|range| (range.0.clone(), range.1))
            .collect::<BTreeMap<_, _>>(),
        string_bytes: data.string_length,
        tolerance: data.tolerance,
    }
}

fn requests(
    subject: &Subject,
    args: &BenchArgs,
    model: &ModelMetadata,
    options: &TensorOptions,
) -> Result<Vec<Request>> {
    let (protocol, endpoint) = (subject.workload.protocol, &subject.target.endpoint);
    let version = &args.what.model_version;
    let build = |mut request: loadgen::InferRequest| -> Result<Request> {
        request.version.clone_from(version);
        if let Some(extra) = &args.data.extra {
            request.parameters.extend(extra.0.clone());
        }
        Ok(request.build(protocol, endpoint)?)
    };
    let Some(input) = &args.data.input else {
        return Ok(vec![build(random_request(model, options)?)?]);
    };
    let records = read_tensors(input, model, options)?;
    let expected =
        args.data.expect.as_deref().map(|file| loadgen::read_expectations(file, options));
    let expected = expected.transpose()?;
    if let Some(expected) = &expected {
        let (inputs, outputs) = (records.len(), expected.len());
        ensure!(inputs == outputs, "--input has {inputs} requests, --expect {outputs} answers");
    }
    let mut requests = Vec::with_capacity(records.len());
    for (index, record) in records.into_iter().enumerate() {
        let expectation = expected.as_ref().map(|all| all[index].clone()).or(record.expectation);
        let request = build(record.request).with_context(|| format!("request {}", index + 1))?;
        requests.push(match expectation {
            Some(expectation) => request.expecting(expectation),
            None => request,
        });
    }
    Ok(requests)
}

/// A conversation of the subject's protocol, for sessions.
pub(super) fn conversation(
    request: loadgen::OpenAiRequest,
    subject: &Subject,
    users: Vec<Vec<String>>,
) -> Conversation {
    Conversation { request, endpoint: subject.target.endpoint.clone(), users }
}

#[cfg(test)]
mod tests {
    use super::{Place, only};

    #[test]
    fn paths_are_told_from_addresses() {
        assert_eq!(Place::of("127.0.0.1:8000"), Place::Address("127.0.0.1:8000".to_owned()));
        assert_eq!(Place::of("http://x"), Place::Address("http://x".to_owned()));
        assert_eq!(Place::of("/"), Place::Path("/".into()));
        assert_eq!(Place::of("/no/such/model"), Place::Path("/no/such/model".into()));
    }

    #[test]
    fn a_model_is_chosen_only_where_there_is_no_choice() {
        let models = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(only(&models(&["a"]), "-m NAME").unwrap(), "a");
        assert!(only(&models(&["a", "b"]), "-m NAME").unwrap_err().to_string().contains("a, b"));
        assert!(only(&[], "-m NAME").is_err());
    }
}
