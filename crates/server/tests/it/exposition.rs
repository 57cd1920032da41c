//! A strict reader of the Prometheus text format: whatever it does not expect fails the test.

use std::collections::BTreeMap;

/// A page, read.
#[derive(Debug, Default)]
pub(crate) struct Page {
    pub(crate) families: BTreeMap<String, Family>,
}

#[derive(Debug, Default)]
pub(crate) struct Family {
    pub(crate) kind: String,
    /// In the order of the page.
    pub(crate) samples: Vec<Sample>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sample {
    pub(crate) name: String,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) value: f64,
}

impl Page {
    /// Reads a page.
    ///
    /// # Panics
    ///
    /// If anything is wrong with it.
    pub(crate) fn parse(text: &str) -> Self {
        assert!(text.ends_with('\n'), "the last line ends");
        let mut page = Self::default();
        let mut current = String::new();
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            if let Some(help) = line.strip_prefix("# HELP ") {
                let (name, help) = help.split_once(' ').expect("a help text");
                assert!(!help.is_empty() && !help.contains('\\'), "{line}");
                let kind =
                    lines.next().and_then(|line| line.strip_prefix("# TYPE ")).expect("a type");
                let kind = kind.strip_prefix(name).expect("the same name").trim_start();
                assert!(matches!(kind, "counter" | "gauge" | "histogram"), "{kind}");
                let family = Family { kind: kind.to_owned(), samples: Vec::new() };
                assert!(page.families.insert(name.to_owned(), family).is_none(), "{name} twice");
                name.clone_into(&mut current);
            } else {
                let sample = Sample::parse(line);
                let family = page.families.get_mut(&current).expect("a sample follows its family");
                assert!(
                    belongs(&sample.name, &current, &family.kind),
                    "{line} is not of {current}"
                );
                let same =
                    |other: &Sample| other.name == sample.name && other.labels == sample.labels;
                assert!(!family.samples.iter().any(same), "{line} twice");
                family.samples.push(sample);
            }
        }
        page.families.iter().for_each(|(name, family)| family.check(name));
        page
    }

    /// Value of the sample with exactly these labels.
    #[track_caller]
    pub(crate) fn value(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let labels: BTreeMap<_, _> =
            labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let samples = self.families.values().flat_map(|family| &family.samples);
        let mut found = samples.filter(|sample| sample.name == name && sample.labels == labels);
        found.next().unwrap_or_else(|| panic!("no {name} {labels:?}")).value
    }
}

fn belongs(sample: &str, family: &str, kind: &str) -> bool {
    match sample.strip_prefix(family) {
        Some("") => kind != "histogram",
        Some("_bucket" | "_sum" | "_count") => kind == "histogram",
        _ => false,
    }
}

impl Sample {
    fn parse(line: &str) -> Self {
        let end = line.find(['{', ' ']).expect("a value");
        let (name, rest) = line.split_at(end);
        assert!(is_name(name), "{line}");
        let (labels, value) = match rest.strip_prefix('{') {
            Some(rest) => parse_labels(rest, line),
            None => (BTreeMap::new(), rest),
        };
        let value = value.strip_prefix(' ').expect("one space");
        let value = value.parse().unwrap_or_else(|_| panic!("no number: {line}"));
        Self { name: name.to_owned(), labels, value }
    }
}

fn parse_labels<'a>(mut rest: &'a str, line: &str) -> (BTreeMap<String, String>, &'a str) {
    let mut labels = BTreeMap::new();
    loop {
        let (name, after) = rest.split_once("=\"").unwrap_or_else(|| panic!("no label: {line}"));
        assert!(is_name(name) && !name.contains(':'), "{line}");
        let mut value = String::new();
        let mut characters = after.char_indices();
        let end = loop {
            let (at, character) = characters.next().expect("a closing quote");
            match character {
                '"' => break at + 1,
                '\\' => value.push(match characters.next().expect("an escaped character").1 {
                    'n' => '\n',
                    same @ ('\\' | '"') => same,
                    other => panic!("\\{other} in {line}"),
                }),
                other => value.push(other),
            }
        };
        assert!(labels.insert(name.to_owned(), value).is_none(), "{name} twice in {line}");
        rest = &after[end..];
        if let Some(after) = rest.strip_prefix('}') {
            return (labels, after);
        }
        rest = rest.strip_prefix(',').unwrap_or_else(|| panic!("no comma: {line}"));
    }
}

fn is_name(name: &str) -> bool {
    let allowed = |character: char| character.is_ascii_alphanumeric() || "_:".contains(character);
    !name.is_empty() && name.chars().all(allowed) && !name.starts_with(|c: char| c.is_ascii_digit())
}

impl Family {
    fn check(&self, name: &str) {
        if self.kind == "histogram" {
            return self.check_histograms(name);
        }
        for sample in &self.samples {
            let is_right = self.kind == "gauge" || sample.value >= 0.0;
            assert!(is_right && sample.value.is_finite(), "{name}: {sample:?}");
        }
    }

    /// Every series has ascending bounds, growing counts, and ends in its count.
    fn check_histograms(&self, name: &str) {
        let mut series: BTreeMap<_, Vec<&Sample>> = BTreeMap::new();
        for sample in &self.samples {
            let mut labels = sample.labels.clone();
            labels.remove("le");
            series.entry(format!("{labels:?}")).or_default().push(sample);
        }
        for samples in series.values() {
            let [buckets @ .., sum, count] = &**samples else { panic!("{name} is too short") };
            assert_eq!(sum.name, format!("{name}_sum"));
            assert_eq!(count.name, format!("{name}_count"));
            let bound = |sample: &Sample| -> f64 { sample.labels["le"].parse().unwrap() };
            for pair in buckets.windows(2) {
                assert!(bound(pair[0]) < bound(pair[1]), "{name}: bounds");
                assert!(pair[0].value <= pair[1].value, "{name}: counts");
            }
            let last = buckets.last().expect("a bucket");
            assert!(bound(last).is_infinite(), "{name}: +Inf");
            assert_eq!(last.value, count.value, "{name}: +Inf and count");
            assert!(sum.value >= 0.0 && (count.value > 0.0 || sum.value == 0.0), "{name}: sum");
        }
    }
}
