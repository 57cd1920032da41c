//! Elements of a picture, written by hand.

use std::fmt::Write as _;

/// A picture in the making; it grows with the page.
#[derive(Debug)]
pub(super) struct Svg {
    width: f64,
    height: f64,
    content: String,
}

/// Where a text stands against its point.
#[derive(Clone, Copy, Debug)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

impl Anchor {
    const fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Middle => "middle",
            Self::End => "end",
        }
    }
}

/// A rectangle.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Area {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

impl Svg {
    pub(super) fn new(width: f64, height: f64) -> Self {
        Self { width, height, content: String::new() }
    }

    /// A rectangle with a text that shows up when one points at it.
    pub(super) fn rect(&mut self, area: Area, class: &str, round: f64, title: &str) {
        let Area { x, y, width, height } = area;
        let (width, height) = (width.max(0.0), height.max(0.0));
        let _ = writeln!(
            self.content,
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" \
             rx=\"{round}\" class=\"{class}\"><title>{}</title></rect>",
            escape(title)
        );
    }

    pub(super) fn circle(&mut self, (x, y): (f64, f64), radius: f64, class: &str, title: &str) {
        let _ = writeln!(
            self.content,
            "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius:.1}\" class=\"{class}\">\
             <title>{}</title></circle>",
            escape(title)
        );
    }

    pub(super) fn text(&mut self, (x, y): (f64, f64), anchor: Anchor, class: &str, text: &str) {
        let _ = writeln!(
            self.content,
            "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{}\" class=\"{class}\">{}</text>",
            anchor.name(),
            escape(text)
        );
    }

    /// A line through points.
    pub(super) fn path(&mut self, points: &[(f64, f64)], class: &str) {
        let mut steps = String::new();
        for (index, (x, y)) in points.iter().enumerate() {
            let _ = write!(steps, "{}{x:.1} {y:.1}", if index == 0 { "M" } else { "L" });
        }
        let _ = writeln!(self.content, "<path d=\"{steps}\" class=\"{class}\"/>");
    }

    /// Names the colours of a picture in one row.
    pub(super) fn legend(&mut self, (mut x, y): (f64, f64), entries: &[(&str, &str)]) {
        for (class, name) in entries {
            let area = Area { x, y: y - 9.0, width: 10.0, height: 10.0 };
            self.rect(area, class, 2.0, name);
            self.text((x + 15.0, y), Anchor::Start, "soft small", name);
            x += 32.0 + name.chars().count() as f64 * 6.2;
        }
    }

    /// The finished element; `label` says what it shows to those who do not see it.
    pub(super) fn finish(self, label: &str) -> String {
        let Self { width, height, content } = self;
        format!(
            "<svg viewBox=\"0 0 {width:.0} {height:.0}\" role=\"img\" aria-label=\"{}\">\n\
             {content}</svg>\n",
            escape(label)
        )
    }
}

/// A scale from values to places.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    pub(super) from: (f64, f64),
    pub(super) to: (f64, f64),
    pub(super) logarithmic: bool,
}

impl Scale {
    pub(super) fn place(&self, value: f64) -> f64 {
        let of = |value: f64| if self.logarithmic { value.max(1e-12).log10() } else { value };
        let (low, high) = (of(self.from.0), of(self.from.1));
        let share = (of(value) - low) / (high - low).max(1e-12);
        self.to.0 + share * (self.to.1 - self.to.0)
    }
}

/// Round steps that end at or above `max`, at most six.
pub(super) fn steps(max: f64) -> Vec<f64> {
    let rough = max.max(1e-9) / 5.0;
    let power = 10_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 2.5, 5.0, 10.0].iter().map(|step| step * power);
    let step = step.into_iter().find(|step| *step >= rough).unwrap_or(power * 10.0);
    (0..=5).map(|index| f64::from(index) * step).take_while(|value| *value < max + step).collect()
}

/// Text as it may stand in a page.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            _ => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::{Scale, escape, steps};

    #[test]
    fn names_cannot_break_out_of_the_page() {
        let text = r#"</title><script>alert("1") & 'x'"#;
        let expected = "&lt;/title&gt;&lt;script&gt;alert(&quot;1&quot;) &amp; &#39;x&#39;";
        assert_eq!(escape(text), expected);
    }

    #[test]
    fn scales_put_their_ends_at_their_ends() {
        for logarithmic in [false, true] {
            let scale = Scale { from: (1.0, 100.0), to: (50.0, 10.0), logarithmic };
            assert!((scale.place(1.0) - 50.0).abs() < 1e-9);
            assert!((scale.place(100.0) - 10.0).abs() < 1e-9);
        }
        let scale = Scale { from: (1.0, 100.0), to: (0.0, 10.0), logarithmic: true };
        assert!((scale.place(10.0) - 5.0).abs() < 1e-9);
    }

    #[test]
    fn steps_are_round_and_reach_the_end() {
        assert_eq!(steps(10.0), [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]);
        assert_eq!(steps(47.0), [0.0, 10.0, 20.0, 30.0, 40.0, 50.0]);
        for max in [0.003, 1.0, 7.7, 99.0, 12345.0] {
            let steps = steps(max);
            assert!(steps.len() <= 6 && *steps.last().unwrap() >= max, "{max}: {steps:?}");
        }
    }
}
