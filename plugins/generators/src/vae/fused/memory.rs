//! The memory that a step works in.

use super::super::network::Sizes;

/// The memory of one step. A gradient is with respect to the sum of the classes' losses.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// The batch, `[classes, rows, width]`.
    pub samples: Vec<f32>,
    /// 1 / length for the rows of a batch, 0 for its padding, `[classes, rows]`.
    pub weights: Vec<f32>,
    /// The noise of the posterior, `[classes, latent, rows]`.
    pub epsilon: Vec<f32>,
    /// Normalised inputs of the encoder's hidden layers, before gain and bias,
    /// `[classes, hidden, rows]`.
    pub normalised: [Vec<f32>; 2],
    /// The encoder's hidden layers, `[classes, hidden, rows]`.
    pub hidden: [Vec<f32>; 2],
    /// One over the standard deviation that the normalisation divided by, `[classes, hidden]`.
    pub inverse: [Vec<f32>; 2],
    /// μ and ln σ², and later their gradients, `[classes, 2 latent, rows]`.
    pub moments: Vec<f32>,
    /// The factor of the posterior's noise, `[classes, latent, rows]`.
    pub scale: Vec<f32>,
    /// z, `[classes, latent, rows]`.
    pub latent: Vec<f32>,
    /// The decoder's hidden layers, `[classes, hidden, rows]`.
    pub decoded: [Vec<f32>; 2],
    /// x̂, and later its gradient, `[classes, rows, width]`.
    pub reconstruction: Vec<f32>,
    /// The gradients of two neighbouring hidden layers, `[classes, hidden, rows]`.
    pub of_hidden: [Vec<f32>; 2],
    /// The gradient of z, `[classes, latent, rows]`.
    pub of_latent: Vec<f32>,
    /// The gradient of one weight matrix at a time.
    pub of_matrix: Vec<f32>,
    /// The gradients of the vectors, `[classes, length]` each.
    pub of_vectors: [Vec<f32>; 8],
    /// The losses, `[classes]`.
    pub losses: Vec<f32>,
}

impl Memory {
    /// Sets the lengths for a step of the first `classes` classes with `rows` rows. It allocates
    /// only if no step was as large before.
    pub fn resize(&mut self, sizes: &Sizes, classes: usize, rows: usize) {
        let [width, hidden, latent] = sizes.of_a_class();
        let columns = classes * rows;
        let resize = |buffer: &mut Vec<f32>, length: usize| buffer.resize(length, 0.0);
        resize(&mut self.samples, columns * width);
        resize(&mut self.weights, columns);
        resize(&mut self.epsilon, columns * latent);
        for each in [&mut self.normalised, &mut self.hidden, &mut self.decoded] {
            each.iter_mut()
                .for_each(|buffer| resize(buffer, columns * hidden));
        }
        for buffer in &mut self.of_hidden {
            resize(buffer, columns * hidden);
        }
        for buffer in &mut self.inverse {
            resize(buffer, classes * hidden);
        }
        resize(&mut self.moments, columns * 2 * latent);
        for buffer in [&mut self.scale, &mut self.latent, &mut self.of_latent] {
            resize(buffer, columns * latent);
        }
        resize(&mut self.reconstruction, columns * width);
        for (buffer, length) in self.of_vectors.iter_mut().zip(sizes.vectors()) {
            resize(buffer, classes * length as usize);
        }
        resize(&mut self.losses, classes);
    }
}
