//! What a result looks like: on a terminal, as a page, as a table for other programs, and while it is
//! being measured. Text in, text out: nothing here reads a clock, the environment or a file.

mod comparison;
mod csv;
pub(crate) mod figure;
#[cfg(test)]
pub(crate) mod fixture;
mod headline;
mod html;
mod live;
mod objective;
mod omission;
#[cfg(test)]
mod snapshot;
mod table;

pub use csv::write_csv;
pub use headline::headline;
pub use html::write_html;
pub use live::{LiveFigures, LivePhase, LiveView, live_line};
pub use table::{Colours, write_table};
