//! Runs as a picture: a column for each, with backlog, instances and waiting times one below the other. All columns
//! have the same scales, so that they can be compared by eye.

use std::collections::BTreeSet;
use std::error::Error;
use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use plotters::coord::Shift;
use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use sagemaker_scale_to_zero::simulate::{Run, Standing, Wait};

const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

/// Pixels.
const HEADING: u32 = 70;
const PANEL_HEIGHT: u32 = 215;
const COLUMN_WIDTH: u32 = 350;
const SINGLE_WIDTH: u32 = 1000;
/// About the width of a letter in the legend; the font is the reader's, so nobody knows it here.
const LETTER: i32 = 6;

/// Told apart with any colour vision, after Okabe and Ito.
const BLUE: RGBColor = RGBColor(0, 114, 178);
const SKY: RGBColor = RGBColor(120, 190, 235);
const ORANGE: RGBColor = RGBColor(240, 190, 100);
const VERMILION: RGBColor = RGBColor(213, 94, 0);
const INK: RGBColor = RGBColor(51, 51, 51);
const GRID: RGBColor = RGBColor(225, 225, 225);

const LEGEND: [(&str, RGBColor); 6] = [
    ("waiting", BLUE),
    ("in flight", SKY),
    ("instances wanted", ORANGE),
    ("instances running", INK),
    ("how long a request waited for an instance", BLUE),
    ("killed, expired or still waiting", VERMILION),
];

/// The ticks of the waiting times, in seconds.
const WAITS: [(f64, &str); 7] = [
    (1.0, "≤ 1 s"),
    (10.0, "10 s"),
    (60.0, "1 min"),
    (300.0, "5 min"),
    (900.0, "15 min"),
    (3600.0, "1 h"),
    (21_600.0, "6 h"),
];

/// What the picture is of: a run of each scaling, by its title.
pub(crate) struct Picture<'a> {
    pub(crate) title: String,
    pub(crate) runs: &'a [(&'a str, &'a Run<'a>)],
    pub(crate) start: Timestamp,
    /// How much of it, from the beginning.
    pub(crate) span: Duration,
}

/// The largest values of all columns.
struct Scales {
    requests: f64,
    instances: f64,
}

/// An axis from 0 to its end, with its ticks and what is written beside each.
struct Axis {
    range: RangedCoordf64,
    ticks: Vec<(f64, String)>,
}

impl Axis {
    fn new(end: f64, ticks: Vec<(f64, String)>) -> Self {
        Self { range: (0.0..end).into(), ticks }
    }

    /// Of counts: ticks at round numbers, seven at the most.
    fn of_counts(end: f64) -> Self {
        let steps = (0..9).flat_map(|power| [1.0, 2.0, 5.0].map(|digit| digit * 10_f64.powi(power)));
        let apart = steps.into_iter().find(|apart| end / apart < 7.0).unwrap_or(end);
        let ticks = std::iter::successors(Some(0.0), |last| Some(last + apart)).take_while(|tick| *tick <= end);
        Self::new(end, ticks.map(|tick| (tick, format!("{tick:.0}"))).collect())
    }
}

impl Ranged for Axis {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        self.range.map(value, limit)
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        // The ticks are the bold points; there are no light ones.
        if hint.weight().allow_light_points() { vec![] } else { self.ticks.iter().map(|(tick, _)| *tick).collect() }
    }

    fn range(&self) -> Range<f64> {
        self.range.range()
    }
}

impl ValueFormatter<f64> for Axis {
    fn format_ext(&self, value: &f64) -> String {
        let tick = self.ticks.iter().find(|(tick, _)| tick.total_cmp(value).is_eq());
        tick.map_or_else(String::new, |(_, words)| words.clone())
    }
}

type Panel<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Chart<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<Axis, Axis>>;
type Drawn<'a, T> = Result<T, DrawingAreaErrorKind<<SVGBackend<'a> as DrawingBackend>::ErrorType>>;

impl Picture<'_> {
    /// Draws it as an SVG file.
    ///
    /// # Errors
    /// Why the file can't be written.
    pub(crate) fn write(&self, path: &Path) -> Result<(), Box<dyn Error>> {
        let columns = u32::try_from(self.runs.len())?;
        let width = if columns == 1 { SINGLE_WIDTH } else { columns * COLUMN_WIDTH };
        let root = SVGBackend::new(path, (width, HEADING + 3 * PANEL_HEIGHT)).into_drawing_area();
        self.draw(&root).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(())
    }

    fn draw<'b>(&self, root: &Panel<'b>) -> Drawn<'b, ()> {
        // Its own background, since GitHub may show it on white or on black.
        root.fill(&WHITE)?;
        let (heading, body) = root.split_vertically(HEADING);
        self.head(&heading)?;
        let scales = self.scales();
        for (place, (column, (title, run))) in body.split_evenly((1, self.runs.len())).iter().zip(self.runs).enumerate()
        {
            let [backlog, instances, waits] = &column.split_evenly((3, 1))[..] else { continue };
            // The names of the axes are said once.
            let name = |name| if place == 0 { name } else { "" };
            backlog.draw(&Text::new((*title).to_owned(), (66, 2), ("sans-serif", 15).into_font().color(&INK)))?;
            self.draw_backlog(backlog, name("requests"), run, &scales)?;
            self.draw_instances(instances, name("instances"), run, &scales)?;
            self.draw_waits(waits, name("wait"), run)?;
        }
        root.present()
    }

    fn head<'b>(&self, heading: &Panel<'b>) -> Drawn<'b, ()> {
        heading.draw(&Text::new(self.title.clone(), (14, 10), ("sans-serif", 19).into_font().color(&INK)))?;
        let mut left = 14;
        for (words, colour) in LEGEND {
            heading.draw(&Rectangle::new([(left, 43), (left + 12, 55)], colour.filled()))?;
            let font = ("sans-serif", 14).into_font().color(&INK);
            heading.draw(&Text::new(words, (left + 17, 42), font))?;
            left += 17 + LETTER * i32::try_from(words.len()).unwrap_or(0) + 24;
        }
        Ok(())
    }

    fn scales(&self) -> Scales {
        let standings = || self.runs.iter().flat_map(|(_, run)| self.shown(run));
        let requests = standings().map(|standing| standing.waiting + standing.in_flight).max().unwrap_or(0);
        let instances = standings().map(|standing| standing.wanted).max().unwrap_or(0);
        Scales { requests: number(requests.max(1)) * 1.08, instances: number(instances.max(1)) + 0.3 }
    }

    fn shown<'a>(&self, run: &'a Run<'_>) -> impl Iterator<Item = &'a Standing> {
        let span = self.span;
        run.standings.iter().take_while(move |standing| standing.since < span)
    }

    fn draw_backlog<'b>(&self, panel: &Panel<'b>, name: &str, run: &Run<'_>, scales: &Scales) -> Drawn<'b, ()> {
        let mut chart = self.chart(panel, name, Axis::of_counts(scales.requests))?;
        chart.draw_series(
            AreaSeries::new(self.steps(run, |now| now.waiting + now.in_flight), 0.0, SKY).border_style(SKY),
        )?;
        chart.draw_series(AreaSeries::new(self.steps(run, |now| now.waiting), 0.0, BLUE).border_style(BLUE))?;
        Ok(())
    }

    fn draw_instances<'b>(&self, panel: &Panel<'b>, name: &str, run: &Run<'_>, scales: &Scales) -> Drawn<'b, ()> {
        let mut chart = self.chart(panel, name, Axis::of_counts(scales.instances))?;
        chart.draw_series(AreaSeries::new(self.steps(run, |now| now.wanted), 0.0, ORANGE))?;
        chart.draw_series(LineSeries::new(self.steps(run, |now| now.running), INK))?;
        Ok(())
    }

    /// On a logarithmic scale, or nothing below an hour could be told apart.
    fn draw_waits<'b>(&self, panel: &Panel<'b>, name: &str, run: &Run<'_>) -> Drawn<'b, ()> {
        // A tenth above the line, so that no dot is cut in half there.
        let height = |seconds: f64| seconds.max(1.0).log10() + 0.1;
        let end = height(WAITS[WAITS.len() - 1].0 * 1.5);
        let ticks = WAITS.map(|(seconds, words)| (height(seconds), words.to_owned()));
        let mut chart = self.chart(panel, name, Axis::new(end, ticks.to_vec()))?;
        // Dots that would hide one another are drawn once: it keeps the file small.
        let mut drawn = BTreeSet::new();
        let mut waits: Vec<Wait> = run.outcome.waits().filter(|wait| wait.arrived < self.span).collect();
        // The few that weren't served go on top.
        waits.sort_by_key(|wait| !wait.was_served);
        for wait in waits {
            let (across, up) = (hours(wait.arrived), height(wait.waited.as_secs_f64()).min(end));
            let (x, y) = chart.backend_coord(&(across, up));
            if drawn.insert((x / 2, y / 2, wait.was_served)) {
                let colour = if wait.was_served { BLUE } else { VERMILION };
                chart.draw_series([Circle::new((across, up), 2, colour.filled())])?;
            }
        }
        Ok(())
    }

    /// The points of a line with two corners for each change of the value.
    fn steps(&self, run: &Run<'_>, value: fn(&Standing) -> usize) -> Vec<(f64, f64)> {
        let mut corners = Vec::new();
        let mut last = None;
        for standing in self.shown(run) {
            let (at, value) = (hours(standing.since), value(standing));
            if last == Some(value) {
                continue;
            }
            corners.extend(last.map(|last| (at, number(last))));
            corners.push((at, number(value)));
            last = Some(value);
        }
        corners.extend(last.map(|last| (hours(self.span), number(last))));
        corners
    }

    fn chart<'a, 'b>(&self, panel: &'a Panel<'b>, name: &str, upward: Axis) -> Drawn<'b, Chart<'a, 'b>> {
        let across = self.time();
        let mut chart = ChartBuilder::on(panel)
            .margin_top(22)
            .margin_left(6)
            .margin_right(14)
            .set_label_area_size(LabelAreaPosition::Left, 60)
            .set_label_area_size(LabelAreaPosition::Bottom, 26)
            .build_cartesian_2d(across, upward)?;
        chart
            .configure_mesh()
            .bold_line_style(GRID)
            .axis_style(INK)
            .label_style(("sans-serif", 13).into_font().color(&INK))
            .axis_desc_style(("sans-serif", 15).into_font().color(&INK))
            .y_desc(name)
            .draw()?;
        Ok(chart)
    }

    /// In hours, with ticks at midnights (UTC), or every six hours where there are few of them.
    fn time(&self) -> Axis {
        let (apart, format) = if self.span > 2 * DAY { (DAY, "%a") } else { (6 * HOUR, "%H:%M") };
        let moments = (0_u32..).map(|place| apart * place).take_while(|moment| *moment <= self.span);
        let words = |moment| self.start.checked_add(moment).unwrap_or(self.start).strftime(format).to_string();
        Axis::new(hours(self.span), moments.map(|moment| (hours(moment), words(moment))).collect())
    }
}

/// A count as the numbers of pictures are.
fn number(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

fn hours(duration: Duration) -> f64 {
    duration.as_secs_f64() / 3600.0
}

#[cfg(test)]
mod tests {
    use sagemaker_scale_to_zero::simulate::{Fate, Outcome, Request};

    use super::*;

    #[test]
    fn ticks_are_round_and_few() {
        let words = |end| Axis::of_counts(end).ticks.into_iter().map(|(_, words)| words).collect::<Vec<_>>();
        assert_eq!(words(1.3), ["0", "1"]);
        assert_eq!(words(5.3), ["0", "1", "2", "3", "4", "5"]);
        assert_eq!(words(108.0), ["0", "20", "40", "60", "80", "100"]);
    }

    #[test]
    fn a_picture_has_a_column_for_each_run_and_shows_what_was_never_taken() {
        let standing = |since, wanted| Standing {
            since: HOUR * since,
            waiting: 1,
            in_flight: 0,
            running: 0,
            wanted,
            min_capacity: 0,
        };
        let fates = vec![Fate::Served { started: 2 * HOUR }, Fate::Expired { at: 7 * HOUR }];
        let requests = [Request { arrives: HOUR, work: HOUR }; 2];
        let run = Run {
            outcome: Outcome { requests: &requests, fates, wakes: 1, until: 24 * HOUR },
            standings: vec![standing(0, 0), standing(1, 3), standing(5, 0)],
        };
        let title = "a day".to_owned();
        let runs = [("alone", &run), ("ours", &run)];
        let picture = Picture { title, runs: &runs, start: Timestamp::UNIX_EPOCH, span: DAY };
        let path = std::env::temp_dir().join(format!("simulate-{}.svg", std::process::id()));
        picture.write(&path).unwrap();
        let svg = std::fs::read_to_string(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        for words in ["a day", "alone", "ours", "requests", "instances", "06:00", "15 min", "still waiting"] {
            assert!(svg.contains(words), "{words} isn't in it");
        }
        assert_eq!(svg.matches("<circle").count(), 4, "two requests in each column");
        assert_eq!(svg.matches("fill=\"#D55E00\"").count(), 3, "one in each column, and the legend");
    }
}
