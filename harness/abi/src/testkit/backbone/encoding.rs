//! Embeddings must have the declared shape, be finite, and be the same for the same input, whatever
//! the rest of the batch.

use super::subject::{Subject, read, rows_difference};
use crate::backbone::Inputs;
use crate::error::{Error, Result};
use crate::tensor::Tensor;
use crate::testkit::report::{Check, Report};
use crate::testkit::stream::Images;

const IMAGES: usize = 5;
const TEXTS: [&str; 4] = [
    "a photo of a lantern",
    "granite",
    "a sparrow in an orchard",
    "granite",
];

pub(super) fn check(subject: &Subject<'_>, report: &mut Report) -> Result<()> {
    let images = Images::random(subject.info(), IMAGES, subject.seed);
    inputs(
        subject,
        "images",
        IMAGES,
        |rows| subject.encode_images(images.rows(rows).view()?),
        report,
    )?;
    widths(subject, &images)?;
    if subject.info().text.is_some() {
        inputs(
            subject,
            "texts",
            TEXTS.len(),
            |rows| {
                let texts: Vec<&str> = rows.iter().map(|&row| TEXTS[row]).collect();
                subject.encode_texts(&texts)
            },
            report,
        )?;
    }
    Ok(())
}

/// Checks the outputs with a declared width: strategies size their state by it.
fn widths(subject: &Subject<'_>, images: &Images) -> Result<()> {
    for (name, &width) in &subject.info().output_widths {
        let inputs = Inputs::Images {
            images: images.view()?,
            options: b"",
        };
        let forwarded = subject.forward(&inputs, &[], &[name.as_str()])?;
        let what = format!("the output `{name}`, whose width is in `output_widths`,");
        let shape = [IMAGES as i64, width.into()];
        forwarded.outputs[0].view().expect_shape(&what, &shape)?;
    }
    Ok(())
}

fn inputs(
    subject: &Subject<'_>,
    what: &str,
    n: usize,
    encode: impl Fn(&[usize]) -> Result<Tensor>,
    report: &mut Report,
) -> Result<()> {
    let values = |rows: &[usize]| -> Result<Vec<f64>> {
        let embeddings = encode(rows)?;
        let shape = [rows.len() as i64, subject.info().embedding_width.into()];
        let name = format!("the embeddings of {what}");
        embeddings.view().expect_shape(&name, &shape)?;
        read(&name, &embeddings)
    };
    let all: Vec<usize> = (0..n).collect();
    let first = values(&all)?;
    if let Some(value) = first.iter().find(|value| !value.is_finite()) {
        return Err(Error::failed(format!(
            "an embedding of {what} contains {value}"
        )));
    }
    let bits = |values: &[f64]| values.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
    if bits(&first) != bits(&values(&all)?) {
        report.fail(
            Check::Encoding,
            format!(
                "the same {what} have different embeddings the second time, in at least some bits"
            ),
        );
    }
    let mut alone = Vec::with_capacity(first.len());
    for row in all {
        alone.extend(values(&[row])?);
    }
    if let Some(difference) = rows_difference(&first, &alone, n, subject.same) {
        report.fail(
            Check::Batches,
            format!("the embeddings of {what} together and one by one differ in {difference}"),
        );
    }
    Ok(())
}
