//! `leaderboard.csv`: one row per stream (or `overall`), strategy and metric.

use super::file::{Column, File, Origin, Source, text, value};
use crate::metric::MetricInfo;
use crate::report::leaderboard::Leaderboard;
use crate::report::number::{joined, keeps};
use crate::report::standing::{Entry, Returning, Scope, Score, Section, Standing};
use crate::report::statistics::Summary;
use std::io::{self, Write};

struct Row<'a> {
    section: &'a Section,
    entry: &'a Entry,
    metric: &'a MetricInfo,
    score: &'a Score,
}

impl Row<'_> {
    fn tasks(&self) -> Option<usize> {
        match self.section.scope {
            Scope::Stream { tasks, .. } => Some(tasks),
            Scope::Overall { .. } => None,
        }
    }

    fn returning<T>(&self, part: impl Fn(&Returning) -> T) -> Option<T> {
        match &self.section.scope {
            Scope::Stream { returning, .. } => returning.as_ref().map(part),
            Scope::Overall { .. } => None,
        }
    }

    fn summary<T>(&self, part: impl Fn(&Summary) -> Option<T>) -> Option<T> {
        match self.score {
            Score::Measured { summary, .. } => part(summary),
            Score::Absent(_) => None,
        }
    }

    fn rank(&self) -> Option<u32> {
        match self.entry.standing {
            Standing::Ranked(rank) => Some(rank),
            _ => None,
        }
    }

    /// Why the value or the rank is missing.
    fn note(&self) -> String {
        match (self.score, &self.entry.standing) {
            (Score::Absent(absence), _) => absence.to_string(),
            (_, Standing::Reference) => "joint training, for reference (unranked)".to_owned(),
            (_, Standing::Incomplete(lacking)) => lacking.clone(),
            (_, Standing::Ranked(_) | Standing::Unranked) => String::new(),
        }
    }
}

fn columns<'a>() -> [Column<Row<'a>>; 27] {
    [
        ("label", |row| text(row.entry.own_label.as_ref())),
        ("limit", |row| text(row.section.limit)),
        ("validation", |row| text(row.section.validation)),
        ("tasks", |row| text(row.tasks())),
        ("later_classes", |row| {
            text(row.returning(|classes| classes.later))
        }),
        ("known_classes", |row| {
            text(row.returning(|classes| classes.known))
        }),
        ("regime", |row| row.entry.regime.to_string()),
        ("augmentation", |row| joined(&row.entry.augmentations, "+")),
        ("keeps", |row| keeps(&row.entry.keeps)),
        ("adaptation", |row| text(row.entry.adaptation.as_ref())),
        ("scores_unseen", |row| row.entry.scores_unseen.to_string()),
        ("batch_dependent", |row| {
            row.entry.batch_dependent.to_string()
        }),
        ("trainable_parameters", |row| {
            row.entry.trainable_parameters.to_string()
        }),
        ("provenance", |row| text(row.entry.provenance)),
        ("trials", |row| text(row.entry.trials)),
        ("seeds", |row| joined(&row.entry.seeds, " ")),
        ("metric", |row| row.metric.name.clone()),
        ("unit", |row| row.metric.unit.clone()),
        ("higher_is_better", |row| {
            row.metric.higher_is_better.to_string()
        }),
        ("matrix", |row| text(row.metric.matrix)),
        ("n_seeds", |row| {
            text(row.summary(|summary| Some(summary.n)))
        }),
        ("mean", |row| {
            value(row.summary(|summary| Some(summary.mean)))
        }),
        ("std", |row| value(row.summary(|summary| summary.std))),
        ("ci95_low", |row| {
            value(row.summary(|summary| summary.ci95.map(|(low, _)| low)))
        }),
        ("ci95_high", |row| {
            value(row.summary(|summary| summary.ci95.map(|(_, high)| high)))
        }),
        ("rank", |row| text(row.rank())),
        ("note", |row| row.note()),
    ]
}

pub(super) fn leaderboard(leaderboard: &Leaderboard, out: &mut dyn Write) -> io::Result<()> {
    let mut file = File::new(columns(), out)?;
    for section in &leaderboard.sections {
        for entry in &section.entries {
            let origin = Origin::new(&Source {
                identity: &entry.identity,
                stream: section.scope.name(),
                domain: &section.scope.domain_names(),
            });
            for (metric, score) in leaderboard.metrics.iter().zip(&entry.scores) {
                let row = Row {
                    section,
                    entry,
                    metric,
                    score,
                };
                file.row(&origin, &row)?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::leaderboard;
    use super::super::tests::{board, cells, columns, own_columns};
    use expect_test::expect;

    #[test]
    fn it_summarises_seeds_and_explains_empty_fields() {
        let csv = leaderboard(&board(&cells()));
        expect!["label,limit,validation,tasks,later_classes,known_classes,regime,augmentation,keeps,adaptation,scores_unseen,batch_dependent,trainable_parameters,provenance,trials,seeds,metric,unit,higher_is_better,matrix,n_seeds,mean,std,ci95_low,ci95_high,rank,note"]
            .assert_eq(&own_columns(&csv));
        let shown = [
            "domain",
            "strategy",
            "regime",
            "keeps",
            "seeds",
            "metric",
            "n_seeds",
            "mean",
            "std",
            "ci95_low",
            "ci95_high",
            "rank",
            "note",
        ];
        expect![[r#"
            digits,head,sequential,nothing,1 2,faa,2,72.500000,3.535534,40.734488,104.265512,2,
            digits,head,sequential,nothing,1 2,ci-transfer,2,30.000000,0.000000,30.000000,30.000000,2,
            digits,head,sequential,nothing,1 2,forgetting-seen,2,40.000000,7.071068,-23.531024,103.531024,2,
            digits,ncm,sequential,statistics,1 2,faa,2,81.000000,1.414214,68.293795,93.706205,1,
            digits,ncm,sequential,statistics,1 2,ci-transfer,,,,,,1,cannot score unseen classes
            digits,ncm,sequential,statistics,1 2,forgetting-seen,2,13.000000,2.828427,-12.412409,38.412409,1,
            digits,joint,joint,images,1 2,faa,2,96.500000,0.000000,96.500000,96.500000,,joint training, for reference (unranked)
            digits,joint,joint,images,1 2,ci-transfer,,,,,,,not defined for a joint run
            digits,joint,joint,images,1 2,forgetting-seen,,,,,,,not defined for a joint run
            overall,head,sequential,nothing,1 2,faa,2,72.500000,3.535534,40.734488,104.265512,2,
            overall,head,sequential,nothing,1 2,ci-transfer,2,30.000000,0.000000,30.000000,30.000000,2,
            overall,head,sequential,nothing,1 2,forgetting-seen,2,40.000000,7.071068,-23.531024,103.531024,2,
            overall,ncm,sequential,statistics,1 2,faa,2,81.000000,1.414214,68.293795,93.706205,1,
            overall,ncm,sequential,statistics,1 2,ci-transfer,,,,,,1,cannot score unseen classes
            overall,ncm,sequential,statistics,1 2,forgetting-seen,2,13.000000,2.828427,-12.412409,38.412409,1,
            overall,joint,joint,images,1 2,faa,2,96.500000,0.000000,96.500000,96.500000,,joint training, for reference (unranked)
            overall,joint,joint,images,1 2,ci-transfer,,,,,,,not defined for a joint run
            overall,joint,joint,images,1 2,forgetting-seen,,,,,,,not defined for a joint run
        "#]].assert_eq(&columns(&csv, &shown));
    }

    #[test]
    fn a_row_has_an_identity_even_if_its_cells_differ() {
        let csv = leaderboard(&board(&cells()[..2]));
        let shown = [
            "domain",
            "split_hash",
            "class_order_digest",
            "backbone_fingerprint",
            "plugin_hash",
        ];
        let first_of_each = |prefix: &str| {
            columns(&csv, &shown)
                .lines()
                .find(|line| line.starts_with(prefix))
                .unwrap()
                .to_owned()
        };
        expect!["digits,digits-split,combined:fb7d0e6242b1,weights,heads-file"]
            .assert_eq(&first_of_each("digits"));
        expect!["overall,digits-split,combined:fb7d0e6242b1,weights,heads-file"]
            .assert_eq(&first_of_each("overall"));
    }
}
