//! The cost of fitting a task's autoencoders: 20 classes of 60 samples, all at once compared with
//! one by one.
//!
//! Two sizes, on one thread: one for the small CLIP in this repository, and the defaults with
//! ViT-B/32's embeddings. Both ways take the same steps and give the same generators. Goal: all at
//! once is never slower.
//!
//! The last line printed for a size has the ratio of the best times of several runs, which
//! alternate so that a busy machine slows both.

use clbench_generators::vae::{Autoencoders, Posterior, Vae};
use clbench_generators::{ClassFeatures, Fitting, Generator};
use clbench_torch::tch::{Device, Kind};
use criterion::{BenchmarkId, Criterion, SamplingMode, criterion_group, criterion_main};
use harness_abi::Host;
use std::time::{Duration, Instant};

const CLASSES: u32 = 20;
const SAMPLES: i64 = 60;

/// The size of embeddings and autoencoders, and the number of epochs.
struct Size {
    name: &'static str,
    width: i64,
    vae: Vae,
}

fn sizes() -> [Size; 2] {
    let small = Vae {
        hidden: 128,
        latent: 32,
        epochs: 50,
        ..Vae::default()
    };
    let default = Vae {
        epochs: 10,
        ..Vae::default()
    };
    [("small", 128, small), ("default", 512, default)].map(|(name, width, vae)| Size {
        name,
        width,
        vae,
    })
}

fn classes(width: i64) -> Vec<ClassFeatures> {
    let make = |class| {
        let mut generator = clbench_torch::Generator::new(1, "samples", class);
        let features = generator.normal_tensor(&[SAMPLES, width], 1.0, Device::Cpu);
        ClassFeatures {
            class,
            features: features.expect("random features"),
        }
    };
    (0..CLASSES).map(make).collect()
}

/// Fits the classes, `at_a_time` of them at once.
fn fit(autoencoders: &Autoencoders, classes: &[ClassFeatures], at_a_time: usize) {
    let host = Host::silent();
    let fitting = Fitting {
        seed: 1,
        task: 1,
        device: Device::Cpu,
        kind: Kind::Float,
        host: &host,
    };
    for classes in classes.chunks(at_a_time) {
        autoencoders.fit(classes, &fitting).expect("a fit");
    }
}

fn fits(c: &mut Criterion) {
    clbench_torch::bridge::threads::set(1).expect("one thread");
    for Size { name, width, vae } in sizes() {
        let autoencoders = Autoencoders::new(vae, Posterior::StandardDeviation);
        let classes = classes(width);
        let ways = [("together", classes.len()), ("one by one", 1)];
        let mut group = c.benchmark_group(format!("fit/{name}"));
        group.sampling_mode(SamplingMode::Flat).sample_size(10);
        for (way, at_a_time) in ways {
            group.bench_function(BenchmarkId::from_parameter(way), |b| {
                b.iter(|| fit(&autoencoders, &classes, at_a_time));
            });
        }
        group.finish();

        let mut best = [Duration::MAX; 2];
        for _ in 0..5 {
            for (best, (_, at_a_time)) in best.iter_mut().zip(ways) {
                let start = Instant::now();
                fit(&autoencoders, &classes, at_a_time);
                *best = start.elapsed().min(*best);
            }
        }
        let [together, one_by_one] = best.map(|time| time.as_secs_f64());
        println!(
            "fit/{name}: {together:.3} s together, {one_by_one:.3} s one by one, ratio {:.2}\n",
            one_by_one / together
        );
    }
}

criterion_group!(benches, fits);
criterion_main!(benches);
