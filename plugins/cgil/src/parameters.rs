//! The parameters of `cgil` and `prompt-tuning`.

use clbench_generators::Generator;
use clbench_generators::diffusion::Diffusion;
use clbench_generators::gaussian::Gaussian;
use clbench_generators::mixture::Mixture;
use clbench_generators::vae::{Autoencoders, Posterior, Vae};
use clbench_torch::prompting::class_texts::check_template;
use clbench_torch::tch::Kind;
use harness_abi::parameters::require;
use harness_abi::{Choice, Error, Keeps, ParameterSet, Result};
use serde::Deserialize;

/// The parameters of `cgil`. The defaults are the paper's.
///
/// ```yaml
/// use: cgil
/// parameters:
///   generator: vae            # or gaussian, mixture, diffusion
///   samples_per_class: 256
///   vae: { epochs: 500 }
///   prompt: { context: combined, learned_tokens: 1 }
///   alignment: { epochs: 30, lr: 0.05 }
/// ```
#[derive(Debug, Clone, PartialEq, Deserialize, ParameterSet)]
#[serde(deny_unknown_fields, default)]
pub struct CgilParameters {
    /// The generator that is fitted to the image embeddings of each class.
    #[parameter(default = Kinds::Vae)]
    pub generator: Kinds,
    /// Embeddings drawn per seen class in every epoch of the alignment.
    #[parameter(default = 256, at_least = 1)]
    pub samples_per_class: u32,
    /// Settings of `generator: vae`.
    pub vae: Vae,
    /// Settings of `generator: mixture`.
    pub mixture: Mixture,
    /// Settings of `generator: diffusion`.
    pub diffusion: Diffusion,
    /// The class prompts.
    pub prompt: Prompting,
    /// How the prompts are trained on embeddings drawn from the generators.
    pub alignment: Training,
    /// Whether to follow the paper's formulas or the reference code.
    #[parameter(default = Fidelity::Corrected)]
    pub fidelity: Fidelity,
    /// Element type of the matrix products in the generators' training and the backbone's text
    /// encoder.
    pub precision: Precision,
}

/// The parameters of `prompt-tuning`.
#[derive(Debug, Clone, PartialEq, Deserialize, ParameterSet)]
#[serde(deny_unknown_fields, default)]
pub struct PromptTuningParameters {
    /// The class prompts.
    pub prompt: Prompting,
    /// How the prompts are trained on a task's own embeddings.
    pub training: Training,
    /// Element type of the matrix products in the backbone's text encoder.
    pub precision: Precision,
}

/// The kinds of generators.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Choice)]
#[serde(rename_all = "kebab-case")]
pub enum Kinds {
    /// A variational autoencoder.
    Vae,
    /// A diagonal Gaussian.
    Gaussian,
    /// A mixture of diagonal Gaussians.
    Mixture,
    /// A small denoising diffusion model.
    Diffusion,
}

/// Whether to follow the paper's formulas or the reference code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Choice)]
#[serde(rename_all = "kebab-case")]
pub enum Fidelity {
    /// The paper's formulas.
    Corrected,
    /// What the reference code computes where it departs from them: the posterior's noise is
    /// multiplied by exp(log σ²) instead of σ; unseen classes are scored with text features that
    /// are not normalised, so their logits are multiplied by the features' length; class names keep
    /// their underscores. For `vae` only, and for contexts that do not depend on the image.
    Reference,
}

/// The element type of matrix products.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Choice)]
#[serde(rename_all = "kebab-case")]
pub enum Precision {
    /// 32 bits.
    #[default]
    F32,
    /// bfloat16. Parameters, norms, losses and optimisers stay f32.
    Bf16,
}

impl Precision {
    /// As libtorch names it.
    pub fn kind(self) -> Kind {
        match self {
            Precision::F32 => Kind::Float,
            Precision::Bf16 => Kind::BFloat16,
        }
    }

    /// The backbone's options for the texts of class prompts, which end with a full stop. The
    /// precision is named only if it is not the one that every backbone has.
    pub fn text_options(self) -> &'static [u8] {
        match self {
            Precision::F32 => br#"{"suffix": "."}"#,
            Precision::Bf16 => br#"{"suffix": ".", "precision": "bf16"}"#,
        }
    }
}

/// What a class prompt has between its start token and the class name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Choice)]
#[serde(rename_all = "kebab-case")]
pub enum Context {
    /// Learned tokens of the class, then one token generated from its zero-shot text feature.
    Combined,
    /// Learned tokens of the class.
    PerClass,
    /// Learned tokens that all classes share.
    Shared,
    /// One token generated from the class's zero-shot text feature.
    Generated,
    /// One token generated from the image's embedding, as in CoCoOp (Zhou et al., arXiv
    /// 2203.05557). Each image then has its own text features, so the cost grows with the number of
    /// images in a batch.
    ImageConditioned,
}

impl Context {
    /// Whether tokens are learned directly.
    pub fn learns_tokens(self) -> bool {
        !matches!(self, Context::Generated | Context::ImageConditioned)
    }

    /// Whether a network generates a token.
    pub fn generates_token(self) -> bool {
        !matches!(self, Context::PerClass | Context::Shared)
    }

    fn name(self) -> &'static str {
        match self {
            Context::Combined => "combined",
            Context::PerClass => "per-class",
            Context::Shared => "shared",
            Context::Generated => "generated",
            Context::ImageConditioned => "image-conditioned",
        }
    }
}

/// Whose prompts a task trains.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Choice)]
#[serde(rename_all = "kebab-case")]
pub enum Trains {
    /// The prompts of all classes seen so far.
    Seen,
    /// The prompts of the task's own classes; the others take part but stay fixed. What all prompts
    /// share (a network, shared tokens) is trained through the task's own prompts alone.
    Task,
}

/// The class prompts.
#[derive(Debug, Clone, PartialEq, Deserialize, ParameterSet)]
#[serde(deny_unknown_fields, default)]
pub struct Prompting {
    /// What comes before the class name.
    #[parameter(default = Context::Combined)]
    pub context: Context,
    /// Number of learned tokens, per class or shared: 1 if it is not set and the context has
    /// learned tokens.
    pub learned_tokens: Option<u32>,
    /// Standard deviation of the initial learned tokens, drawn from a normal distribution with mean
    /// 0.
    #[parameter(default = 0.02, at_least = 0)]
    pub init_std: f64,
    /// Whose prompts a task trains.
    #[parameter(default = Trains::Seen)]
    pub train: Trains,
    /// Weight of the orthogonality penalty: the mean of (P Pᵀ − I)² over the entries of that matrix
    /// and over token positions, where the rows of P are the classes' learned tokens at a position.
    #[parameter(default = 0.0, at_least = 0)]
    pub orthogonality: f64,
    /// The text whose feature represents a class before its task, and from which its token is
    /// generated. `{}` is the class name.
    #[parameter(default = "a photo of a {}")]
    pub template: String,
}

/// How prompts are trained.
#[derive(Debug, Clone, PartialEq, Deserialize, ParameterSet)]
#[serde(deny_unknown_fields, default)]
pub struct Training {
    /// The optimiser, made anew for every task.
    #[parameter(default = Optimiser::Adamw)]
    pub optimiser: Optimiser,
    /// η, the learning rate, the same in all epochs.
    #[parameter(default = 0.05, above = 0)]
    pub lr: f64,
    /// λ, the weight decay: decoupled in AdamW, added to the gradient in the others.
    #[parameter(default = 0.0, at_least = 0)]
    pub weight_decay: f64,
    /// Passes over a task's embeddings, or draws of a full set of embeddings.
    #[parameter(default = 30, at_least = 1)]
    pub epochs: u32,
    /// Embeddings per step. The last step of an epoch takes what is left.
    #[parameter(default = 128, at_least = 1)]
    pub batch_size: u32,
}

/// The optimiser of the prompts: β₁ = 0.9, β₂ = 0.999, ε = 1e-8, momentum 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Choice)]
#[serde(rename_all = "kebab-case")]
pub enum Optimiser {
    /// Stochastic gradient descent.
    Sgd,
    /// Adam (arXiv 1412.6980).
    Adam,
    /// Adam with decoupled weight decay (arXiv 1711.05101).
    Adamw,
}

impl CgilParameters {
    /// Checks what ranges cannot: parameters that depend on each other.
    ///
    /// # Errors
    ///
    /// [`Error::parameter`] for a value that does not fit the others.
    pub fn check(&self) -> Result<()> {
        self.prompt.check()?;
        match self.fidelity {
            Fidelity::Corrected => Ok(()),
            Fidelity::Reference => self.check_reference(),
        }
    }

    /// The generator that the parameters ask for.
    pub fn generator(&self) -> Box<dyn Generator> {
        match self.generator {
            Kinds::Vae => Box::new(Autoencoders::new(
                self.vae.clone(),
                match self.fidelity {
                    Fidelity::Corrected => Posterior::StandardDeviation,
                    Fidelity::Reference => Posterior::Exponential,
                },
            )),
            Kinds::Gaussian => Box::new(Gaussian {}),
            Kinds::Mixture => Box::new(self.mixture),
            Kinds::Diffusion => Box::new(self.diffusion),
        }
    }

    /// What the strategy keeps of past data.
    pub fn keeps(&self) -> Keeps {
        match self.generator {
            Kinds::Gaussian => Keeps::Statistics,
            _ => Keeps::Generators,
        }
    }

    fn check_reference(&self) -> Result<()> {
        let refuse = |path: &str, reason: &str| {
            Err(Error::parameter(
                path,
                format!("cannot be used with `fidelity: reference`: {reason}"),
            ))
        };
        match self.generator {
            Kinds::Vae => {}
            Kinds::Gaussian => {
                return refuse(
                    "generator",
                    "only the VAE is reproduced; the reference code's Gaussian equals that of `corrected`",
                );
            }
            Kinds::Mixture => {
                return refuse(
                    "generator",
                    "the reference code's mixture uses one over the standard deviation as the precision",
                );
            }
            Kinds::Diffusion => {
                return refuse(
                    "generator",
                    "the noise of the reference code's diffusion is a product of two normal numbers, and its \
                     iterations count steps instead of epochs",
                );
            }
        }
        if self.vae.epochs < 10 {
            return refuse(
                "vae.epochs",
                "below 10 the reference code fails, because its first restart comes after a tenth of them",
            );
        }
        if self.prompt.context == Context::ImageConditioned {
            return refuse(
                "prompt.context",
                "the reference code trains this context on normalised embeddings, evaluates it on raw \
                 ones, and gives unseen classes no logits",
            );
        }
        if self.prompt.orthogonality > 0.0 {
            return refuse(
                "prompt.orthogonality",
                "the reference code fails with this penalty",
            );
        }
        if self.alignment.weight_decay > 0.0 && self.alignment.optimiser != Optimiser::Adamw {
            return refuse(
                "alignment.weight_decay",
                "the reference code passes it to AdamW only",
            );
        }
        Ok(())
    }
}

impl PromptTuningParameters {
    /// Checks what ranges cannot: parameters that depend on each other.
    ///
    /// # Errors
    ///
    /// [`Error::parameter`] for a value that does not fit the others.
    pub fn check(&self) -> Result<()> {
        self.prompt.check()
    }
}

impl Prompting {
    /// Number of learned tokens, per class or shared; 0 if the context has none.
    pub fn learned(&self) -> u32 {
        match self.context.learns_tokens() {
            true => self.learned_tokens.unwrap_or(1),
            false => 0,
        }
    }

    /// Number of tokens in the context.
    pub fn tokens(&self) -> u32 {
        self.learned() + u32::from(self.context.generates_token())
    }

    fn check(&self) -> Result<()> {
        let context = self.context;
        if let Some(tokens) = self.learned_tokens {
            let path = "prompt.learned_tokens";
            match context.learns_tokens() {
                true => require(path, tokens >= 1, "at least 1", tokens)?,
                false => require(
                    path,
                    tokens == 0,
                    &format!(
                        "0 or left out with `context: {}`, which has no learned tokens",
                        context.name()
                    ),
                    tokens,
                )?,
            }
        }
        if self.orthogonality > 0.0 && !matches!(context, Context::Combined | Context::PerClass) {
            return Err(Error::parameter(
                "prompt.orthogonality",
                format!(
                    "compares the learned tokens of different classes, which `context: {}` does not have; \
                     set it to 0",
                    context.name()
                ),
            ));
        }
        check_template(&self.template, "prompt.template")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cgil(json: &str) -> Result<CgilParameters> {
        let parameters: CgilParameters = harness_abi::parameters::parse(json.as_bytes())?;
        parameters.check().map(|()| parameters)
    }

    #[test]
    fn the_defaults_are_the_papers() {
        let p = cgil("{}").unwrap();
        assert_eq!((p.generator, p.samples_per_class), (Kinds::Vae, 256));
        assert_eq!((p.vae.hidden, p.vae.latent, p.vae.epochs), (512, 256, 500));
        assert_eq!((p.vae.lr, p.vae.batch_size), (2e-4, 64));
        assert_eq!((p.mixture.components, p.mixture.em_steps), (5, 500));
        assert_eq!((p.prompt.learned(), p.prompt.tokens()), (1, 2));
        assert_eq!(p.prompt.train, Trains::Seen);
        assert_eq!(p.prompt.orthogonality, 0.0);
        let a = &p.alignment;
        assert_eq!(
            (a.optimiser, a.lr, a.weight_decay),
            (Optimiser::Adamw, 0.05, 0.0)
        );
        assert_eq!((a.epochs, a.batch_size), (30, 128));
        assert_eq!(
            (p.fidelity, p.precision),
            (Fidelity::Corrected, Precision::F32)
        );
    }

    #[test]
    fn an_invalid_value_is_reported_with_its_key() {
        for (json, expected) in [
            (
                r#"{"alignment": {"epochs": -1}}"#,
                "`alignment.epochs`: invalid value: integer `-1`, expected u32",
            ),
            (
                r#"{"alignment": {"epochs": 0}}"#,
                "`alignment.epochs`: must be at least 1, got 0",
            ),
            (
                r#"{"samples_per_class": 0}"#,
                "`samples_per_class`: must be at least 1, got 0",
            ),
            (
                r#"{"generator": "gan"}"#,
                "`generator`: unknown variant `gan`, expected one of `vae`, `gaussian`, `mixture`, `diffusion`",
            ),
            (
                r#"{"vae": {"latent": 0}}"#,
                "`vae.latent`: must be at least 1, got 0",
            ),
            (
                r#"{"vae": {"batch_size": 1}}"#,
                "`vae.batch_size`: must be at least 2, got 1",
            ),
            (
                r#"{"vae": {"latents": 3}}"#,
                "`vae.latents`: no such parameter; did you mean `latent`?",
            ),
            (
                r#"{"alignment": {"lr": 0}}"#,
                "`alignment.lr`: must be above 0, got 0",
            ),
            (
                r#"{"prompt": {"init_std": -1}}"#,
                "`prompt.init_std`: must be at least 0, got -1",
            ),
            (
                r#"{"prompt": {"learned_tokens": 0}}"#,
                "`prompt.learned_tokens`: must be at least 1, got 0",
            ),
            (
                r#"{"prompt": {"context": "generated", "learned_tokens": 2}}"#,
                "`prompt.learned_tokens`: must be 0 or left out with `context: generated`, which has no learned tokens, got 2",
            ),
            (
                r#"{"prompt": {"context": "shared", "orthogonality": 1}}"#,
                "`prompt.orthogonality`: compares the learned tokens of different classes, which `context: shared` does not \
                 have; set it to 0",
            ),
            (
                r#"{"prompt": {"template": "a photo"}}"#,
                "`prompt.template`: the template `a photo` must contain `{}`, the placeholder for the class \
                 name, exactly once, not 0 times",
            ),
        ] {
            let error = cgil(json).unwrap_err().to_string();
            assert_eq!(error, format!("parameter {expected}"));
        }
    }

    #[test]
    fn reference_is_refused_where_the_reference_code_cannot_be_reproduced() {
        for context in ["combined", "per-class", "shared", "generated"] {
            cgil(&format!(
                r#"{{"fidelity": "reference", "prompt": {{"context": "{context}"}}}}"#
            ))
            .unwrap();
        }
        for (rest, path, reason) in [
            (
                r#""generator": "gaussian""#,
                "generator",
                "only the VAE is reproduced",
            ),
            (
                r#""generator": "mixture""#,
                "generator",
                "one over the standard deviation",
            ),
            (
                r#""generator": "diffusion""#,
                "generator",
                "a product of two normal numbers",
            ),
            (
                r#""vae": {"epochs": 9}"#,
                "vae.epochs",
                "the reference code fails",
            ),
            (
                r#""prompt": {"context": "image-conditioned"}"#,
                "prompt.context",
                "gives unseen classes no logits",
            ),
            (
                r#""prompt": {"orthogonality": 1}"#,
                "prompt.orthogonality",
                "the reference code fails",
            ),
            (
                r#""alignment": {"optimiser": "sgd", "weight_decay": 0.1}"#,
                "alignment.weight_decay",
                "AdamW only",
            ),
        ] {
            cgil(&format!("{{{rest}}}")).unwrap();
            let json = format!(r#"{{"fidelity": "reference", {rest}}}"#);
            let error = cgil(&json).unwrap_err().to_string();
            let beginning =
                format!("parameter `{path}`: cannot be used with `fidelity: reference`: ");
            assert!(
                error.starts_with(&beginning) && error.contains(reason),
                "{error}"
            );
        }
    }
}
