//! Training with libtorch's automatic differentiation, for every type and device.

use super::Posterior;
use super::decoder::Decoder;
use super::network::{Loss, Network, Parameters, Sizes};
use super::training::Networks;
use crate::stack::adam::Adam;
use crate::stack::plan::Plan;
use clbench_torch::tch::{Kind, TchError, Tensor};
use clbench_torch::training::GradientMode;

/// The networks of a stack of classes, and their optimiser.
#[derive(Debug)]
pub(super) struct Recorded {
    /// The networks of the first classes, one entry for each number of active classes; the last has
    /// all classes.
    networks: Vec<Network>,
    adam: Adam,
    posterior: Posterior,
}

impl Recorded {
    /// Creates the networks for the steps of `plan`; `product` is the type of matrix products.
    pub fn new(
        parameters: &Parameters,
        sizes: Sizes,
        plan: &Plan,
        product: Kind,
        posterior: Posterior,
    ) -> Result<Recorded, TchError> {
        let ends = plan.groups.iter().map(|(classes, _)| classes.end);
        let mut prefixes: Vec<i64> = ends.chain([sizes.classes]).collect();
        prefixes.dedup();
        let networks = prefixes
            .into_iter()
            .map(|classes| Network::new(parameters, classes, sizes, product));
        let groups: Vec<_> = plan
            .groups
            .iter()
            .map(|(classes, _)| classes.clone())
            .collect();
        Ok(Recorded {
            networks: networks.collect::<Result<_, _>>()?,
            adam: Adam::new(&parameters.all(), &groups, 0.0)?,
            posterior,
        })
    }

    /// The networks of the first classes.
    fn network(&self, classes: i64) -> &Network {
        let found = self
            .networks
            .iter()
            .find(|network| network.classes() == classes);
        found.expect("steps use whole groups")
    }
}

impl Networks for Recorded {
    fn step(
        &mut self,
        samples: &Tensor,
        weights: Option<&Tensor>,
        epsilon: &Tensor,
        lr: f64,
    ) -> Result<Tensor, TchError> {
        let _mode = GradientMode::on();
        let active = samples.size()[0];
        let network = self.network(active);
        let pass = network.pass(samples, weights, epsilon, self.posterior)?;
        let losses = Loss::of(samples, weights, &pass)?.total()?;
        let gradients = network.gradients(&losses)?;
        self.adam.step(active, &gradients, lr)?;
        losses.f_detach()
    }

    fn decoder(&self) -> Result<Decoder, TchError> {
        let all = self.networks.last().expect("one has all classes");
        all.decoder().detached()
    }
}
