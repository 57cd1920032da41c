//! A drawing with two axes.

use std::fmt::Write;

use super::{
    axis::Axis,
    markup::{Colour, escape},
};

/// The place for points: from left to right, and from bottom to top.
#[derive(Clone, Copy, Debug)]
pub(super) struct Size {
    width: f64,
    height: f64,
}

const LEFT: f64 = 52.0;
const RIGHT: f64 = 14.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 42.0;

impl Size {
    pub(super) const LARGE: Self = Self { width: 520.0, height: 300.0 };
    pub(super) const SMALL: Self = Self { width: 340.0, height: 170.0 };

    pub(super) const fn across(self) -> (f64, f64) {
        (LEFT, self.width - RIGHT)
    }

    pub(super) const fn up(self) -> (f64, f64) {
        (self.height - BOTTOM, TOP)
    }
}

/// A point's value in both directions.
pub(super) type Point = (f64, f64);

#[derive(Debug)]
pub(super) struct Plot {
    size: Size,
    x: Axis,
    y: Axis,
    body: String,
}

impl Plot {
    pub(super) const fn new(size: Size, x: Axis, y: Axis) -> Self {
        Self { size, x, y, body: String::new() }
    }

    /// Ticks and their grid, named; then the titles of both axes.
    pub(super) fn frame(
        &mut self,
        across: &[(f64, String)],
        up: &[(f64, String)],
        titles: (&str, &str),
    ) {
        let ((left, right), (bottom, top)) = (self.size.across(), self.size.up());
        for (value, name) in up {
            let y = self.y.place(*value);
            self.draw_line("grid", (left, y), (right, y));
            self.draw_text("end", (left - 7.0, y + 4.0), name);
        }
        for (value, name) in across {
            let x = self.x.place(*value);
            self.draw_line("grid", (x, top), (x, bottom));
            let (anchor, x) = if x > right - 16.0 { ("end", right + 6.0) } else { ("middle", x) };
            self.draw_text(anchor, (x, bottom + 16.0), name);
        }
        self.draw_line("axis", (left, bottom), (right, bottom));
        self.draw_text("end", (right, bottom + 34.0), titles.0);
        self.draw_text("start", (left + 6.0, top + 4.0), titles.1);
    }

    /// A line through the points, each with a text that is shown when it is pointed at.
    pub(super) fn series(&mut self, colour: &Colour, class: &str, points: &[(Point, String)]) {
        let places = points.iter().map(|(point, _)| self.place_text(*point));
        let places: Vec<_> = places.collect();
        let tips = points.iter().map(|(_, tip)| escape(tip)).collect::<Vec<_>>().join("&#10;");
        let attributes = colour.attributes(&format!("series {class}"));
        let places = places.join(" ");
        let _ =
            write!(self.body, "<polyline {attributes} points=\"{places}\" data-tips=\"{tips}\"/>");
    }

    /// The area between a lower and an upper line.
    pub(super) fn band(&mut self, colour: &Colour, lower: &[Point], upper: &[Point]) {
        let around = lower.iter().chain(upper.iter().rev());
        let places: Vec<_> = around.map(|point| self.place_text(*point)).collect();
        let _ = write!(
            self.body,
            "<polygon {} points=\"{}\"/>",
            colour.attributes("band"),
            places.join(" ")
        );
    }

    /// A dot with error bars: its value, and the ends of its interval in both directions.
    pub(super) fn dot(&mut self, colour: &Colour, at: Point, x: Point, y: Point, tip: &str) {
        let (across, up) = (self.x.place(at.0), self.y.place(at.1));
        let _ = write!(self.body, "<g {} data-tip=\"{}\">", colour.attributes(""), escape(tip));
        self.draw_line("whisker", (self.x.place(x.0), up), (self.x.place(x.1), up));
        self.draw_line("whisker", (across, self.y.place(y.0)), (across, self.y.place(y.1)));
        let _ =
            write!(self.body, "<circle class=\"dot\" cx=\"{across:.1}\" cy=\"{up:.1}\" r=\"5\"/>");
        self.body.push_str("</g>");
    }

    /// A ring around a point.
    pub(super) fn ring(&mut self, at: Point) {
        let (x, y) = (self.x.place(at.0), self.y.place(at.1));
        let _ = write!(self.body, "<circle class=\"knee\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"10\"/>");
    }

    /// A mark on the lower axis.
    pub(super) fn mark(&mut self, x: f64, tip: &str) {
        let (bottom, _) = self.size.up();
        let x = self.x.place(x);
        let _ = write!(self.body, "<g data-tip=\"{}\">", escape(tip));
        self.draw_line("failure", (x, bottom), (x, bottom - 12.0));
        self.body.push_str("</g>");
    }

    /// Text beside a point: left of it if it is in the right half.
    pub(super) fn label(&mut self, at: Point, text: &str) {
        let (x, y) = (self.x.place(at.0), self.y.place(at.1));
        let is_right = x > self.size.width * 0.6;
        let (anchor, x) = if is_right { ("end", x - 10.0) } else { ("start", x + 10.0) };
        self.draw_text(anchor, (x, y - 8.0), text);
    }

    /// Text above a point.
    pub(super) fn name(&mut self, at: Point, text: &str) {
        let (x, y) = (self.x.place(at.0), self.y.place(at.1));
        self.draw_text("middle", (x, y - 10.0), text);
    }

    /// The whole drawing; `title` is what screen readers say.
    pub(super) fn finish(self, title: &str) -> String {
        let Size { width, height } = self.size;
        format!(
            "<svg viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{}\">{}\
             <circle class=\"cursor\" r=\"4\"/></svg>",
            escape(title),
            self.body
        )
    }

    fn place_text(&self, (x, y): Point) -> String {
        format!("{:.1},{:.1}", self.x.place(x), self.y.place(y))
    }

    fn draw_line(&mut self, class: &str, (x1, y1): Point, (x2, y2): Point) {
        let _ = write!(
            self.body,
            "<line class=\"{class}\" x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\"/>"
        );
    }

    fn draw_text(&mut self, anchor: &str, (x, y): Point, text: &str) {
        let _ = write!(
            self.body,
            "<text text-anchor=\"{anchor}\" x=\"{x:.1}\" y=\"{y:.1}\">{}</text>",
            escape(text)
        );
    }
}
