//! The networks of all classes, stacked: the classes are the first dimension of every parameter,
//! and every matrix product is batched.
//!
//! Internally, samples are columns, `[classes, features, samples]`, so that batch normalisation
//! finds the values of a feature contiguous in memory. In the input and in the reconstruction,
//! samples are rows.

use super::Posterior;
use super::decoder::Decoder;
use super::layer::{batch_normalised, leaky, product};
use clbench_torch::tch::{Kind, TchError, Tensor};
use std::f64::consts::PI;

/// The sizes of the networks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sizes {
    pub classes: i64,
    /// D.
    pub width: i64,
    pub hidden: i64,
    pub latent: i64,
}

/// The trained parameters, `[classes, …]` each.
///
/// Layers before a batch normalisation have no bias: subtracting the mean would remove it.
#[derive(Debug)]
pub(super) struct Parameters {
    /// `encoder.0`, `.3`, `.6` and `decoder.0`, `.2`: `[classes, out, in]`; `decoder.4`:
    /// `[classes, in, out]`, because its output has samples as rows.
    pub matrices: [Tensor; 6],
    /// Concatenated, `[classes, numbers]`: gain and bias of `encoder.1` and `.4`, the biases of
    /// `encoder.6` and of `decoder.0`, `.2`, `.4`. In one tensor, because an operation on few
    /// numbers costs as much as one on many.
    pub vectors: Tensor,
}

impl Sizes {
    /// Rows and columns of each matrix.
    pub fn matrices(&self) -> [[i64; 2]; 6] {
        let Sizes {
            width,
            hidden,
            latent,
            ..
        } = *self;
        [
            [hidden, width],
            [hidden, hidden],
            [2 * latent, hidden],
            [hidden, latent],
            [hidden, hidden],
            [hidden, width],
        ]
    }

    /// The width of samples, of hidden layers and of the latent space.
    pub fn of_a_class(&self) -> [usize; 3] {
        [self.width, self.hidden, self.latent].map(|size| size as usize)
    }

    /// The number of trained parameters.
    pub fn parameters(&self) -> i64 {
        let matrices: i64 = self
            .matrices()
            .iter()
            .map(|[rows, columns]| rows * columns)
            .sum();
        self.classes * (matrices + self.vectors().iter().sum::<i64>())
    }

    /// The lengths of the vectors.
    pub fn vectors(&self) -> [i64; 8] {
        let Sizes {
            width,
            hidden,
            latent,
            ..
        } = *self;
        [
            hidden,
            hidden,
            hidden,
            hidden,
            2 * latent,
            hidden,
            hidden,
            width,
        ]
    }
}

impl Parameters {
    /// Initialises weights and biases of linear layers uniformly in ±1/√in, PyTorch's default;
    /// gains are 1, their biases 0. `uniform` returns numbers in [0, 1), `[classes, shape…]`.
    pub fn init(
        sizes: Sizes,
        kind: Kind,
        mut uniform: impl FnMut(&[i64]) -> Result<Tensor, TchError>,
    ) -> Result<Parameters, TchError> {
        let Sizes {
            classes,
            width,
            hidden,
            latent,
        } = sizes;
        let mut within = |shape: &[i64], inputs: i64| {
            let bound = 1.0 / (inputs as f64).sqrt();
            uniform(shape)?
                .f_to_kind(kind)?
                .f_mul_scalar(2.0 * bound)?
                .f_sub_scalar(bound)
        };
        let inputs = [width, hidden, hidden, latent, hidden, hidden];
        let mut matrices = Vec::new();
        for (shape, inputs) in sizes.matrices().iter().zip(inputs) {
            matrices.push(within(shape, inputs)?);
        }
        let biases = [
            (2 * latent, hidden),
            (hidden, latent),
            (hidden, hidden),
            (width, hidden),
        ];
        let biases: Vec<Tensor> = biases
            .iter()
            .map(|&(length, inputs)| within(&[length], inputs))
            .collect::<Result<_, _>>()?;
        let options = (kind, matrices[0].device());
        let ones = Tensor::f_ones([classes, hidden], options)?;
        let zeros = Tensor::f_zeros([classes, hidden], options)?;
        let mut vectors = vec![&ones, &zeros, &ones, &zeros];
        vectors.extend(&biases);
        Ok(Parameters {
            vectors: Tensor::f_cat(&vectors, 1)?,
            matrices: matrices.try_into().expect("there are six"),
        })
    }

    /// All parameters, in the order of [`Network::gradients`].
    pub fn all(&self) -> Vec<Tensor> {
        let all = self.matrices.iter().chain([&self.vectors]);
        all.map(Tensor::shallow_clone).collect()
    }
}

impl Posterior {
    /// Samples z from μ, ln σ² and normal noise.
    pub(super) fn drawn(
        self,
        mean: &Tensor,
        log_variance: &Tensor,
        epsilon: &Tensor,
    ) -> Result<Tensor, TchError> {
        let scale = match self {
            Posterior::StandardDeviation => log_variance.f_mul_scalar(0.5)?.f_exp()?,
            Posterior::Exponential => log_variance.f_exp()?,
        };
        mean.f_addcmul(&scale, epsilon)
    }
}

/// The networks of the first classes of a stack, sharing memory with its parameters.
#[derive(Debug)]
pub(super) struct Network {
    classes: i64,
    /// The type of matrix products.
    product: Kind,
    /// Weights, `[classes, out, in]`.
    encoder: [Tensor; 3],
    /// Gain and bias of each batch normalisation, `[classes, features]`.
    normalisations: [[Tensor; 2]; 2],
    /// The bias of the encoder's last layer, `[classes, out]`.
    encoder_bias: Tensor,
    decoder: Decoder,
}

/// The output of a forward pass.
#[derive(Debug)]
pub(super) struct Pass {
    /// μ, `[classes, latent, samples]`.
    pub mean: Tensor,
    /// ln σ², `[classes, latent, samples]`.
    pub log_variance: Tensor,
    /// x̂, `[classes, samples, width]`.
    pub reconstruction: Tensor,
}

/// The terms of the loss, averaged over each class's samples, `[classes]`: the negative evidence
/// lower bound (Kingma and Welling, *Auto-Encoding Variational Bayes*, ICLR 2014).
#[derive(Debug)]
pub(super) struct Loss {
    /// −ln p(x|z) with variance 1: ½ Σ (x − x̂)² + ½ D ln 2π.
    pub reconstruction: Tensor,
    /// The KL divergence of the posterior from N(0, I): ½ Σ (σ² + μ² − 1 − ln σ²).
    pub divergence: Tensor,
}

impl Network {
    /// The network of the first `classes` classes; `product` is the type of matrix products.
    pub fn new(
        parameters: &Parameters,
        classes: i64,
        sizes: Sizes,
        product: Kind,
    ) -> Result<Network, TchError> {
        let leaf = |tensor: &Tensor| {
            let own = tensor.f_narrow(0, 0, classes)?.f_detach()?;
            own.f_set_requires_grad(true)
        };
        let matrices: Vec<Tensor> = parameters
            .matrices
            .iter()
            .map(leaf)
            .collect::<Result<_, _>>()?;
        let vectors = parameters.vectors.f_split_with_sizes(sizes.vectors(), 1)?;
        let vectors: Vec<Tensor> = vectors.iter().map(leaf).collect::<Result<_, _>>()?;
        let [e0, e3, e6, d0, d2, d4] = <[Tensor; 6]>::try_from(matrices).expect("there are six");
        let [g1, b1, g4, b4, c6, c0, c2, c4] =
            <[Tensor; 8]>::try_from(vectors).expect("there are eight");
        Ok(Network {
            classes,
            product,
            encoder: [e0, e3, e6],
            normalisations: [[g1, b1], [g4, b4]],
            encoder_bias: c6,
            decoder: Decoder {
                weights: [d0, d2, d4],
                biases: [c0, c2, c4],
            },
        })
    }

    /// The number of classes.
    pub fn classes(&self) -> i64 {
        self.classes
    }

    /// The decoders of these classes.
    pub fn decoder(&self) -> &Decoder {
        &self.decoder
    }

    /// Encodes samples, `[classes, rows, width]`, and reconstructs them, with the noise `epsilon`,
    /// `[classes, latent, rows]`. For the row weights see [`batch_normalised`].
    pub fn pass(
        &self,
        samples: &Tensor,
        weights: Option<&Tensor>,
        epsilon: &Tensor,
        posterior: Posterior,
    ) -> Result<Pass, TchError> {
        let mut hidden = samples.f_transpose(1, 2)?;
        for (weight, [gain, bias]) in self.encoder.iter().zip(&self.normalisations) {
            let linear = product(weight, &hidden, None, self.product)?;
            let normalised = batch_normalised(&linear, weights, gain, bias)?;
            hidden = leaky(&normalised)?;
        }
        let bias = self.encoder_bias.f_unsqueeze(2)?;
        let both = product(&self.encoder[2], &hidden, Some(&bias), self.product)?;
        let [mean, log_variance] =
            <[Tensor; 2]>::try_from(both.f_chunk(2, 1)?).expect("two chunks");
        let latent = posterior.drawn(&mean, &log_variance, epsilon)?;
        let reconstruction = self.decoder.decoded(&latent, self.product)?;
        Ok(Pass {
            mean,
            log_variance,
            reconstruction,
        })
    }

    /// The gradients of the sum of `losses` with respect to each of [`Parameters::all`], for this
    /// network's classes.
    pub fn gradients(&self, losses: &Tensor) -> Result<Vec<Tensor>, TchError> {
        let matrices = self.encoder.iter().chain(&self.decoder.weights);
        let mut leaves: Vec<&Tensor> = matrices.collect();
        let matrices = leaves.len();
        leaves.extend(self.normalisations.as_flattened());
        leaves.push(&self.encoder_bias);
        leaves.extend(&self.decoder.biases);
        let sum = losses.f_sum(losses.kind())?;
        let mut gradients = Tensor::f_run_backward(&[sum], &leaves, false, false)?;
        let vectors = gradients.split_off(matrices);
        gradients.push(Tensor::f_cat(&vectors, 1)?);
        Ok(gradients)
    }
}

impl Loss {
    /// The loss of a pass.
    pub fn of(samples: &Tensor, weights: Option<&Tensor>, pass: &Pass) -> Result<Loss, TchError> {
        let [_, rows, width] = samples.size()[..] else {
            unreachable!("samples are [classes, rows, width]");
        };
        let all_but_classes = [1, 2].as_slice();
        let mean = |numbers: Tensor, weights: Option<Tensor>| match weights {
            None => numbers
                .f_sum_dim_intlist(all_but_classes, false, None)?
                .f_div_scalar(rows),
            Some(weights) => {
                numbers
                    .f_mul(&weights)?
                    .f_sum_dim_intlist(all_but_classes, false, None)
            }
        };
        let squares = samples.f_sub(&pass.reconstruction)?.f_square()?;
        let reconstruction = mean(squares, weights.map(Tensor::shallow_clone))?;
        let divergences = pass
            .mean
            .f_square()?
            .f_add(&pass.log_variance.f_exp()?)?
            .f_sub(&pass.log_variance)?
            .f_sub_scalar(1.0)?;
        let columns = weights
            .map(|weights| weights.f_transpose(1, 2))
            .transpose()?;
        let divergence = mean(divergences, columns)?;
        Ok(Loss {
            reconstruction: reconstruction
                .f_add_scalar(width as f64 * (2.0 * PI).ln())?
                .f_mul_scalar(0.5)?,
            divergence: divergence.f_mul_scalar(0.5)?,
        })
    }

    /// The sum of both terms, `[classes]`.
    pub fn total(&self) -> Result<Tensor, TchError> {
        self.reconstruction.f_add(&self.divergence)
    }
}
