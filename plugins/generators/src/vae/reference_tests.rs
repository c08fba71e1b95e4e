//! Compares the autoencoder with the numbers of the reference code; a README beside the fixtures
//! describes them.

use super::fused::Fused;
use super::network::{Loss, Network, Parameters};
use super::recorded::Recorded;
use super::training::Networks;
use super::*;
use crate::stack::plan::Plan;
use clbench_torch::tch::Kind;
use std::collections::BTreeMap;
use std::path::Path;

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/cgil_vae");

/// The largest difference of two tensors.
fn off(ours: &Tensor, theirs: &Tensor) -> f64 {
    assert_eq!(ours.size(), theirs.size());
    let (ours, theirs) = (ours.to_kind(Kind::Double), theirs.to_kind(Kind::Double));
    (ours - theirs).abs().max().double_value(&[])
}

#[track_caller]
pub(super) fn close(what: &str, ours: &Tensor, theirs: &Tensor, tolerance: f64) {
    let off = off(ours, theirs);
    assert!(off <= tolerance, "{what}: off by {off}");
}

pub(super) fn numbers(tensor: &Tensor) -> Vec<f64> {
    Vec::try_from(tensor.to_kind(Kind::Double).reshape([-1])).unwrap()
}

/// The reference's results, and its parameters in our layout.
struct Golden {
    tensors: BTreeMap<String, Tensor>,
}

const SIZES: Sizes = Sizes {
    classes: 1,
    width: 64,
    hidden: 96,
    latent: 32,
};
const MATRICES: [&str; 6] = [
    "enc.encoder.0.weight",
    "enc.encoder.3.weight",
    "enc.encoder.6.weight",
    "dec.decoder.0.weight",
    "dec.decoder.2.weight",
    "dec.decoder.4.weight",
];
const VECTORS: [&str; 8] = [
    "enc.encoder.1.weight",
    "enc.encoder.1.bias",
    "enc.encoder.4.weight",
    "enc.encoder.4.bias",
    "enc.encoder.6.bias",
    "dec.decoder.0.bias",
    "dec.decoder.2.bias",
    "dec.decoder.4.bias",
];

impl Golden {
    fn read() -> Golden {
        let path = Path::new(FIXTURES).join("vae_step.safetensors");
        let tensors = Tensor::read_safetensors(path).unwrap();
        Golden {
            tensors: tensors.into_iter().collect(),
        }
    }

    fn get(&self, name: &str) -> &Tensor {
        &self.tensors[name]
    }

    /// The parameters under a prefix, as a stack of one class.
    fn parameters(&self, prefix: &str) -> Parameters {
        let [mut matrices, vectors] = [&MATRICES[..], &VECTORS[..]].map(|names| {
            let found = names
                .iter()
                .map(|name| self.get(&format!("{prefix}.{name}")));
            found.map(Tensor::copy).collect::<Vec<_>>()
        });
        matrices[5] = matrices[5].tr().contiguous();
        let matrices: Vec<Tensor> = matrices.iter().map(|matrix| matrix.unsqueeze(0)).collect();
        Parameters {
            matrices: matrices.try_into().unwrap(),
            vectors: Tensor::cat(&vectors, 0).unsqueeze(0),
        }
    }
}

#[track_caller]
fn same_parameters(what: &str, ours: &[Tensor], theirs: &Parameters, tolerance: f64) {
    for (at, (ours, theirs)) in ours.iter().zip(theirs.all()).enumerate() {
        close(&format!("{what} {at}"), ours, &theirs, tolerance);
    }
}

#[test]
fn a_pass_and_its_gradients_match_the_reference() {
    let golden = Golden::read();
    let parameters = golden.parameters("init");
    let network = Network::new(&parameters, 1, SIZES, Kind::Float).unwrap();
    let _mode = GradientMode::on();
    let samples = golden.get("batch").unsqueeze(0);
    let epsilon = golden.get("eps").get(0).tr().unsqueeze(0);
    // Padding must change nothing.
    let more = Tensor::cat(&[&samples, &(samples.narrow(1, 3, 5) * 2.0)], 1);
    let noise = Tensor::cat(&[&epsilon, &epsilon.narrow(2, 0, 5)], 2);
    let weights = Tensor::cat(
        &[
            Tensor::full([1, 24, 1], 1.0 / 24.0, (Kind::Float, Device::Cpu)),
            Tensor::zeros([1, 5, 1], (Kind::Float, Device::Cpu)),
        ],
        1,
    );
    for (samples, weights, epsilon) in [(&samples, None, &epsilon), (&more, Some(&weights), &noise)]
    {
        let pass = network
            .pass(samples, weights, epsilon, Posterior::Exponential)
            .unwrap();
        let latent = Posterior::Exponential
            .drawn(&pass.mean, &pass.log_variance, epsilon)
            .unwrap();
        let columns = |tensor: &Tensor| tensor.get(0).tr().narrow(0, 0, 24);
        close("mean", &columns(&pass.mean), golden.get("z_mu"), 5e-6);
        close(
            "logvar",
            &columns(&pass.log_variance),
            golden.get("z_logvar"),
            5e-6,
        );
        close("z", &columns(&latent), golden.get("z_sample"), 5e-6);
        let reconstruction = pass.reconstruction.get(0).narrow(0, 0, 24);
        close("x_rec", &reconstruction, golden.get("x_rec"), 5e-6);
        close("x_rec", &reconstruction, golden.get("f64.x_rec"), 5e-6);

        let loss = Loss::of(samples, weights, &pass).unwrap();
        let total = loss.total().unwrap();
        let parts = [&loss.reconstruction, &loss.divergence, &total];
        let parts = Tensor::cat(&parts, 0).detach() * Tensor::from_slice(&[24.0_f32, 24.0, 1.0]);
        let theirs = golden.get("f64.loss_parts");
        close(
            "sums",
            &(parts.narrow(0, 0, 2) / 24.0),
            &(theirs.narrow(0, 0, 2) / 24.0),
            1e-4,
        );
        close("loss", &parts.get(2), &theirs.get(2), 1e-4);

        let gradients = network.gradients(&total).unwrap();
        same_parameters("gradient", &gradients, &golden.parameters("grad"), 3e-6);
    }
}

#[test]
fn six_steps_and_the_draws_after_them_match_the_reference() {
    let golden = Golden::read();
    let plan = Plan::new(&[24], 64, 2, (Kind::Float, Device::Cpu)).unwrap();
    let posterior = Posterior::Exponential;
    // The one updates these parameters in place, the other has copies.
    let parameters = golden.parameters("init");
    let recorded = Recorded::new(&parameters, SIZES, &plan, Kind::Float, posterior).unwrap();
    let first_step = |ours: &[Tensor]| {
        same_parameters("step 1", ours, &golden.parameters("step1"), 1e-6);
    };
    six_steps_match(&golden, Box::new(recorded), || {
        first_step(&parameters.all())
    });
    let sixth = |name: &str| golden.get(&format!("step6.{name}"));
    let m = &parameters.matrices;
    close("step 6", &m[0].get(0), sixth(MATRICES[0]), 5e-6);
    close("step 6", &m[5].get(0).tr(), sixth(MATRICES[5]), 5e-6);
    let gains = parameters.vectors.get(0).narrow(0, 0, 96);
    close("step 6", &gains, sixth(VECTORS[0]), 5e-6);

    let parameters = golden.parameters("init");
    let fused = Fused::new(&parameters, SIZES, &plan, Kind::Float, posterior).unwrap();
    six_steps_match(&golden, Box::new(fused), || ());
}

/// Makes six steps, calls `after_first` after the first, and compares losses and draws.
fn six_steps_match(golden: &Golden, mut networks: Box<dyn Networks>, after_first: impl Fn()) {
    let raw = ClassFeatures {
        class: 0,
        features: golden.get("x_raw").copy(),
    };
    let (normalisation, samples) = Normalisation::of(&[raw]).unwrap();
    close("normalised", &samples[0], golden.get("x_normalised"), 2e-6);
    let mut losses = Vec::new();
    for step in 0..6 {
        let batch = samples[0].index_select(0, &golden.get("batch_order").get(step));
        let epsilon = golden.get("eps").get(step).tr().unsqueeze(0);
        let loss = networks
            .step(&batch.unsqueeze(0), None, &epsilon, 2e-4)
            .unwrap();
        losses.extend(numbers(&loss));
        if step == 0 {
            after_first();
        }
    }
    for (ours, theirs) in losses.iter().zip(numbers(golden.get("f64.loss_per_step"))) {
        assert!((ours - theirs).abs() < 1e-4, "{ours}, not {theirs}");
    }

    let _mode = GradientMode::off();
    let normal = golden.get("z_for_sample").unsqueeze(0);
    let drawn = networks.decoder().unwrap().sampled(&normal).unwrap();
    let drawn = normalisation.undo(&drawn).unwrap().get(0);
    close("drawn", &drawn, golden.get("sample_after_steps"), 5e-6);
    close("drawn", &drawn, golden.get("f64.sample_after_steps"), 5e-6);
}

#[test]
fn the_learning_rates_match_the_reference() {
    let text = std::fs::read_to_string(Path::new(FIXTURES).join("lr_schedule.json")).unwrap();
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    let by_epochs = json["lr_by_epoch"].as_object().unwrap();
    assert_eq!(by_epochs.len(), 5);
    for (epochs, rates) in by_epochs {
        let vae = Vae {
            epochs: epochs.parse().unwrap(),
            ..Vae::default()
        };
        assert_eq!(rates.as_array().unwrap().len(), vae.epochs as usize);
        for (epoch, rate) in (0..).zip(rates.as_array().unwrap()) {
            let (ours, theirs) = (vae.schedule().lr(epoch), rate.as_f64().unwrap());
            assert!(
                (ours - theirs).abs() < 1e-15,
                "epoch {epoch} of {epochs}: {ours}, not {theirs}"
            );
        }
    }
    // The reference cannot train for fewer than ten epochs.
    let short = Vae {
        epochs: 3,
        ..Vae::default()
    };
    assert_eq!(short.schedule().lr(1), 2e-4);
}
