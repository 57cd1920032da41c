use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use serving::{IndexEntry, Model, Statistics, Timestamp};

use super::{
    document::{Catalogue, CatalogueRow, Detail, Machine, Numbers, Overview, Row, event, short},
    feed::ModelKey,
    history::{History, Stretch},
};
use crate::{metrics::UsageReader, state::State};

/// What pages are sent after one look; events of the stream, ready to be written.
#[derive(Debug, Default)]
pub(super) struct Tick {
    /// Changes whenever the catalogue does.
    pub(super) revision: u64,
    pub(super) catalogue: Bytes,
    pub(super) overview: Bytes,
    /// Of the models that somebody looks at.
    pub(super) details: BTreeMap<ModelKey, Bytes>,
}

/// Looks at the models, and remembers the last seconds.
#[derive(Debug)]
pub(super) struct Sampler {
    state: Arc<State>,
    histories: BTreeMap<ModelKey, History>,
    usage: UsageReader,
    /// CPU seconds of the process at the last look.
    cpu: Option<(Timestamp, f64)>,
    revision: u64,
    catalogue: Bytes,
}

/// Numbers of all models together.
#[derive(Debug, Default)]
struct Total {
    recent: Statistics,
    seconds: f64,
    window: Statistics,
}

impl Sampler {
    pub(super) fn new(state: Arc<State>) -> Self {
        Self {
            state,
            histories: BTreeMap::new(),
            usage: UsageReader::default(),
            cpu: None,
            revision: 0,
            catalogue: Bytes::new(),
        }
    }

    /// One look. `watched` are the models whose details are wanted.
    pub(super) fn look(&mut self, now: Timestamp, watched: &[ModelKey]) -> Tick {
        let models: BTreeMap<ModelKey, Arc<Model>> = self
            .state
            .repository
            .models()
            .into_iter()
            .map(|model| (ModelKey::of(&model), model))
            .collect();
        self.remember(now, &models);
        let index = self.state.repository.index(false);
        self.update_catalogue(&index);
        let details = watched.iter().filter_map(|key| {
            Some((key.clone(), event("detail", &self.detail(key, models.get(key)?)?)))
        });
        Tick {
            details: details.collect(),
            overview: self.overview(now, &index),
            revision: self.revision,
            catalogue: self.catalogue.clone(),
        }
    }

    fn remember(&mut self, now: Timestamp, models: &BTreeMap<ModelKey, Arc<Model>>) {
        self.histories.retain(|key, _| models.contains_key(key));
        for (key, model) in models {
            let history = self.histories.entry(key.clone()).or_default();
            history.push(now, model.statistics());
        }
    }

    fn update_catalogue(&mut self, index: &[IndexEntry]) {
        let row = |entry| {
            let latest = self.history(entry).map(|history| history.recent().gained);
            let latest = latest.unwrap_or_default();
            let IndexEntry { name, version, state, reason } = entry;
            let instances = latest.instances;
            let instances = instances.idle + instances.busy + instances.replacing;
            let generates = latest.generation.is_some();
            CatalogueRow(name, *version, state.name(), reason, instances, generates)
        };
        let catalogue = event("catalogue", &Catalogue { models: index.iter().map(row).collect() });
        if catalogue != self.catalogue {
            self.catalogue = catalogue;
            self.revision += 1;
        }
    }

    fn history(&self, entry: &IndexEntry) -> Option<&History> {
        self.histories.get(&ModelKey { name: entry.name.clone(), version: entry.version? })
    }

    fn overview(&mut self, now: Timestamp, index: &[IndexEntry]) -> Bytes {
        let mut total = Total::default();
        for history in self.histories.values() {
            total.add(&history.recent(), &history.window().gained);
        }
        let rows = index.iter().enumerate().filter_map(|(position, entry)| {
            let row = Row::of(self.history(entry)?);
            (!row.is_at_rest()).then_some((position, row))
        });
        let models = rows.collect();
        let readiness = self.state.repository.readiness();
        let overview = Overview {
            time: epoch_millis(SystemTime::now()),
            unready: readiness.as_ref().err().map_or("", String::as_str),
            in_flight: self.state.repository.in_flight(),
            machine: self.machine(now),
            total: total.row(),
            models,
        };
        event("overview", &overview)
    }

    fn machine(&mut self, now: Timestamp) -> Machine {
        let usage = self.usage.read();
        let last = self.cpu;
        self.cpu = usage.cpu_seconds.map(|seconds| (now, seconds));
        let cpu = last.zip(self.cpu).and_then(|((from, before), (to, after))| {
            let seconds = to.since(from).as_secs_f64();
            (seconds > 0.0).then(|| short((after - before).max(0.0) / seconds))
        });
        Machine {
            cpu,
            machine: usage.machine_utilization.map(short),
            resident: usage.resident_bytes,
            used: usage.memory_used,
            memory: usage.memory_total,
        }
    }

    fn detail<'a>(&self, key: &'a ModelKey, model: &'a Model) -> Option<Detail<'a>> {
        let history = self.histories.get(key)?;
        let statistics = model.statistics();
        let instances = statistics.instances;
        Some(Detail {
            name: &key.name,
            version: key.version,
            how: model.description(),
            platform: model.platform(),
            load_seconds: short(statistics.load_duration.as_secs_f64()),
            last_inference: statistics.last_inference.map(epoch_millis),
            instances: [
                instances.idle as u64,
                instances.busy as u64,
                instances.replacing as u64,
                instances.replaced_total,
            ],
            kv_blocks: statistics
                .generation
                .map(|generation| [generation.kv_blocks_used, generation.kv_blocks_total]),
            row: Row::of(history),
            window: Numbers::of(&history.window().gained),
            total: Numbers::of(&statistics),
        })
    }
}

impl Total {
    fn add(&mut self, recent: &Stretch, window: &Statistics) {
        self.seconds = self.seconds.max(recent.seconds);
        add_counters(&mut self.recent, &recent.gained);
        add_counters(&mut self.window, window);
        self.recent.pending += recent.gained.pending;
        self.recent.instances.busy += recent.gained.instances.busy;
        self.recent.instances.replacing += recent.gained.instances.replacing;
    }

    fn row(self) -> Row {
        let recent = Stretch { seconds: self.seconds, gained: self.recent };
        Row::new(&recent, &self.window)
    }
}

/// Adds what the overview shows of all models together.
fn add_counters(sum: &mut Statistics, part: &Statistics) {
    sum.success.count += part.success.count;
    sum.fail.count += part.fail.count;
    sum.inference_count += part.inference_count;
    sum.execution_count += part.execution_count;
    sum.queue.ns += part.queue.ns;
    sum.compute_infer.ns += part.compute_infer.ns;
    let pairs = sum.request_seconds.buckets.iter_mut().zip(part.request_seconds.buckets);
    for (sum, part) in pairs {
        *sum += part;
    }
    sum.request_seconds.count += part.request_seconds.count;
}

pub(super) fn epoch_millis(time: SystemTime) -> u64 {
    let since: Duration = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
