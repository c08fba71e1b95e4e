//! A parameter of all classes and its optimiser.

use clbench_torch::cpu::{Matrices, product};
use clbench_torch::tch::{Kind, TchError, Tensor};
use clbench_torch::training::adam::{Step, update};
use std::ops::Range;

/// A parameter of all classes, one after the other, and Adam's running means.
#[derive(Debug)]
pub(super) struct Trained {
    /// Rows and columns of a class's matrix; the columns of a vector are 1.
    size: [usize; 2],
    /// p.
    values: Vec<f32>,
    /// m.
    mean: Vec<f32>,
    /// v.
    square: Vec<f32>,
}

impl Trained {
    /// A parameter that starts with these values, `[classes, rows, columns]` or `[classes, rows]`.
    pub fn new(values: &Tensor) -> Result<Trained, TchError> {
        let numbers = values.numel();
        let mut own = vec![0.0; numbers];
        values.f_contiguous()?.f_copy_data(&mut own, numbers)?;
        let size = values.size();
        Ok(Trained {
            size: [size[1], size.get(2).copied().unwrap_or(1)].map(|size| size as usize),
            values: own,
            mean: vec![0.0; numbers],
            square: vec![0.0; numbers],
        })
    }

    /// The values of the first classes.
    pub fn of(&self, classes: usize) -> &[f32] {
        &self.values[..classes * self.length()]
    }

    /// The matrices of the first classes.
    pub fn matrices(&self, classes: usize) -> Matrices<'_> {
        Matrices::new(self.of(classes), self.size)
    }

    /// A copy of the values, `[classes, rows, columns]` or `[classes, rows]`.
    pub fn tensor(&self) -> Result<Tensor, TchError> {
        let [rows, columns] = self.size.map(|size| size as i64);
        let tensor = Tensor::f_from_slice(&self.values)?;
        match columns {
            1 => tensor.f_view([-1, rows]),
            _ => tensor.f_view([-1, rows, columns]),
        }
    }

    /// Numbers per class.
    fn length(&self) -> usize {
        self.size[0] * self.size[1]
    }
}

/// The optimiser's step for the first classes of a stack.
#[derive(Debug)]
pub(super) struct Update<'a> {
    /// The classes that take part, and the factors of their step.
    pub steps: &'a [(Range<usize>, Step)],
    /// Memory for the gradient of a weight matrix; it grows to the largest.
    pub gradient: &'a mut Vec<f32>,
    /// The type of matrix products.
    pub kind: Kind,
}

impl Update<'_> {
    /// Updates a parameter with its gradient.
    pub fn vector(&self, trained: &mut Trained, gradient: &[f32]) {
        let length = trained.length();
        for (classes, step) in self.steps {
            let own = classes.start * length..classes.end * length;
            update(
                &mut trained.values[own.clone()],
                &mut trained.mean[own.clone()],
                &mut trained.square[own.clone()],
                &gradient[own],
                *step,
            );
        }
    }

    /// Updates weight matrices, whose gradient is the product of `a` and `b`.
    pub fn matrix(
        &mut self,
        trained: &mut Trained,
        a: Matrices<'_>,
        b: Matrices<'_>,
    ) -> Result<(), TchError> {
        let length = a.count() * trained.length();
        if self.gradient.len() < length {
            self.gradient.resize(length, 0.0);
        }
        product(&mut self.gradient[..length], a, b, self.kind)?;
        self.vector(trained, &self.gradient[..length]);
        Ok(())
    }
}
