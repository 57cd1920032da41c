use std::{
    fs,
    num::NonZeroUsize,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use protocol::model_config;
use tempfile::TempDir;
use tensor::{DataType, Tensor};

use super::{ControlMode, ModelState, Repository, RepositoryOptions};
use crate::{
    BatchInputs, ComputeStamps, Engine, ErrorKind, ExecuteError, Executor, ExecutorFactory,
    InferRequest, LoadError, LoadOverrides, LoadSpec, Loaded, ModelDefaults, NamedTensor,
    ServeError, Signature, TensorSpec,
};

/// Models are files `model.add` that hold a number, which is added to every element.
#[derive(Debug, Default)]
struct Adding {
    /// Factories that exist.
    alive: Arc<AtomicUsize>,
}

#[derive(Debug)]
struct Adder {
    signature: Signature,
    number: u8,
    alive: Arc<AtomicUsize>,
}

struct AddExecutor(u8);

impl Engine for Adding {
    fn name(&self) -> &'static str {
        "adding"
    }

    fn platform(&self) -> &'static str {
        "adding_add"
    }

    fn default_model_filename(&self) -> &'static str {
        "model.add"
    }

    fn load(&self, spec: &LoadSpec) -> Result<Loaded, LoadError> {
        let text = fs::read_to_string(&spec.path).map_err(|e| LoadError::Model(e.to_string()))?;
        let number = text.trim().parse();
        let number = number.map_err(|_| LoadError::Model(format!("'{text}' is no number")))?;
        let tensor = |name: &str| TensorSpec {
            name: name.to_owned(),
            data_type: DataType::Uint8,
            dims: vec![-1, 1],
            optional: false,
        };
        let signature = Signature { inputs: vec![tensor("x")], outputs: vec![tensor("y")] };
        self.alive.fetch_add(1, Ordering::SeqCst);
        Ok(Loaded::Executors(Arc::new(Adder { signature, number, alive: self.alive.clone() })))
    }
}

impl Drop for Adder {
    fn drop(&mut self) {
        self.alive.fetch_sub(1, Ordering::SeqCst);
    }
}

impl ExecutorFactory for Adder {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn description(&self) -> String {
        format!("adds {}", self.number)
    }

    fn executor(&self, _instance: usize) -> Result<Box<dyn Executor>, LoadError> {
        Ok(Box::new(AddExecutor(self.number)))
    }
}

impl Executor for AddExecutor {
    fn execute(
        &mut self,
        batch: &BatchInputs<'_>,
        _stamps: &mut ComputeStamps,
    ) -> Result<Vec<Tensor>, ExecuteError> {
        let mut data = vec![0; batch.inputs[0].byte_len()];
        batch.inputs[0].gather_into(&mut data);
        data.iter_mut().for_each(|byte| *byte = byte.wrapping_add(self.0));
        let shape = batch.inputs[0].shape.clone();
        Ok(vec![Tensor::new(DataType::Uint8, shape, data.into()).unwrap()])
    }
}

struct Site {
    folder: TempDir,
    repository: Arc<Repository>,
    alive: Arc<AtomicUsize>,
}

fn options(path: &Path, control: ControlMode) -> RepositoryOptions {
    RepositoryOptions {
        paths: vec![path.to_owned()],
        control,
        config_name: None,
        complete_configs: true,
        strict_readiness: true,
        load_threads: NonZeroUsize::new(2).unwrap(),
        intra_op_threads: NonZeroUsize::MIN,
        defaults: ModelDefaults {
            max_batch_size: 4,
            instances: NonZeroUsize::new(2).unwrap(),
            queue_requests_max: 16,
            queue_bytes_max: 1 << 20,
        },
        hang_limit: Duration::from_secs(10),
        inline_runs_max: 1,
        inline_compute_max: Duration::ZERO,
        unload_timeout: Duration::from_secs(10),
    }
}

fn site(files: &[(&str, &str)], control: ControlMode) -> Site {
    let folder = TempDir::new().unwrap();
    files.iter().for_each(|(path, text)| write(folder.path(), path, text));
    let adding = Adding::default();
    let alive = adding.alive.clone();
    let repository =
        Repository::open(options(folder.path(), control), vec![Arc::new(adding)]).unwrap();
    Site { folder, repository, alive }
}

fn write(folder: &Path, path: &str, text: &str) {
    let path = folder.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn explicit() -> ControlMode {
    ControlMode::Explicit(vec!["*".to_owned()])
}

impl Site {
    fn write(&self, path: &str, text: &str) {
        write(self.folder.path(), path, text);
    }

    async fn add(&self, name: &str, version: &str) -> Result<u8, ServeError> {
        let tensor = Tensor::new(DataType::Uint8, [1, 1].into(), Bytes::from_static(&[100]));
        let inputs = vec![NamedTensor { name: "x".to_owned(), tensor: tensor.unwrap() }];
        let model = self.repository.model(name, version)?;
        let response = model.infer(InferRequest { inputs, ..InferRequest::default() }).await?;
        Ok(response.outputs[0].tensor.data()[0])
    }

    /// The index as `name/version:STATE`, sorted.
    fn index(&self) -> Vec<String> {
        let line = |entry: super::IndexEntry| {
            let version = entry.version.map(|version| version.to_string()).unwrap_or_default();
            format!("{}/{version}:{}", entry.name, entry.state.name())
        };
        self.repository.index(false).into_iter().map(line).collect()
    }
}

#[tokio::test]
async fn the_policy_chooses_versions_and_the_newest_answers() {
    let site = site(
        &[
            ("a/1/model.add", "1"),
            ("a/2/model.add", "2"),
            ("a/010/model.add", "9"),
            ("b/1/model.add", "1"),
            ("b/7/model.add", "7"),
            ("b/config.pbtxt", "version_policy { all { } }"),
        ],
        ControlMode::None,
    );
    assert!(site.repository.readiness().unwrap_err().contains("being loaded"));
    site.repository.start().unwrap();
    assert_eq!(site.repository.readiness(), Ok(()));
    assert_eq!(site.index(), ["a/2:READY", "b/1:READY", "b/7:READY"]);
    assert_eq!(site.add("a", "").await.unwrap(), 102);
    assert_eq!(site.add("b", "").await.unwrap(), 107);
    assert_eq!(site.add("b", "1").await.unwrap(), 101);
    assert_eq!(site.add("b", "3").await.unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(site.add("c", "").await.unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(site.add("b", "x").await.unwrap_err().kind(), ErrorKind::InvalidArgument);
}

#[tokio::test]
async fn a_model_that_does_not_load_leaves_the_others_serving() {
    let site = site(&[("good/1/model.add", "1"), ("bad/1/model.add", "one")], ControlMode::None);
    let failures = site.repository.start().unwrap_err();
    assert_eq!(failures.len(), 1);
    assert!(failures[0].1.to_string().contains("'one' is no number"));
    assert_eq!(site.add("good", "").await.unwrap(), 101);
    assert_eq!(site.add("bad", "").await.unwrap_err().kind(), ErrorKind::Unavailable);
    assert!(site.repository.readiness().unwrap_err().contains("model 'bad' is not ready"));
    assert_eq!(site.index(), ["bad/1:UNAVAILABLE", "good/1:READY"]);
    assert!(site.repository.index(false)[0].reason.contains("'one' is no number"));
}

#[tokio::test]
async fn a_failed_reload_leaves_the_old_version_serving() {
    let site = site(&[("a/1/model.add", "1")], explicit());
    site.repository.start().unwrap();
    site.write("a/1/model.add", "broken");
    let error = site.repository.load("a", LoadOverrides::default()).await.unwrap_err();
    assert!(error.to_string().contains("'broken' is no number"), "{error}");
    assert_eq!(site.add("a", "").await.unwrap(), 101);
    let entry = &site.repository.index(false)[0];
    assert_eq!(entry.state, ModelState::Ready);
    assert!(entry.reason.contains("the old version serves on"), "{}", entry.reason);
    site.write("a/1/model.add", "5");
    site.repository.load("a", LoadOverrides::default()).await.unwrap();
    assert_eq!(site.add("a", "").await.unwrap(), 105);
    assert_eq!(site.repository.index(false)[0].reason, "");
}

#[tokio::test]
async fn unloading_frees_the_model_and_waits_for_whoever_holds_it() {
    let site = site(&[("a/1/model.add", "1"), ("b/1/model.add", "1")], explicit());
    site.repository.start().unwrap();
    assert_eq!(site.alive.load(Ordering::SeqCst), 2);
    let held = site.repository.model("a", "").unwrap();
    let repository = site.repository.clone();
    let unloading = tokio::spawn(async move { repository.unload("a", false).await });
    while site.repository.model("a", "").is_ok() {
        tokio::task::yield_now().await;
    }
    assert!(!unloading.is_finished());
    let tensor = Tensor::new(DataType::Uint8, [1, 1].into(), Bytes::from_static(&[1])).unwrap();
    let inputs = vec![NamedTensor { name: "x".to_owned(), tensor }];
    held.infer(InferRequest { inputs, ..InferRequest::default() }).await.unwrap();
    drop(held);
    unloading.await.unwrap().unwrap();
    assert_eq!(site.alive.load(Ordering::SeqCst), 1);
    assert_eq!(site.index(), ["a/1:UNAVAILABLE", "b/1:READY"]);
    assert_eq!(site.repository.index(false)[0].reason, "unloaded");
    assert_eq!(site.repository.readiness(), Ok(()));
    assert_eq!(site.repository.unload("c", false).await.unwrap_err().kind(), ErrorKind::NotFound);
    site.repository.load("a", LoadOverrides::default()).await.unwrap();
    assert_eq!(site.add("a", "").await.unwrap(), 101);
}

#[tokio::test]
async fn a_reload_under_load_loses_nothing() {
    let site = Arc::new(site(&[("a/1/model.add", "1")], explicit()));
    site.repository.start().unwrap();
    let senders: Vec<_> = (0..4)
        .map(|_| {
            let site = site.clone();
            tokio::spawn(async move {
                for _ in 0..200 {
                    assert!([101, 102].contains(&site.add("a", "").await.unwrap()));
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    for number in [2, 1, 2, 1, 2] {
        site.write("a/1/model.add", &number.to_string());
        site.repository.load("a", LoadOverrides::default()).await.unwrap();
    }
    for sender in senders {
        sender.await.unwrap();
    }
}

#[tokio::test]
async fn a_load_request_may_bring_configuration_and_files() {
    let site = site(&[("a/1/model.add", "1")], explicit());
    site.repository.start().unwrap();
    let config = model_config::from_text("max_batch_size: 2").unwrap();
    let overrides = LoadOverrides { config: Some(config.clone()), files: Vec::new() };
    site.repository.load("a", overrides).await.unwrap();
    assert_eq!(site.repository.model("a", "").unwrap().config().max_batch_size, 2);
    let files = vec![("3/model.add".to_owned(), Bytes::from_static(b"33"))];
    let overrides = LoadOverrides { config: Some(config.clone()), files };
    site.repository.load("new", overrides).await.unwrap();
    assert_eq!(site.add("new", "3").await.unwrap(), 133);
    for escaping in ["../x", "/etc/x", "1/../../x", ""] {
        let files = vec![(escaping.to_owned(), Bytes::new())];
        let overrides = LoadOverrides { config: Some(config.clone()), files };
        let error = site.repository.load("evil", overrides).await.unwrap_err();
        assert!(error.to_string().contains("relative path"), "{error}");
    }
}

#[tokio::test]
async fn polling_follows_the_folder() {
    let interval = Duration::from_millis(10);
    let site = site(&[("a/1/model.add", "1"), ("b/1/model.add", "1")], ControlMode::Poll(interval));
    site.repository.start().unwrap();
    site.write("a/2/model.add", "22");
    site.write("c/1/model.add", "3");
    fs::remove_dir_all(site.folder.path().join("b")).unwrap();
    let expected = ["a/2:READY", "c/1:READY"];
    for _ in 0..1000 {
        if site.index() == expected {
            break;
        }
        tokio::time::timeout(interval, std::future::pending::<()>()).await.unwrap_err();
    }
    assert_eq!(site.index(), expected);
    assert_eq!(site.add("a", "").await.unwrap(), 122);
    assert!(site.repository.load("a", LoadOverrides::default()).await.is_err());
}

#[tokio::test]
async fn explicit_mode_loads_what_is_named() {
    let named = ControlMode::Explicit(vec!["b".to_owned()]);
    let site = site(&[("a/1/model.add", "1"), ("b/1/model.add", "1")], named);
    site.repository.start().unwrap();
    assert_eq!(site.index(), ["a/:UNKNOWN", "b/1:READY"]);
    assert_eq!(site.repository.readiness(), Ok(()));
    assert_eq!(site.add("a", "").await.unwrap_err().kind(), ErrorKind::NotFound);
    let missing = site.repository.load("nothing", LoadOverrides::default()).await.unwrap_err();
    assert!(missing.to_string().contains("it has: 'a', 'b'"), "{missing}");
    assert_eq!(site.index().len(), 2);
}

#[test]
fn one_name_in_two_repositories_is_refused() {
    let folder = TempDir::new().unwrap();
    write(folder.path(), "one/a/1/model.add", "1");
    write(folder.path(), "two/a/1/model.add", "1");
    let mut options = options(&folder.path().join("one"), ControlMode::None);
    options.paths.push(folder.path().join("two"));
    let repository = Repository::open(options, vec![Arc::new(Adding::default())]).unwrap();
    let failures = repository.start().unwrap_err();
    assert!(failures[0].1.to_string().contains("several models"), "{}", failures[0].1);
}

#[test]
fn a_model_folder_and_a_bare_file_are_served_too() {
    let folder = TempDir::new().unwrap();
    write(folder.path(), "a/1/model.add", "1");
    write(folder.path(), "bare.add", "2");
    let mut options = options(&folder.path().join("a"), ControlMode::None);
    options.paths.push(folder.path().join("bare.add"));
    let repository = Repository::open(options, vec![Arc::new(Adding::default())]).unwrap();
    repository.start().unwrap();
    let names: Vec<_> = repository.models().iter().map(|model| model.name().to_owned()).collect();
    assert_eq!(names, ["a", "bare"]);
}

#[test]
fn a_repository_that_is_not_there_is_named() {
    let options = options(Path::new("/nowhere/at/all"), ControlMode::None);
    let error = Repository::open(options, Vec::new()).unwrap_err().to_string();
    assert!(error.contains("/nowhere/at/all"), "{error}");
}
