//! The page that shows the running server: its files, and the feed that keeps open pages up to date.
//!
//! While a page is open, one thread looks at the models' statistics once a second and writes one text
//! for all pages; no page costs the models anything, and without pages there is no such thread. A page
//! that reads slowly misses looks and delays nobody.

mod assets;
mod document;
mod feed;
mod history;
mod quantile;
mod sampler;
mod viewer;

pub(crate) use assets::{Asset, asset};
pub(crate) use feed::{Feed, JoinError, ModelKey};
pub(crate) use viewer::Viewer;
