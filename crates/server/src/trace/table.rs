use std::{collections::HashMap, sync::Arc};

use serving::ServeError;

use super::{
    sampler::Sampler,
    settings::{Change, Overrides, Settings, Sinks},
};

/// Models with settings of their own.
const MODELS_MAX: usize = 10_000;

/// Which settings hold for which model.
#[derive(Debug)]
pub(super) struct Table {
    sinks: Sinks,
    /// Those of the start.
    defaults: Settings,
    /// For all models that have none of their own.
    all: Entry,
    models: HashMap<String, Entry>,
}

/// What was set, and what comes of it.
#[derive(Clone, Debug)]
struct Entry {
    overrides: Overrides,
    sampler: Arc<Sampler>,
}

impl Entry {
    fn new(overrides: Overrides, fallback: &Settings) -> Self {
        Self { overrides, sampler: Arc::new(Sampler::new(overrides.over(fallback))) }
    }
}

impl Table {
    /// # Errors
    ///
    /// The settings lead nowhere.
    pub(super) fn new(defaults: Settings, sinks: Sinks) -> Result<Self, ServeError> {
        defaults.check(sinks)?;
        let all = Entry::new(Overrides::default(), &defaults);
        Ok(Self { sinks, defaults, all, models: HashMap::new() })
    }

    /// Whether any request may be chosen.
    pub(super) fn is_on(&self) -> bool {
        self.all.sampler.is_on() || self.models.values().any(|model| model.sampler.is_on())
    }

    /// What chooses a model's requests.
    pub(super) fn sampler(&self, model: &str) -> Arc<Sampler> {
        Arc::clone(&self.models.get(model).unwrap_or(&self.all).sampler)
    }

    /// Changes settings of a model, or of all that have none of their own if it is empty. A change
    /// starts the counting of requests and traces anew.
    ///
    /// # Errors
    ///
    /// See [`Overrides::apply`] and [`Settings::check`]; nothing has changed then.
    pub(super) fn change(&mut self, model: &str, changes: &[Change]) -> Result<(), ServeError> {
        if changes.is_empty() {
            return Ok(());
        }
        if model.is_empty() {
            return self.change_all(changes);
        }
        let before = self.models.get(model).map(|entry| entry.overrides);
        if before.is_none() && self.models.len() >= MODELS_MAX {
            return Err(ServeError::unavailable(format!(
                "{MODELS_MAX} models have trace settings of their own; take some back first"
            )));
        }
        let mut overrides = before.unwrap_or_default();
        overrides.apply(changes)?;
        if overrides.is_empty() {
            self.models.remove(model);
            return Ok(());
        }
        let entry = Entry::new(overrides, &self.all.sampler.settings);
        entry.sampler.settings.check(self.sinks)?;
        self.models.insert(model.to_owned(), entry);
        Ok(())
    }

    fn change_all(&mut self, changes: &[Change]) -> Result<(), ServeError> {
        let mut overrides = self.all.overrides;
        overrides.apply(changes)?;
        let all = Entry::new(overrides, &self.defaults);
        all.sampler.settings.check(self.sinks)?;
        let mut models = self.models.clone();
        for entry in models.values_mut() {
            let settings = entry.overrides.over(&all.sampler.settings);
            settings.check(self.sinks)?;
            // What does not follow goes on counting.
            if settings != entry.sampler.settings {
                entry.sampler = Arc::new(Sampler::new(settings));
            }
        }
        (self.all, self.models) = (all, models);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
