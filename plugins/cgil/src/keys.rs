//! Text keys: the unit-length text features of class prompts, with which images are compared. No
//! gradient.

use crate::prompts::ClassPrompts;
use clbench_torch::During;
use clbench_torch::prompting::PromptedTexts;
use clbench_torch::prompting::class_texts::TEXTS_AT_ONCE;
use clbench_torch::prompting::cosine::unit_rows;
use clbench_torch::tch::{TchError, Tensor};
use clbench_torch::training::GradientMode;
use harness_abi::{BackboneHandle, Place, Result};

/// How many rows of text to encode at once if every image has its own rows; limits memory use.
pub(crate) const ROWS_AT_ONCE: i64 = 1024;

/// Rows of text with a context in front of the class name.
pub(crate) fn rows(
    backbone: &BackboneHandle,
    names: &[String],
    row_text: Vec<i64>,
    options: &[u8],
) -> Result<PromptedTexts> {
    PromptedTexts::new(backbone, names.to_vec(), row_text, Place::Front, options)
}

/// The text keys of the classes called `names`, `[classes, embedding width]`, given their zero-shot
/// text features; not for image-conditioned prompts.
///
/// # Errors
///
/// Propagates errors from the backbone, such as a name that does not fit beside the context.
pub fn text_keys(
    backbone: &BackboneHandle,
    prompts: &ClassPrompts,
    names: &[String],
    zero_shot: &Tensor,
    options: &[u8],
) -> Result<Tensor> {
    let _mode = GradientMode::off();
    let contexts = prompts
        .contexts(zero_shot)
        .during("computing the contexts of classes")?;
    let mut keys = Vec::new();
    for (at, names) in names.chunks(TEXTS_AT_ONCE).enumerate() {
        let classes = names.len() as i64;
        let contexts = contexts.f_narrow(0, (at * TEXTS_AT_ONCE) as i64, classes);
        let contexts = contexts.during("computing the contexts of classes")?;
        let texts = rows(backbone, names, (0..classes).collect(), options)?;
        keys.push(unit_rows(&texts.embeddings(&contexts)?).during("computing text keys")?);
    }
    Tensor::f_cat(&keys, 0).during("computing text keys")
}

/// The text keys of classes for each image, `[images, classes, embedding width]`, from
/// image-conditioned prompts.
///
/// # Errors
///
/// As for [`text_keys`].
pub fn image_keys(
    backbone: &BackboneHandle,
    prompts: &ClassPrompts,
    names: &[String],
    images: &Tensor,
    options: &[u8],
) -> Result<Tensor> {
    let _mode = GradientMode::off();
    let tokens = prompts.image_contexts(images)?;
    let (count, classes) = (images.size()[0], names.len() as i64);
    let mut keys = Vec::new();
    for (start, length) in chunks(count, classes) {
        let tokens = tokens
            .f_narrow(0, start, length)
            .during("computing the images' tokens")?;
        let texts = rows(backbone, names, row_text(length, 0..classes), options)?;
        let contexts = for_each_class(&tokens, classes).during("computing the images' tokens")?;
        let embeddings = texts.embeddings(&contexts)?;
        let unit = unit_rows(&embeddings).and_then(|keys| keys.f_reshape([length, classes, -1]));
        keys.push(unit.during("computing text keys")?);
    }
    Tensor::f_cat(&keys, 0).during("computing text keys")
}

/// Splits images into chunks whose rows, one per class and image, are encoded at once: start and
/// length of each.
pub(crate) fn chunks(images: i64, classes: i64) -> Vec<(i64, i64)> {
    let length = (ROWS_AT_ONCE / classes.max(1)).max(1);
    (0..images)
        .step_by(length as usize)
        .map(|start| (start, length.min(images - start)))
        .collect()
}

/// The text of each row: all classes, for each image.
pub(crate) fn row_text(images: i64, classes: std::ops::Range<i64>) -> Vec<i64> {
    (0..images).flat_map(|_| classes.clone()).collect()
}

/// Repeats each image's context for each class: `[images, n, width]` to
/// `[images · classes, n, width]`.
pub(crate) fn for_each_class(contexts: &Tensor, classes: i64) -> Result<Tensor, TchError> {
    let (images, n, width) = contexts.size3()?;
    contexts
        .f_unsqueeze(1)?
        .f_expand([images, classes, n, width], false)?
        .f_reshape([images * classes, n, width])
}
