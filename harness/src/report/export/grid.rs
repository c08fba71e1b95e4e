//! Columns of text, laid out for a terminal.
//!
//! Two blanks are between columns, and a line is below the headings. A column of text may be
//! wrapped between words or after a hyphen, but never inside a word; a column of numbers never is.

use textwrap::core::display_width;
use textwrap::{Options, WordSplitter};

const GAP: usize = 2;

/// A column.
#[derive(Debug, Clone)]
pub(super) struct Column {
    /// Its heading, aligned with those of other columns at the last line.
    pub(super) heading: Vec<String>,
    pub(super) right: bool,
    /// Whether it may be wrapped.
    pub(super) wraps: bool,
    /// One cell for each row.
    pub(super) cells: Vec<String>,
}

/// Columns of equally many cells.
pub(super) struct Grid {
    columns: Vec<Column>,
}

impl Column {
    /// The width of its widest line.
    pub(super) fn width(&self) -> usize {
        let lines = self.heading.iter().chain(&self.cells);
        lines.map(|line| display_width(line)).max().unwrap_or(0)
    }

    /// The width that it cannot go below.
    fn least(&self) -> usize {
        match self.wraps {
            false => self.width(),
            true => {
                let lines = self.heading.iter().chain(&self.cells);
                let words = lines.flat_map(|line| wrapped(line, 1));
                words.map(|word| display_width(&word)).max().unwrap_or(0)
            }
        }
    }

    /// The same, wrapped to a width.
    fn fitted(mut self, width: usize) -> Vec<Vec<String>> {
        match self.wraps && self.width() > width {
            true => self.cells.iter().map(|cell| wrapped(cell, width)).collect(),
            false => self.cells.drain(..).map(|cell| vec![cell]).collect(),
        }
    }
}

impl Grid {
    pub(super) fn new(columns: Vec<Column>) -> Self {
        Self { columns }
    }

    /// The lines of the grid: headings, a rule, the rows. There is another rule before row
    /// `rule`, if that is given. It is no wider than `width` if its words allow that.
    pub(super) fn lines(self, width: usize, rule: Option<usize>) -> Vec<String> {
        let widths = fitted(&self.columns, width);
        let heights = self.columns.iter().map(|column| column.heading.len());
        let height = heights.max().unwrap_or(0);
        let line = |cells: &mut dyn Iterator<Item = (&Column, &str)>| {
            let cells = cells.zip(&widths).map(|((column, cell), width)| {
                let blanks = " ".repeat(width.saturating_sub(display_width(cell)));
                match column.right {
                    true => format!("{blanks}{cell}"),
                    false => format!("{cell}{blanks}"),
                }
            });
            let cells: Vec<String> = cells.collect();
            cells.join(&" ".repeat(GAP)).trim_end().to_owned()
        };
        let mut lines: Vec<String> = Vec::new();
        for index in 0..height {
            lines.push(line(&mut self.columns.iter().map(|column| {
                let above = height - column.heading.len();
                let own = index.checked_sub(above);
                let text = own.and_then(|own| column.heading.get(own));
                (column, text.map_or("", String::as_str))
            })));
        }
        let total = widths.iter().sum::<usize>() + GAP * widths.len().saturating_sub(1);
        // One more than the numbers, if there is room.
        let bar = "─".repeat((total + 1).min(width.max(total)));
        lines.push(bar.clone());
        let cells: Vec<Vec<Vec<String>>> = self
            .columns
            .iter()
            .zip(&widths)
            .map(|(column, &width)| column.clone().fitted(width))
            .collect();
        let rows = cells.first().map_or(0, Vec::len);
        for row in 0..rows {
            if rule == Some(row) {
                lines.push(bar.clone());
            }
            let height = cells.iter().map(|column| column[row].len()).max();
            for part in 0..height.unwrap_or(1) {
                let parts = cells.iter().map(|column| column[row].get(part));
                let parts = parts.map(|part| part.map_or("", String::as_str));
                lines.push(line(&mut self.columns.iter().zip(parts)));
            }
        }
        lines
    }
}

/// How many of these columns fit beside others of a width, gaps included.
pub(super) fn how_many(columns: &[Column], beside: usize, width: usize) -> usize {
    let mut taken = beside;
    let fits = |column: &&Column| {
        taken += GAP + column.width();
        taken <= width
    };
    columns.iter().take_while(fits).count()
}

/// The width of columns side by side, gaps included.
pub(super) fn total(columns: &[Column]) -> usize {
    let widths = columns.iter().map(Column::width).sum::<usize>();
    widths + GAP * columns.len().saturating_sub(1)
}

/// The widths of columns that share `width`: the widest that may be wrapped give way first.
fn fitted(columns: &[Column], width: usize) -> Vec<usize> {
    let mut widths: Vec<usize> = columns.iter().map(Column::width).collect();
    let least: Vec<usize> = columns.iter().map(Column::least).collect();
    let gaps = GAP * columns.len().saturating_sub(1);
    while widths.iter().sum::<usize>() + gaps > width {
        let can = (0..columns.len()).filter(|&index| widths[index] > least[index]);
        let Some(widest) = can.max_by_key(|&index| (widths[index], index)) else {
            break;
        };
        widths[widest] -= 1;
    }
    widths
}

/// A text in lines of this width, wherever its words allow that.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let options = Options::new(width)
        .break_words(false)
        .word_splitter(WordSplitter::HyphenSplitter);
    let lines = textwrap::wrap(text, options);
    lines.into_iter().map(|line| line.into_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    fn column(heading: &str, wraps: bool, cells: [&str; 2]) -> Column {
        Column {
            heading: vec![heading.into()],
            right: !wraps,
            wraps,
            cells: cells.map(String::from).to_vec(),
        }
    }

    #[test]
    fn only_text_gives_way_and_only_between_words() {
        let grid = |width| {
            let columns = vec![
                column("strategy", true, ["nearest-mean-of-exemplars [1]", "東京"]),
                column("faa", false, ["80.75 ± 0.35", "– [1]"]),
            ];
            Grid::new(columns).lines(width, Some(1)).join("\n") + "\n"
        };
        expect![[r#"
            strategy                                faa
            ───────────────────────────────────────────
            nearest-mean-of-exemplars [1]  80.75 ± 0.35
            ───────────────────────────────────────────
            東京                                  – [1]
        "#]]
        .assert_eq(&grid(43));
        expect![[r#"
            strategy                   faa
            ──────────────────────────────
            nearest-mean-of-  80.75 ± 0.35
            exemplars [1]
            ──────────────────────────────
            東京                     – [1]
        "#]]
        .assert_eq(&grid(30));
        // The longest word stays whole.
        expect![[r#"
            strategy            faa
            ───────────────────────
            nearest-   80.75 ± 0.35
            mean-of-
            exemplars
            [1]
            ───────────────────────
            東京              – [1]
        "#]]
        .assert_eq(&grid(3));
    }
}
