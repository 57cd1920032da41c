//! Loading, reloading and unloading: what changes in the repository, and when.

use std::{cmp::Reverse, collections::BTreeMap, sync::Arc, thread, time::Duration};

use parking_lot::Mutex;

use crate::{Clock, Engine, LoadError, LoadOverrides, Model, ModelState, Repository, ServeError};

use super::{
    ControlMode, Entry, Version,
    source::{Source, scan},
    unknown_model,
};

/// Pause between two looks whether a model is still held.
const RELEASE_POLL: Duration = Duration::from_millis(2);

impl Repository {
    /// Takes note of models that came and went; loads and unloads nothing.
    pub(super) fn rescan(&self) -> Result<(), LoadError> {
        let mut found = scan(&self.options.paths)?;
        let mut entries = self.entries.write();
        for (name, entry) in entries.iter_mut() {
            entry.source = found.remove(name);
        }
        for (name, source) in found {
            entries.insert(name, Entry { source: Some(source), ..Entry::default() });
        }
        entries.retain(|_, entry| entry.source.is_some() || !entry.versions.is_empty());
        Ok(())
    }

    pub(super) fn initial_names(&self) -> Vec<String> {
        let all = || self.entries.read().keys().cloned().collect();
        match &self.options.control {
            ControlMode::None | ControlMode::Poll(_) => all(),
            ControlMode::Explicit(names) if names.iter().any(|name| name == "*") => all(),
            ControlMode::Explicit(names) => names.clone(),
        }
    }

    /// Loads several models at a time; returns those that failed.
    pub(super) fn load_all(self: &Arc<Self>, names: &[String]) -> Vec<(String, ServeError)> {
        self.want(names);
        let queue = Mutex::new(self.largest_first(names).into_iter());
        let failures = Mutex::new(Vec::new());
        let threads = self.options.load_threads.get().min(names.len());
        thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    loop {
                        let Some(name) = queue.lock().next() else { return };
                        if let Err(error) = self.load_model(&name, LoadOverrides::default()) {
                            failures.lock().push((name, error));
                        }
                    }
                });
            }
        });
        let mut failures = failures.into_inner();
        failures.sort_by(|a, b| a.0.cmp(&b.0));
        failures
    }

    /// Large models take longest to load: begun first, they do not run on alone at the end.
    fn largest_first(&self, names: &[String]) -> Vec<String> {
        let entries = self.entries.read();
        let bytes = |name: &String| {
            let source = entries.get(name).and_then(|entry| entry.source.as_ref());
            Reverse(source.map_or(0, |source| source.fingerprint().bytes()))
        };
        let mut names = names.to_vec();
        names.sort_by_cached_key(bytes);
        names
    }

    /// Loads what is new or changed in the folders, unloads what is gone.
    pub(super) fn follow_folders(self: &Arc<Self>) {
        if let Err(error) = self.rescan() {
            tracing::warn!(%error, "the repository cannot be read; its models stay as they are");
            return;
        }
        let (changed, gone) = self.compare_with_folders();
        for name in gone {
            if let Err(error) = self.unload_model(&name) {
                tracing::warn!(model = name, %error, "a model that is gone does not unload");
            }
        }
        for (name, error) in self.load_all(&changed) {
            tracing::error!(model = name, %error, "a changed model does not load");
        }
    }

    /// Names of the models whose files changed, and of those whose files are gone.
    fn compare_with_folders(&self) -> (Vec<String>, Vec<String>) {
        let entries = self.entries.read();
        let (mut changed, mut gone) = (Vec::new(), Vec::new());
        for (name, entry) in &*entries {
            match &entry.source {
                None => gone.push(name.clone()),
                Some(source) if entry.fingerprint.as_ref() != Some(&source.fingerprint()) => {
                    changed.push(name.clone());
                }
                Some(_) => {}
            }
        }
        (changed, gone)
    }

    fn want(&self, names: &[String]) {
        let mut entries = self.entries.write();
        for name in names {
            entries.entry(name.clone()).or_default().wanted = true;
        }
    }

    /// Loads a model or loads it again. Blocks.
    pub(super) fn load_model(
        self: &Arc<Self>,
        name: &str,
        overrides: LoadOverrides,
    ) -> Result<(), ServeError> {
        if self.entries.read().get(name).is_none_or(|entry| entry.source.is_none()) {
            // It may have been put there since the last look.
            self.rescan().map_err(|error| ServeError::internal(error.to_string()))?;
        }
        let (changing, source) = {
            let entries = self.entries.read();
            let entry = entries.get(name);
            let changing = entry.map(|entry| entry.changing.clone()).unwrap_or_default();
            (changing, entry.and_then(|entry| entry.source.clone()))
        };
        let _alone = changing.lock();
        let source = match source {
            Some(source) => source,
            None if !overrides.files.is_empty() => Source::Folder(name.into()),
            None => return Err(self.not_there(name)),
        };
        let started = Clock::now();
        let fingerprint = source.fingerprint();
        self.mark_loading(name, self.version_numbers(&source, &overrides));
        match self.build(name, &source, overrides) {
            Ok(models) => {
                let old = self.swap_in(name, source, fingerprint, models);
                let took = Clock::now().since(started);
                tracing::info!(model = name, ?took, "the model is ready");
                self.retire_later(old);
                Ok(())
            }
            Err(error) => {
                let reason = error.to_string();
                tracing::error!(model = name, error = reason, "the model does not load");
                self.note_failure(name, fingerprint, &reason);
                Err(load_failure(name, &error))
            }
        }
    }

    /// Unloads a model. Blocks until its requests are done and its memory is free.
    pub(super) fn unload_model(&self, name: &str) -> Result<(), ServeError> {
        let changing = match self.entries.read().get(name) {
            Some(entry) => entry.changing.clone(),
            None => return Err(unknown_model(name)),
        };
        let _alone = changing.lock();
        let old = {
            let mut entries = self.entries.write();
            let Some(entry) = entries.get_mut(name) else { return Err(unknown_model(name)) };
            (entry.wanted, entry.problem, entry.fingerprint) = (false, None, None);
            let take = |version: &mut Version| {
                version.state = ModelState::Unloading;
                version.model.take()
            };
            entry.versions.values_mut().filter_map(take).collect::<Vec<_>>()
        };
        retire(old, self.options.unload_timeout, &self.engines);
        let mut entries = self.entries.write();
        if let Some(entry) = entries.get_mut(name) {
            for version in entry.versions.values_mut() {
                "unloaded".clone_into(&mut version.reason);
                version.state = ModelState::Unavailable;
            }
            if entry.source.is_none() {
                entries.remove(name);
            }
        }
        tracing::info!(model = name, "the model is unloaded");
        Ok(())
    }

    /// The versions that a load will bring, as far as the files tell.
    fn version_numbers(&self, source: &Source, overrides: &LoadOverrides) -> Vec<u64> {
        if !overrides.files.is_empty() {
            return Vec::new();
        }
        let config = match &overrides.config {
            Some(config) => Ok(config.clone()),
            None => source.config(self.options.config_name.as_deref()),
        };
        let versions = config.and_then(|config| source.versions(&config)).unwrap_or_default();
        versions.into_iter().map(|(number, _)| number).collect()
    }

    fn mark_loading(&self, name: &str, numbers: Vec<u64>) {
        let mut entries = self.entries.write();
        let entry = entries.entry(name.to_owned()).or_default();
        entry.wanted = true;
        entry.versions.retain(|_, version| version.model.is_some());
        for number in numbers {
            entry.versions.entry(number).or_insert_with(|| Version {
                state: ModelState::Loading,
                reason: String::new(),
                model: None,
            });
        }
    }

    /// Puts new models in the place of old ones; returns the old ones.
    fn swap_in(
        &self,
        name: &str,
        source: Source,
        fingerprint: super::Fingerprint,
        models: Vec<Arc<Model>>,
    ) -> Vec<Arc<Model>> {
        let ready = |model: Arc<Model>| {
            let (state, reason) = (ModelState::Ready, String::new());
            (model.version(), Version { state, reason, model: Some(model) })
        };
        let versions: BTreeMap<u64, Version> = models.into_iter().map(ready).collect();
        let mut entries = self.entries.write();
        let entry = entries.entry(name.to_owned()).or_default();
        let old = std::mem::replace(&mut entry.versions, versions);
        entry.fingerprint = Some(fingerprint);
        entry.problem = None;
        entry.source.get_or_insert(source);
        old.into_values().filter_map(|version| version.model).collect()
    }

    /// Remembers why a load failed; what served before serves on.
    fn note_failure(&self, name: &str, fingerprint: super::Fingerprint, reason: &str) {
        let mut entries = self.entries.write();
        let Some(entry) = entries.get_mut(name) else { return };
        entry.fingerprint = Some(fingerprint);
        for version in entry.versions.values_mut().filter(|version| version.model.is_none()) {
            version.state = ModelState::Unavailable;
            reason.clone_into(&mut version.reason);
        }
        let serves = entry.versions.values().any(|version| version.model.is_some());
        let kept =
            if serves { "the last reload failed and the old version serves on: " } else { "" };
        entry.problem = Some(format!("{kept}{reason}"));
    }

    fn retire_later(self: &Arc<Self>, old: Vec<Arc<Model>>) {
        let (timeout, engines) = (self.options.unload_timeout, self.engines.clone());
        if old.is_empty() {
            return;
        }
        let retire_all = move || retire(old, timeout, &engines);
        if let Err(error) = super::spawn("hone-retire", retire_all) {
            tracing::error!(%error, "old versions could not be ended");
        }
    }

    fn not_there(&self, name: &str) -> ServeError {
        let mut entries = self.entries.write();
        if entries.get(name).is_some_and(|entry| entry.versions.is_empty()) {
            entries.remove(name);
        }
        let names: Vec<&str> = entries.keys().map(String::as_str).collect();
        let text = format!(
            "failed to load '{name}', no model of that name in the repository; it has: '{}'",
            names.join("', '")
        );
        ServeError::not_found(text)
    }
}

/// Ends models, each when nobody holds it any more or when the time is over, and frees their memory.
fn retire(models: Vec<Arc<Model>>, timeout: Duration, engines: &[Arc<dyn Engine>]) {
    let give_up_at = Clock::now() + timeout;
    for model in models {
        while Arc::strong_count(&model) > 1 && Clock::now() < give_up_at {
            pause(RELEASE_POLL);
        }
        model.close();
    }
    engines.iter().for_each(|engine| engine.release_memory());
}

#[expect(clippy::disallowed_methods, reason = "a thread of its own waits for others to let go")]
fn pause(duration: Duration) {
    thread::sleep(duration);
}

fn load_failure(name: &str, error: &LoadError) -> ServeError {
    let text = format!("failed to load '{name}': {error}");
    match error {
        LoadError::Config(_) => ServeError::invalid(text),
        LoadError::Engine(_) | LoadError::Model(_) => ServeError::internal(text),
    }
}
