use std::{
    hash::{DefaultHasher, Hash, Hasher},
    io::Write as _,
    sync::LazyLock,
};

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use http::HeaderValue;

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const ICON: &str = "image/svg+xml";

/// A file of the page, ready to be sent.
#[derive(Debug)]
pub(crate) struct Asset {
    pub(crate) content_type: HeaderValue,
    pub(crate) plain: Bytes,
    pub(crate) gzip: Bytes,
    /// Another one for other content.
    pub(crate) etag: HeaderValue,
}

macro_rules! files {
    ($($name:literal: $content_type:expr,)*) => {
        &[$(($name, $content_type, include_str!(concat!("../../assets/dashboard/", $name)))),*]
    };
}

/// Name, content type and text.
const FILES: &[(&str, &str, &str)] = files! {
    "index.html": HTML,
    "style.css": STYLE,
    "icon.svg": ICON,
    "app.js": SCRIPT,
    "chart.js": SCRIPT,
    "config.js": SCRIPT,
    "control.js": SCRIPT,
    "dom.js": SCRIPT,
    "feed.js": SCRIPT,
    "format.js": SCRIPT,
    "model.js": SCRIPT,
    "overview.js": SCRIPT,
    "request.js": SCRIPT,
    "tensor.js": SCRIPT,
};

/// Compressed when the first page is opened: a few milliseconds, once.
static ASSETS: LazyLock<Vec<Asset>> = LazyLock::new(|| {
    FILES.iter().map(|(_, content_type, text)| Asset::new(content_type, text)).collect()
});

/// The file of that name; the page itself is `index.html`.
pub(crate) fn asset(name: &str) -> Option<&'static Asset> {
    let position = FILES.iter().position(|(known, ..)| *known == name)?;
    ASSETS.get(position)
}

impl Asset {
    fn new(content_type: &'static str, text: &'static str) -> Self {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(text.as_bytes()).expect("a vector takes everything");
        let gzip = encoder.finish().expect("a vector takes everything");
        let mut hasher = DefaultHasher::new();
        text.hash(&mut hasher);
        // Weak: it stands for both encodings.
        let etag = format!("W/\"{:016x}\"", hasher.finish());
        Self {
            content_type: HeaderValue::from_static(content_type),
            plain: Bytes::from_static(text.as_bytes()),
            gzip: gzip.into(),
            etag: HeaderValue::try_from(etag).expect("hexadecimal digits in quotes"),
        }
    }
}

#[cfg(test)]
mod tests;
