//! The sessions of a model: one per device, shared by the instances there.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use ort::session::Session;
use serving::{LoadError, LoadSpec};

use super::{
    accelerators::{self, Provider, ProviderKind},
    library::Library,
    placement::{self, Device},
    session,
    settings::{MissingAccelerator, Settings},
};

/// A model's sessions.
#[derive(Debug)]
pub(super) struct Sessions {
    by_device: BTreeMap<Device, Placed>,
    /// Devices of the instances, by instance number; more instances begin again.
    devices: Vec<Device>,
    /// What was asked for and is not there.
    notes: Vec<String>,
}

/// A session and the execution providers that it has beside the CPU's own.
#[derive(Clone, Debug)]
struct Placed {
    session: Arc<Session>,
    providers: Vec<ProviderKind>,
}

impl Sessions {
    /// Makes a session for each device that the configuration wants instances on.
    pub(super) fn open(
        library: &Library,
        spec: &LoadSpec,
        settings: &Settings,
        memory_pattern: bool,
    ) -> Result<Self, LoadError> {
        let gpus = if library.has(ProviderKind::Cuda) { placement::gpu_count() } else { 0 };
        let devices = placement::devices(&spec.config, gpus)?;
        let mut opening =
            Opening { library, spec, settings, memory_pattern, notes: Vec::new(), plain: None };
        let mut by_device = BTreeMap::new();
        for device in &devices {
            if !by_device.contains_key(device) {
                let providers = accelerators::providers(&spec.config, *device)?;
                by_device.insert(*device, opening.open(providers)?);
            }
        }
        Ok(Self { by_device, devices, notes: opening.notes })
    }

    /// The session of an instance.
    pub(super) fn of_instance(&self, instance: usize) -> &Arc<Session> {
        &self.by_device[&self.devices[instance % self.devices.len()]].session
    }

    /// Whether nothing but the library's own CPU code runs.
    pub(super) fn are_plain(&self) -> bool {
        self.by_device.values().all(|placed| placed.providers.is_empty())
    }

    /// Where the sessions run, and what they do without.
    pub(super) fn places(&self) -> String {
        let mut places: Vec<_> =
            self.by_device.iter().map(|(on, placed)| placed.place(*on)).collect();
        places.dedup();
        places.join(" and ")
    }

    /// What was asked for and is not there.
    pub(super) fn notes(&self) -> &[String] {
        &self.notes
    }
}

impl Placed {
    fn place(&self, device: Device) -> String {
        let names: Vec<_> = self.providers.iter().map(|kind| kind.name()).collect();
        match device {
            _ if names.is_empty() => Device::Cpu.to_string(),
            _ => format!("{device} with {}", names.join(", ")),
        }
    }
}

/// What it takes to make a session.
struct Opening<'a> {
    library: &'a Library,
    spec: &'a LoadSpec,
    settings: &'a Settings,
    memory_pattern: bool,
    notes: Vec<String>,
    /// The session without providers, if one was needed.
    plain: Option<Placed>,
}

impl Opening<'_> {
    /// Makes a session on `providers`, or, if some cannot be had and the model allows it, on the
    /// rest; notes what was left out.
    fn open(&mut self, providers: Vec<Provider>) -> Result<Placed, LoadError> {
        let (mut present, missing): (Vec<_>, Vec<_>) =
            providers.into_iter().partition(|provider| self.library.has(provider.kind));
        for provider in missing {
            self.do_without(provider.kind, "the library is built without it")?;
        }
        while let [first, ..] = &present[..] {
            match self.session(&present) {
                Ok(session) => {
                    let providers = present.iter().map(|provider| provider.kind).collect();
                    return Ok(Placed { session: Arc::new(session), providers });
                }
                Err(error) => self.do_without(first.kind, &error)?,
            }
            present.remove(0);
        }
        self.plain()
    }

    fn plain(&mut self) -> Result<Placed, LoadError> {
        if let Some(plain) = &self.plain {
            return Ok(plain.clone());
        }
        let session = self
            .session(&[])
            .map_err(|error| LoadError::Model(format!("{}: {error}", self.spec.path.display())))?;
        let plain = Placed { session: Arc::new(session), providers: Vec::new() };
        Ok(self.plain.insert(plain).clone())
    }

    fn session(&self, providers: &[Provider]) -> Result<Session, String> {
        let path: &Path = &self.spec.path;
        session::open(self.library, path, self.settings, self.memory_pattern, providers)
    }

    fn do_without(&mut self, kind: ProviderKind, why: &str) -> Result<(), LoadError> {
        let (name, remedy) = (kind.name(), kind.remedy());
        if self.settings.missing_accelerator == MissingAccelerator::Refuse {
            return Err(LoadError::Config(format!(
                "{name} cannot be used ({why}) and the model refuses to run without: {remedy}, or \
                 set parameters.hone_missing_accelerator to fallback"
            )));
        }
        let note = format!("without {name}: {why}");
        if !self.notes.contains(&note) {
            let (model, version) = (&self.spec.name, self.spec.version);
            tracing::warn!(model, version, "running {note}; {remedy}");
            self.notes.push(note);
        }
        Ok(())
    }
}
