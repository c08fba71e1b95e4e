//! The report: one HTML page that opens offline, and its figures as files.
//!
//! Everything on the page is in its file: style, script, pictures and numbers. Pictures are SVG and
//! readable without the script, which sorts tables and draws the accuracy matrices of any cell when
//! they are opened. Streams beyond the first few are compressed until they are opened
//! ([`packed`]), so that the page of ten thousand cells is small enough to send.

mod cells;
mod glance;
mod made;
mod packed;
mod view;

use super::ReportError;
use super::figures::{Context, Figure, Styles, figures};
use super::leaderboard::Leaderboard;
use super::standing::Scope;
use super::table;
use crate::metric::{Choice, MetricSet, evaluate};
use crate::published::Published;
use crate::results::CellRecord;
use minijinja::value::{Serde, Value};
use minijinja::{Environment, context};
use packed::Part;
use serde::Serialize;

/// What the beginning of every page contains.
pub const PAGE_MARK: &str = "<meta name=\"generator\" content=\"clbench ";

/// A page, and what it is made from.
#[derive(Debug)]
pub struct Page<'a> {
    records: &'a [CellRecord],
    values: Vec<Vec<Option<f64>>>,
    board: Leaderboard,
    styles: Styles,
    description: Option<String>,
}

/// What the template of the page reads.
#[derive(Serialize)]
struct Content<'a> {
    title: String,
    description: Option<&'a str>,
    facts: Vec<String>,
    overall: Vec<Part>,
    streams: Vec<Part>,
    made: made::Made,
    version: &'static str,
    style: &'static str,
    script: &'static str,
    ramp: [&'static str; 9],
}

/// A figure of a page as files: the picture and its numbers, with the same name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FigureFiles {
    /// The name of both files, without the ending.
    pub name: String,
    /// The picture, a file of SVG.
    pub svg: String,
    /// The numbers, as CSV.
    pub csv: String,
}

impl<'a> Page<'a> {
    /// The page about these records. Published figures with the same protocol stand beside them.
    /// `description` is what the scenario says that it is for.
    ///
    /// # Errors
    ///
    /// If a metric cannot be computed, a chosen metric is unknown, or records contradict each
    /// other.
    pub fn of(
        records: &'a [CellRecord],
        metrics: &dyn MetricSet,
        choice: &Choice,
        published: &Published,
        description: Option<String>,
    ) -> Result<Page<'a>, ReportError> {
        let values = evaluate(records, metrics)?;
        let infos = metrics.infos();
        let board = Leaderboard::of_values(records, infos, &values, choice, None)?;
        let mut board = board.beside(published, records, false);
        for section in &mut board.sections {
            section.published.retain(|figure| figure.mark.is_same());
        }
        Ok(Page {
            records,
            values,
            styles: Styles::of(&board),
            board,
            description,
        })
    }

    /// Its HTML.
    pub fn html(&self) -> String {
        let mut environment = Environment::new();
        environment
            .add_template("page.html", include_str!("page/page.html"))
            .and_then(|()| {
                environment.add_template("section.html", include_str!("page/section.html"))
            })
            .expect("the templates are part of the program");
        let section = |(number, context): (usize, Context<'_>)| {
            let section = view::Section::of(&context, number);
            let template = environment
                .get_template("section.html")
                .expect("added above");
            let view = Value::from(Serde(&section));
            let body = template
                .render(context! { section => view })
                .expect("it is tested");
            (section, body)
        };
        let is_overall =
            |context: &Context<'_>| matches!(context.section.scope, Scope::Overall { .. });
        let (overall, streams): (Vec<_>, Vec<_>) = self.contexts().partition(is_overall);
        let sections = (1..).zip(overall.into_iter().chain(streams)).map(section);
        let (overall, streams): (Vec<_>, Vec<_>) =
            sections.partition(|(section, _)| section.is_overall);
        let content = Content {
            title: self.title(),
            description: self.description.as_deref(),
            facts: self.facts(),
            overall: overall.into_iter().map(Part::whole).collect(),
            streams: packed::within_budget(streams),
            made: made::Made::of(self.records, &self.board),
            version: env!("CARGO_PKG_VERSION"),
            style: include_str!("page/style.css"),
            script: include_str!("page/script.js"),
            ramp: super::plot::palette::RAMP,
        };
        let template = environment.get_template("page.html").expect("added above");
        let page = template.render(Value::from(Serde(&content)));
        page.expect("it is tested")
    }

    /// Every figure as files.
    pub fn figures(&self) -> Vec<FigureFiles> {
        let mut files = Vec::new();
        for (context, stem) in self.contexts().zip(self.stems()) {
            for figure in figures(&context) {
                let Figure {
                    name,
                    title,
                    svg,
                    csv,
                    ..
                } = figure;
                files.push(FigureFiles {
                    name: slug(&format!("{stem}.{name}")),
                    svg: svg.file(&format!("{stem}: {title}")),
                    csv,
                });
            }
        }
        files
    }

    /// The sections that are shown.
    fn contexts(&self) -> impl Iterator<Item = Context<'_>> {
        let sections = self.board.sections.iter();
        let sections = sections.filter(|section| !table::repeats(section));
        sections.map(|section| {
            let Page {
                board,
                records,
                values,
                styles,
                ..
            } = self;
            Context::of(board, section, records, values, styles)
        })
    }

    /// The beginning of the names of each section's files: different for each.
    fn stems(&self) -> Vec<String> {
        let mut stems: Vec<String> = Vec::new();
        for context in self.contexts() {
            let name = context.section.scope.name();
            let taken = |stem: &str| stems.iter().any(|other| slug(other) == slug(stem));
            let numbered = (2..).map(|number| format!("{name}-{number}"));
            let mut candidates = std::iter::once(name.to_owned()).chain(numbered);
            let free = candidates.find(|stem| !taken(stem));
            stems.push(free.expect("there is always another number"));
        }
        stems
    }

    fn title(&self) -> String {
        let mut names: Vec<&str> = Vec::new();
        for record in self.records {
            if !names.contains(&record.cell.scenario.as_str()) {
                names.push(&record.cell.scenario);
            }
        }
        names.join(", ")
    }

    /// What was compared, in numbers.
    fn facts(&self) -> Vec<String> {
        fn counted(n: usize, what: &str) -> String {
            let plural = if n == 1 { "" } else { "s" };
            match what.strip_suffix('y').filter(|_| n != 1) {
                Some(stem) => format!("{n} {stem}ies"),
                None => format!("{n} {what}{plural}"),
            }
        }
        let distinct = |of: fn(&CellRecord) -> String| {
            let all: std::collections::BTreeSet<String> = self.records.iter().map(of).collect();
            all.len()
        };
        vec![
            counted(distinct(|r| r.cell.strategy.row.clone()), "strategy"),
            counted(distinct(|r| r.cell.stream.name.clone()), "stream"),
            counted(distinct(|r| r.cell.seed.to_string()), "seed"),
            counted(self.records.len(), "cell"),
        ]
    }
}

/// A name in a form that every file system takes.
fn slug(name: &str) -> String {
    let mut slug = String::new();
    for character in name.chars() {
        if character.is_ascii_alphanumeric() || matches!(character, '.' | '_' | '+') {
            slug.push(character);
        } else if !slug.ends_with('-') {
            slug.push('-');
        }
    }
    slug.trim_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::fixture::metrics;
    use crate::published::fixture;
    use crate::results::fixture::record;
    use crate::results::{AccuracyMatrices, AfterTask, ClassCounts};
    use harness_abi::Matrix;

    const TASKS: usize = 10;

    /// A cell of ten tasks of two classes each, with accuracies that differ from cell to cell.
    fn cell(stream: &str, strategy: &str, seed: u64) -> CellRecord {
        let mut record = record(stream, strategy, seed, [50, 50]);
        let mut state = blake3::hash(format!("{stream} {strategy} {seed}").as_bytes());
        let mut correct = || {
            state = blake3::hash(state.as_bytes());
            u64::from(state.as_bytes()[0]) % 101
        };
        record.stream.task_sizes = vec![2; TASKS];
        record.stream.classes = (0..2 * TASKS)
            .map(|class| format!("class {class}"))
            .collect();
        let mut matrices = AccuracyMatrices::new(vec![100; TASKS]);
        for after in matrices.rows() {
            for on in matrices.tasks() {
                for candidates in Matrix::EACH {
                    let seen = candidates != Matrix::Seen || after.has_seen(on);
                    matrices.set(candidates, after, on, seen.then(&mut correct));
                }
            }
        }
        let last = AfterTask(TASKS as u32);
        let classes = (0..2 * TASKS).map(|_| Some(correct() / 2)).collect();
        let rows: Vec<Vec<Option<u64>>> = vec![classes; last.index() + 1];
        record.classes = Some(ClassCounts {
            n: vec![50; 2 * TASKS],
            seen: rows.clone(),
            all: rows.clone(),
            task: rows,
        });
        record.matrices = matrices;
        record
    }

    fn html(records: &[CellRecord]) -> String {
        let published = Published::built_in().unwrap();
        let page = Page::of(records, &metrics(), &Choice::default(), &published, None);
        page.unwrap().html()
    }

    #[test]
    fn ten_thousand_records_are_a_page_that_can_be_sent() {
        let mut records = Vec::new();
        for stream in 0..10 {
            for strategy in 0..100 {
                for seed in 0..10 {
                    let (stream, strategy) = (format!("stream {stream}"), format!("s-{strategy}"));
                    records.push(cell(&stream, &strategy, seed));
                }
            }
        }
        let html = html(&records);
        assert!(html.len() < 10_000_000, "{} bytes", html.len());
        assert!(html.contains("data-packed=\"H4sI"));
    }

    #[test]
    fn a_published_figure_is_shown_if_its_protocol_is_the_same() {
        let html = |record: CellRecord| {
            let (records, published) = ([record], fixture::published());
            let page = Page::of(&records, &metrics(), &Choice::default(), &published, None);
            page.unwrap().html()
        };
        let shown = "<td data-label=\"published\" class=\"n\">85.0</td>";
        let mut cell = fixture::cell();
        assert!(html(cell.clone()).contains(shown));
        cell.stream.domains[0].n_train -= 1;
        assert!(!html(cell).contains(shown));
    }

    #[test]
    fn a_page_claims_nothing_about_chance_without_a_test_or_an_interval() {
        // One seed on each of two streams: differences, but no spread within a stream.
        let cells = |seeds: &[u64]| -> Vec<CellRecord> {
            let seeds = seeds.iter().flat_map(|&seed| {
                [("near", "a"), ("near", "b"), ("far", "a"), ("far", "b")]
                    .map(|(stream, row)| cell(stream, row, seed))
            });
            seeds.collect()
        };
        let claims = |html: &str| html.contains("chance") || html.contains("interval of its lead");
        let glance = |html: String| {
            let (_, rest) = html.split_once("<ul class=\"glance\">").unwrap();
            rest.split_once("</ul>").unwrap().0.to_owned()
        };
        assert!(!claims(&glance(html(&cells(&[1])))));
        assert!(claims(&glance(html(&cells(&[1, 2])))));
    }

    #[test]
    fn a_name_is_text_wherever_it_stands() {
        let name = "</script><b>&\"x";
        let records = ["plain", name].map(|row| cell(name, row, 1));
        let html = html(&records);
        assert!(!html.contains("<b>&"), "{html}");
        assert_eq!(
            html.matches("<script").count(),
            html.matches("</script>").count()
        );
    }

    #[test]
    fn files_of_figures_have_different_names() {
        let records: Vec<CellRecord> = ["a b", "a/b", "a-b"]
            .map(|stream| cell(stream, "x", 1))
            .into();
        let published = Published::built_in().unwrap();
        let page = Page::of(&records, &metrics(), &Choice::default(), &published, None).unwrap();
        let figures = page.figures();
        let names: std::collections::BTreeSet<&str> =
            figures.iter().map(|figure| figure.name.as_str()).collect();
        assert_eq!(names.len(), figures.len());
    }
}
