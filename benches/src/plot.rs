//! Owns the plots of the page on performance: lines over a logarithmic or a plain scale, and bars, as SVG. Never measures, and never
//! draws what a table does not say in figures.

use std::fmt::Write;

use crate::results::{Line, Series, Unit};

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 320.0;
const LEFT: f64 = 90.0;
const RIGHT: f64 = 170.0;
const TOP: f64 = 36.0;
const BOTTOM: f64 = 40.0;
const BAR_HEIGHT: f64 = 18.0;
/// Told apart by people who see no red or no green, too.
const COLOURS: [&str; 6] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"];

/// The columns of a series, of one unit, over its first column. With `is_logarithmic` both scales are.
#[must_use]
pub fn lines(title: &str, series: &Series, unit: Unit, is_logarithmic: bool) -> String {
    let columns: Vec<usize> =
        (0..series.columns.len()).filter(|column| series.columns[*column].1 == unit).collect();
    let values = |column: usize| {
        series.points.iter().filter_map(move |(at, values)| Some((*at, values.get(column).copied()??)))
    };
    let all: Vec<f64> = columns.iter().flat_map(|column| values(*column).map(|(_, value)| value)).collect();
    let along: Vec<f64> = series.points.iter().map(|(at, _)| *at).collect();
    let across = Scale::new(&along, is_logarithmic, [LEFT, WIDTH - RIGHT]);
    let up = Scale::new(&all, is_logarithmic, [HEIGHT - BOTTOM, TOP]);
    let mut svg = begin(title, HEIGHT);
    for value in up.marks() {
        let y = up.place(value);
        line(&mut svg, [LEFT, y], [WIDTH - RIGHT, y], "#ddd");
        text(&mut svg, [LEFT - 8.0, y + 4.0], "end", &unit.text(value));
    }
    let marks = if is_logarithmic { along } else { across.marks() };
    for at in marks {
        text(&mut svg, [across.place(at), HEIGHT - BOTTOM + 18.0], "middle", &count(at));
    }
    text(&mut svg, [(LEFT + WIDTH - RIGHT) / 2.0, HEIGHT - 6.0], "middle", &series.along);
    for (index, column) in columns.iter().enumerate() {
        let colour = COLOURS[index % COLOURS.len()];
        let points: Vec<String> = values(*column)
            .map(|(at, value)| format!("{:.1},{:.1}", across.place(at), up.place(value)))
            .collect();
        let _ = writeln!(
            svg,
            r#"<polyline fill="none" stroke="{colour}" stroke-width="2" points="{}"/>"#,
            points.join(" ")
        );
        let y = TOP + 18.0 * index as f64;
        line(&mut svg, [WIDTH - RIGHT + 10.0, y], [WIDTH - RIGHT + 28.0, y], colour);
        text(&mut svg, [WIDTH - RIGHT + 34.0, y + 4.0], "start", &series.columns[*column].0);
    }
    svg + "</svg>\n"
}

/// One bar for each store at one workload, FerrumDB's first.
#[must_use]
pub fn bars(title: &str, lines: &[&Line]) -> String {
    let Some(first) = lines.first() else { return begin(title, TOP) + "</svg>\n" };
    let mut stores = vec![("FerrumDB", first.ours.median)];
    stores.extend(lines.iter().map(|line| (line.peer.as_str(), line.theirs.median)));
    let longest = stores.iter().map(|(_, figure)| *figure).fold(f64::MIN_POSITIVE, f64::max);
    let mut svg = begin(title, TOP + (BAR_HEIGHT + 6.0) * stores.len() as f64);
    for (index, (store, figure)) in stores.iter().enumerate() {
        let y = TOP + (BAR_HEIGHT + 6.0) * index as f64 - 8.0;
        let (left, colour) = (LEFT + 90.0, if index == 0 { COLOURS[0] } else { "#aaa" });
        let width = (figure / longest * (WIDTH - left - 100.0)).max(1.0);
        let _ = writeln!(
            svg,
            r#"<rect x="{left:.0}" y="{y:.1}" width="{width:.1}" height="{BAR_HEIGHT}" fill="{colour}"/>"#
        );
        text(&mut svg, [left - 8.0, y + 13.0], "end", store);
        text(&mut svg, [left + width + 6.0, y + 13.0], "start", &first.unit.text(*figure));
    }
    svg + "</svg>\n"
}

/// From values to places on the page.
struct Scale {
    least: f64,
    most: f64,
    is_logarithmic: bool,
    ends: [f64; 2],
}

impl Scale {
    fn new(values: &[f64], is_logarithmic: bool, ends: [f64; 2]) -> Self {
        let most = values.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
        let positive = values.iter().copied().filter(|value| *value > 0.0);
        let least = positive.fold(most, f64::min);
        let least = if is_logarithmic { 10_f64.powf(least.log10().floor()) } else { 0.0 };
        let most =
            if is_logarithmic { 10_f64.powf(most.log10().ceil()).max(least * 10.0) } else { most * 1.05 };
        Self { least, most, is_logarithmic, ends }
    }

    fn place(&self, value: f64) -> f64 {
        let share = match self.is_logarithmic {
            true => (value / self.least).log10() / (self.most / self.least).log10(),
            false => (value - self.least) / (self.most - self.least),
        };
        self.ends[0] + (self.ends[1] - self.ends[0]) * share
    }

    /// Where the axis has figures.
    fn marks(&self) -> Vec<f64> {
        if self.is_logarithmic {
            let decades = (self.most / self.least).log10().round() as i32;
            (0..=decades).map(|decade| self.least * 10_f64.powi(decade)).collect()
        } else {
            (0..=4).map(|quarter| self.most * f64::from(quarter) / 4.0).collect()
        }
    }
}

fn begin(title: &str, height: f64) -> String {
    let height = height.ceil();
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" \
         font-family=\"sans-serif\" font-size=\"12\">\n<title>{}</title>\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#fff\"/>\n",
        escaped(title)
    );
    text(&mut svg, [10.0, 18.0], "start", title);
    svg
}

fn line(svg: &mut String, from: [f64; 2], to: [f64; 2], colour: &str) {
    let ([x1, y1], [x2, y2]) = (from, to);
    let _ = writeln!(
        svg,
        r#"<line x1="{x1:.1}" y1="{y1:.1}" x2="{x2:.1}" y2="{y2:.1}" stroke="{colour}" stroke-width="2"/>"#
    );
}

fn text(svg: &mut String, [x, y]: [f64; 2], anchor: &str, words: &str) {
    let _ = writeln!(svg, r#"<text x="{x:.1}" y="{y:.1}" text-anchor="{anchor}">{}</text>"#, escaped(words));
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// A number of documents, or of seconds.
fn count(number: f64) -> String {
    match number {
        number if number >= 1e6 => format!("{:.0} M", number / 1e6),
        number if number >= 1e4 => format!("{:.0} k", number / 1e3),
        number => format!("{number:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_ten_times_as_high_is_a_decade_up() {
        let scale = Scale::new(&[10.0, 1_000.0], true, [300.0, 0.0]);
        assert_eq!(scale.marks(), [10.0, 100.0, 1_000.0]);
        assert!((scale.place(100.0) - 150.0).abs() < 1e-9);
        let plain = Scale::new(&[100.0], false, [0.0, 105.0]);
        assert!((plain.place(50.0) - 50.0).abs() < 1e-9);
    }

    #[test]
    fn only_the_columns_of_the_unit_are_drawn_and_names_are_escaped() {
        let series = Series {
            along: "documents".to_owned(),
            columns: vec![("a < b".to_owned(), Unit::Rate), ("memory".to_owned(), Unit::Bytes)],
            points: vec![(1e4, vec![Some(5.0), Some(1.0)]), (1e5, vec![Some(7.0), None])],
        };
        let svg = lines("rates", &series, Unit::Rate, true);
        assert_eq!(svg.matches("<polyline").count(), 1);
        assert!(svg.contains("a &lt; b") && !svg.contains("memory"));
    }
}
