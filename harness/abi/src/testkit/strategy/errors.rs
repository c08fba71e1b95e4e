//! Failures must be errors that say what is wrong. The guard also turns a panic into an error, but
//! one that does not help a user, and the strategy cannot be used afterwards. So the testkit lends
//! samples that cannot be read, samples without columns, and the wrong number of backbones.

use super::learns::{Reference, candidates};
use super::subject::Subject;
use crate::error::{Error, ErrorCode, Result};
use crate::foreign::SampleSource;
use crate::tensor::Tensor;
use crate::testkit::report::{Check, Report};
use crate::testkit::stream::Samples;
use std::cell::Cell;

const REASON: &str = "the testkit's samples cannot be read";

pub(super) fn check(
    subject: &Subject,
    reference: &Reference<'_>,
    report: &mut Report,
) -> Result<()> {
    unreadable(subject, reference, report)?;
    empty(subject, reference, report)?;
    backbones(subject, report);
    Ok(())
}

/// If the source fails, the call must fail with the source's reason.
fn unreadable(subject: &Subject, reference: &Reference<'_>, report: &mut Report) -> Result<()> {
    let mut outcome = |call: &str, source: &Unreadable, result: Result<()>| match result {
        Ok(()) if source.0.get() => report.fail(
            Check::Errors,
            format!("`{call}` succeeded although its samples could not be read; pass the error on"),
        ),
        Err(error) if error.code() == ErrorCode::PANIC => report.fail(
            Check::Errors,
            format!("samples that cannot be read make `{call}` panic; pass the error on: {error}"),
        ),
        Err(error) if source.0.get() && !error.message().contains(REASON) => report.fail(
            Check::Errors,
            format!("`{call}` hides why its samples could not be read; its error is: {error}"),
        ),
        _ => {}
    };
    let source = Unreadable::default();
    let mut live = subject.create()?;
    let result = live.learn_from(0, &subject.stream.train(0), &source);
    outcome("learn", &source, result.map(drop));

    let source = Unreadable::default();
    let mut live = subject.create()?;
    live.learn(0)?;
    let classes = candidates(subject, &reference.declaration, 1);
    let result = live.predict_from(4, &source, classes);
    outcome("predict", &source, result.map(drop));
    Ok(())
}

/// No host lends samples of width 0, but they must not make a plugin panic.
fn empty(subject: &Subject, reference: &Reference<'_>, report: &mut Report) -> Result<()> {
    let mut outcome = |call: &str, result: Result<()>| {
        if let Err(error) = result
            && error.code() == ErrorCode::PANIC
        {
            report.fail(
                Check::Errors,
                format!(
                    "features and images of width 0 make `{call}` panic; check them with `expect_shape`: {error}"
                ),
            );
        }
    };
    let train = subject.stream.train(0);
    let result = subject.create()?.learn_from(0, &train, &Empty(&train));
    outcome("learn", result.map(drop));

    let mut live = subject.create()?;
    live.learn(0)?;
    let test = subject.stream.test().rows(&[0, 1, 2, 3]);
    let classes = candidates(subject, &reference.declaration, 1);
    let result = live.predict_from(test.len(), &Empty(&test), classes);
    outcome("predict", result.map(drop));
    Ok(())
}

/// A scenario may give a strategy too few or too many backbones. `check` must report this, before
/// anything is created.
fn backbones(subject: &Subject, report: &mut Report) {
    let given = subject.stream.backbones();
    let one_more = [given, &given[..1]].concat();
    for backbones in [&[][..], &one_more] {
        let result = subject.check_with(&subject.parameters, backbones);
        let (call, result) = match result {
            Ok(_) => {
                let created = subject.create_with(subject.seed, backbones);
                ("create", created.map(drop))
            }
            Err(error) => ("check", Err(error)),
        };
        let n = backbones.len();
        match result {
            Err(error) if error.code() == ErrorCode::PANIC => report.fail(
                Check::Errors,
                format!("{n} backbones make `{call}` panic; use `Outline::backbone`: {error}"),
            ),
            Err(error) if call == "create" => report.fail(
                Check::Errors,
                format!("`check` accepts {n} backbones, but `create` does not: {error}"),
            ),
            _ => {}
        }
    }
}

/// Fails every read, and remembers whether there was one.
#[derive(Default)]
struct Unreadable(Cell<bool>);

impl Unreadable {
    fn refuse(&self) -> Result<Tensor> {
        self.0.set(true);
        Err(Error::data(REASON))
    }
}

impl SampleSource for Unreadable {
    fn features(&self, _: usize, _: &[u32]) -> Result<Tensor> {
        self.refuse()
    }

    fn output(&self, _: usize, _: &str, _: &[u32]) -> Result<Tensor> {
        self.refuse()
    }

    fn images(&self, _: usize, _: &[u32]) -> Result<Tensor> {
        self.refuse()
    }

    fn augmented_images(&self, _: usize, _: &[u32], _: u64) -> Result<Tensor> {
        self.refuse()
    }
}

/// The right number of samples, but without columns.
struct Empty<'s>(&'s Samples<'s>);

impl SampleSource for Empty<'_> {
    fn features(&self, backbone: usize, rows: &[u32]) -> Result<Tensor> {
        self.0.features(backbone, rows)?;
        Tensor::from_vec(Vec::<f32>::new(), &[rows.len() as i64, 0])
    }

    fn output(&self, backbone: usize, output: &str, rows: &[u32]) -> Result<Tensor> {
        self.0.output(backbone, output, rows)?;
        Tensor::from_vec(Vec::<f32>::new(), &[rows.len() as i64, 0])
    }

    fn images(&self, backbone: usize, rows: &[u32]) -> Result<Tensor> {
        self.0.images(backbone, rows)?;
        Tensor::from_vec(Vec::<u8>::new(), &[rows.len() as i64, 3, 0, 0])
    }

    fn augmented_images(&self, backbone: usize, rows: &[u32], _: u64) -> Result<Tensor> {
        self.images(backbone, rows)
    }
}
