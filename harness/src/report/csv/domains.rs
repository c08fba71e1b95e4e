//! `domains.csv`: one row per stream, strategy, domain, candidates and measure.

use super::file::{Column, File, Origin, Source, text, value};
use crate::report::domain_scores::DomainScore;
use crate::report::leaderboard::Leaderboard;
use crate::report::number::joined;
use crate::report::standing::{Entry, Scope, Section};
use crate::report::statistics::Summary;
use std::io::{self, Write};

struct Row<'a> {
    section: &'a Section,
    entry: &'a Entry,
    score: &'a DomainScore,
}

impl Row<'_> {
    fn summary<T>(&self, part: impl Fn(&Summary) -> Option<T>) -> Option<T> {
        self.score.summary.as_ref().and_then(part)
    }
}

fn columns<'a>() -> [Column<Row<'a>>; 8] {
    [
        ("limit", |row| text(row.section.limit)),
        ("validation", |row| text(row.section.validation)),
        ("seeds", |row| joined(&row.entry.seeds, " ")),
        ("matrix", |row| row.score.candidates.to_string()),
        ("measure", |row| row.score.measure.to_string()),
        ("n_seeds", |row| {
            text(row.summary(|summary| Some(summary.n)))
        }),
        ("mean", |row| {
            value(row.summary(|summary| Some(summary.mean)))
        }),
        ("std", |row| value(row.summary(|summary| summary.std))),
    ]
}

pub(super) fn domains(leaderboard: &Leaderboard, out: &mut dyn Write) -> io::Result<()> {
    let mut file = File::new(columns(), out)?;
    for section in &leaderboard.sections {
        let Scope::Stream { domains, .. } = &section.scope else {
            continue;
        };
        for entry in &section.entries {
            let origin = |domain: &String| {
                Origin::new(&Source {
                    identity: &entry.identity,
                    stream: section.scope.name(),
                    domain,
                })
            };
            let origins: Vec<Origin> = domains.iter().map(origin).collect();
            for score in &entry.domain_scores {
                let row = Row {
                    section,
                    entry,
                    score,
                };
                file.row(&origins[score.domain], &row)?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::domains;
    use super::super::tests::{board, columns, own_columns};
    use crate::results::fixture::record;
    use expect_test::expect;

    #[test]
    fn every_domain_has_its_transfer_average_and_last() {
        let records = [1, 2].map(|seed| record("digits", "head", seed, [50, 90]));
        let csv = domains(&board(&records));
        expect!["limit,validation,seeds,matrix,measure,n_seeds,mean,std"]
            .assert_eq(&own_columns(&csv));
        let shown = [
            "stream", "domain", "strategy", "matrix", "measure", "mean", "std",
        ];
        expect![[r#"
            digits,digits,head,task,transfer,60.000000,0.000000
            digits,digits,head,task,average,89.250000,0.000000
            digits,digits,head,task,last,99.000000,0.000000
            digits,digits,head,all,transfer,30.000000,0.000000
            digits,digits,head,all,average,66.250000,0.000000
            digits,digits,head,all,last,70.000000,0.000000
        "#]]
        .assert_eq(&columns(&csv, &shown));
    }
}
