//! Training in f32 on the CPU.
//!
//! This computes what [`Recorded`](super::recorded::Recorded) does, with less traffic to memory:
//!
//! - Between two matrix products there is one pass over the numbers ([`passes`]), where libtorch's
//!   operations make several.
//! - A step allocates nothing.
//! - The optimiser updates a weight matrix as soon as its gradient is known, which is then still in
//!   the cache. The next matrix's gradient takes its place.
//!
//! As in [`network`](super::network), samples are columns, `[classes, features, rows]`, except in
//! the input and in the reconstruction.

mod memory;
mod passes;
mod trained;

use super::Posterior;
use super::decoder::Decoder;
use super::network::{Parameters, Sizes};
use super::training::Networks;
use crate::stack::plan::Plan;
use clbench_torch::cpu::{Matrices, exponential, product};
use clbench_torch::tch::{Kind, TchError, Tensor};
use clbench_torch::training::adam::{Step, Steps};
use memory::Memory;
use std::f64::consts::PI;
use std::ops::Range;
use trained::{Trained, Update};

/// The networks of a stack of classes, and their optimiser.
#[derive(Debug)]
pub(super) struct Fused {
    sizes: Sizes,
    posterior: Posterior,
    /// The type of matrix products.
    kind: Kind,
    /// As [`Parameters::matrices`].
    matrices: [Trained; 6],
    /// The vectors that [`Parameters::vectors`] concatenates.
    vectors: [Trained; 8],
    /// The classes that take all their steps together, and the steps that they have taken.
    groups: Vec<(Range<usize>, Steps)>,
    memory: Memory,
}

impl Fused {
    /// Networks that start with `parameters`, for the steps of `plan`; `kind` is the type of matrix
    /// products.
    pub fn new(
        parameters: &Parameters,
        sizes: Sizes,
        plan: &Plan,
        kind: Kind,
        posterior: Posterior,
    ) -> Result<Fused, TchError> {
        let trained = |tensors: &[Tensor]| {
            let trained = tensors.iter().map(Trained::new);
            trained.collect::<Result<Vec<_>, TchError>>()
        };
        let matrices = trained(&parameters.matrices)?;
        let vectors = trained(&parameters.vectors.f_split_with_sizes(sizes.vectors(), 1)?)?;
        let groups = plan.groups.iter().map(|(classes, _)| {
            let classes = classes.start as usize..classes.end as usize;
            (classes, Steps::default())
        });
        Ok(Fused {
            matrices: matrices.try_into().expect("there are six"),
            vectors: vectors.try_into().expect("there are eight"),
            groups: groups.collect(),
            memory: Memory::default(),
            sizes,
            posterior,
            kind,
        })
    }

    /// Encodes and decodes the batch in the memory. Leaves the losses there, and the gradient of x̂
    /// in place of x̂.
    fn forward(&mut self, classes: usize, rows: usize) -> Result<(), TchError> {
        let (kind, m) = (self.kind, &mut self.memory);
        let [width, hidden, latent] = self.sizes.of_a_class();
        let [e0, e3, e6, d0, d2, d4] = self.matrices.each_ref().map(|own| own.matrices(classes));
        let [g1, b1, g4, b4, c6, c0, c2, c4] = self.vectors.each_ref().map(|own| own.of(classes));
        let [normalised_1, normalised_2] = &mut m.normalised;
        let [hidden_1, hidden_2] = &mut m.hidden;
        let [inverse_1, inverse_2] = &mut m.inverse;
        let [decoded_1, decoded_2] = &mut m.decoded;

        let batch = Matrices::new(&m.samples, [rows, width]).transposed();
        product(normalised_1, e0, batch, kind)?;
        passes::normalise(normalised_1, hidden_1, inverse_1, g1, b1, &m.weights, rows);
        product(
            normalised_2,
            e3,
            Matrices::new(hidden_1, [hidden, rows]),
            kind,
        )?;
        passes::normalise(normalised_2, hidden_2, inverse_2, g4, b4, &m.weights, rows);
        product(
            &mut m.moments,
            e6,
            Matrices::new(hidden_2, [hidden, rows]),
            kind,
        )?;
        passes::add_bias(&mut m.moments, c6, rows);

        let exponent = exponent(self.posterior);
        passes::exponents(&mut m.scale, &m.moments, exponent, latent * rows);
        exponential(&mut m.scale)?;
        passes::draw(
            &mut m.latent,
            &m.moments,
            &m.scale,
            &m.epsilon,
            latent * rows,
        );

        product(
            decoded_1,
            d0,
            Matrices::new(&m.latent, [latent, rows]),
            kind,
        )?;
        passes::add_bias_leaky(decoded_1, c0, rows);
        product(
            decoded_2,
            d2,
            Matrices::new(decoded_1, [hidden, rows]),
            kind,
        )?;
        passes::add_bias_leaky(decoded_2, c2, rows);
        let rows_of_hidden = Matrices::new(decoded_2, [hidden, rows]).transposed();
        product(&mut m.reconstruction, rows_of_hidden, d4, kind)?;

        m.losses.fill((0.5 * width as f64 * (2.0 * PI).ln()) as f32);
        let of_bias = &mut m.of_vectors[7];
        let of_output = &mut m.reconstruction;
        passes::reconstruction(
            &mut m.losses,
            of_output,
            of_bias,
            &m.samples,
            c4,
            &m.weights,
        );
        passes::divergence(
            &mut m.losses,
            &m.moments,
            &m.scale,
            exponent,
            &m.weights,
            rows,
        );
        Ok(())
    }

    /// Computes the gradients and updates the parameters, from the last layer to the first.
    fn backward(
        &mut self,
        classes: usize,
        rows: usize,
        steps: &[(Range<usize>, Step)],
    ) -> Result<(), TchError> {
        let (kind, m) = (self.kind, &mut self.memory);
        let [width, hidden, latent] = self.sizes.of_a_class();
        let [e0, e3, e6, d0, d2, d4] = &mut self.matrices;
        let [of_g1, of_b1, of_g4, of_b4, of_c6, of_c0, of_c2, _] = &mut m.of_vectors;
        let [g1, g4] = [0, 2].map(|at: usize| self.vectors[at].of(classes));
        let [one, two] = &mut m.of_hidden;
        let mut update = Update {
            steps,
            gradient: &mut m.of_matrix,
            kind,
        };

        // The decoder. A layer's input gets its gradient before the weights are updated.
        let of_output = Matrices::new(&m.reconstruction, [rows, width]);
        product(one, d4.matrices(classes), of_output.transposed(), kind)?;
        update.matrix(d4, Matrices::new(&m.decoded[1], [hidden, rows]), of_output)?;
        passes::leaky_backward(one, of_c2, &m.decoded[1], rows);

        product(
            two,
            d2.matrices(classes).transposed(),
            Matrices::new(one, [hidden, rows]),
            kind,
        )?;
        let input = Matrices::new(&m.decoded[0], [hidden, rows]).transposed();
        update.matrix(d2, Matrices::new(one, [hidden, rows]), input)?;
        passes::leaky_backward(two, of_c0, &m.decoded[0], rows);

        let weights = d0.matrices(classes).transposed();
        product(
            &mut m.of_latent,
            weights,
            Matrices::new(two, [hidden, rows]),
            kind,
        )?;
        let input = Matrices::new(&m.latent, [latent, rows]).transposed();
        update.matrix(d0, Matrices::new(two, [hidden, rows]), input)?;

        // The encoder. The gradients of μ and ln σ² take the place of these.
        let (exponent, of_moments) = (exponent(self.posterior), &mut m.moments);
        let (of_latent, scale) = (&m.of_latent, &m.scale);
        passes::draw_backward(
            of_moments, of_latent, scale, &m.epsilon, exponent, &m.weights, rows,
        );
        passes::row_sums(of_c6, of_moments, rows);
        let of_moments = Matrices::new(of_moments, [2 * latent, rows]);
        product(one, e6.matrices(classes).transposed(), of_moments, kind)?;
        update.matrix(
            e6,
            of_moments,
            Matrices::new(&m.hidden[1], [hidden, rows]).transposed(),
        )?;

        let (normalised, inverse) = (&m.normalised[1], &m.inverse[1]);
        passes::leaky_backward(one, of_b4, &m.hidden[1], rows);
        passes::normalise_backward(one, of_g4, of_b4, normalised, inverse, g4, &m.weights, rows);
        product(
            two,
            e3.matrices(classes).transposed(),
            Matrices::new(one, [hidden, rows]),
            kind,
        )?;
        let input = Matrices::new(&m.hidden[0], [hidden, rows]).transposed();
        update.matrix(e3, Matrices::new(one, [hidden, rows]), input)?;

        let (normalised, inverse) = (&m.normalised[0], &m.inverse[0]);
        passes::leaky_backward(two, of_b1, &m.hidden[0], rows);
        passes::normalise_backward(two, of_g1, of_b1, normalised, inverse, g1, &m.weights, rows);
        let batch = Matrices::new(&m.samples, [rows, width]);
        update.matrix(e0, Matrices::new(two, [hidden, rows]), batch)?;

        for (vector, gradient) in self.vectors.iter_mut().zip(&m.of_vectors) {
            update.vector(vector, gradient);
        }
        Ok(())
    }
}

/// k, where the factor of the posterior's noise is exp(k ln σ²).
fn exponent(posterior: Posterior) -> f32 {
    match posterior {
        Posterior::StandardDeviation => 0.5,
        Posterior::Exponential => 1.0,
    }
}

impl Networks for Fused {
    fn step(
        &mut self,
        samples: &Tensor,
        weights: Option<&Tensor>,
        epsilon: &Tensor,
        lr: f64,
    ) -> Result<Tensor, TchError> {
        let [classes, rows, _] = samples.size()[..] else {
            unreachable!("samples are [classes, rows, width]");
        };
        let (classes, rows) = (classes as usize, rows as usize);
        let m = &mut self.memory;
        m.resize(&self.sizes, classes, rows);
        copy(samples, &mut m.samples)?;
        copy(epsilon, &mut m.epsilon)?;
        match weights {
            Some(weights) => copy(weights, &mut m.weights)?,
            None => m.weights.fill(1.0 / rows as f32),
        }
        let groups = self.groups.iter_mut();
        let taking_part = groups.take_while(|(of_group, _)| of_group.end <= classes);
        let steps: Vec<(Range<usize>, Step)> = taking_part
            .map(|(classes, steps)| (classes.clone(), steps.next(lr, 0.0)))
            .collect();
        self.forward(classes, rows)?;
        self.backward(classes, rows, &steps)?;
        Tensor::f_from_slice(&self.memory.losses)
    }

    fn decoder(&self) -> Result<Decoder, TchError> {
        let [matrices, vectors] = [&self.matrices[3..], &self.vectors[5..]].map(|own| {
            own.iter()
                .map(Trained::tensor)
                .collect::<Result<Vec<_>, _>>()
        });
        Ok(Decoder {
            weights: matrices?.try_into().expect("the last three"),
            biases: vectors?.try_into().expect("the last three"),
        })
    }
}

/// Copies a tensor's numbers.
fn copy(tensor: &Tensor, numbers: &mut [f32]) -> Result<(), TchError> {
    tensor.f_contiguous()?.f_copy_data(numbers, numbers.len())
}

#[cfg(test)]
mod tests;
