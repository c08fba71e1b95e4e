//! Captions of pictures.

/// Templates of captions, each with one `{}` for the name of what the picture shows. The small CLIP
/// is trained with a random one at every step.
///
/// They have zero to ten words besides the name, so that the name is at many positions and the
/// model learns to find it anywhere: a prompt of learned tokens puts it at yet another position. `a
/// photo of a {}`, a scenario's default template, is one of them. The article stays `a` before a
/// vowel, as is usual for such templates.
pub const TEMPLATES: &[&str] = &[
    "{}",
    "a {}",
    "the {}.",
    "one {}",
    "a photo of a {}",
    "a picture of a {}.",
    "a small drawing of the {}",
    "an image that shows a {}",
    "this is a {}.",
    "there is a {} in the picture",
    "a {} on plain paper",
    "somebody has drawn the {} here, a little turned",
    "in the middle of this small picture you see a {}.",
];

#[cfg(test)]
mod tests {
    use super::TEMPLATES;

    #[test]
    fn every_template_has_one_place_and_at_most_ten_words() {
        let words = TEMPLATES.iter().map(|template| {
            assert_eq!(template.matches("{}").count(), 1, "{template}");
            template.split_whitespace().count() - 1
        });
        let words: Vec<_> = words.collect();
        assert_eq!(
            (words.iter().min(), words.iter().max()),
            (Some(&0), Some(&10))
        );
        assert!(TEMPLATES.contains(&"a photo of a {}"));
    }
}
