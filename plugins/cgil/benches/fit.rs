//! The cost of fitting a task's autoencoders: 20 classes of 60 samples.
//!
//! Two sizes: one for the small CLIP in this repository, and the defaults with ViT-B/32's
//! embeddings. Each is fitted on one thread, on two, with matrix products in bf16, and class by
//! class. All ways take the same steps; the first two give the same bits.
//!
//! The last lines printed for a size have the ratios of the best times of several runs, which
//! alternate so that a busy machine slows all of them.

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

/// How the classes are fitted.
struct Way {
    name: &'static str,
    threads: u32,
    kind: Kind,
    at_a_time: usize,
}

const WAYS: [Way; 4] = [
    Way {
        name: "one thread",
        threads: 1,
        kind: Kind::Float,
        at_a_time: CLASSES as usize,
    },
    Way {
        name: "two threads",
        threads: 2,
        kind: Kind::Float,
        at_a_time: CLASSES as usize,
    },
    Way {
        name: "bf16",
        threads: 1,
        kind: Kind::BFloat16,
        at_a_time: CLASSES as usize,
    },
    Way {
        name: "class by class",
        threads: 1,
        kind: Kind::Float,
        at_a_time: 1,
    },
];

fn sizes() -> [Size; 2] {
    let small = Vae {
        hidden: 128,
        latent: 32,
        epochs: 50,
        ..Vae::default()
    };
    let default = Vae {
        epochs: 20,
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

fn fit(autoencoders: &Autoencoders, classes: &[ClassFeatures], way: &Way) {
    clbench_torch::bridge::threads::set(way.threads).expect("a number of threads");
    let host = Host::silent();
    let fitting = Fitting {
        seed: 1,
        task: 1,
        device: Device::Cpu,
        kind: way.kind,
        host: &host,
    };
    for classes in classes.chunks(way.at_a_time) {
        autoencoders.fit(classes, &fitting).expect("a fit");
    }
}

fn fits(c: &mut Criterion) {
    for Size { name, width, vae } in sizes() {
        let autoencoders = Autoencoders::new(vae, Posterior::StandardDeviation);
        let classes = classes(width);
        let mut group = c.benchmark_group(format!("fit/{name}"));
        group.sampling_mode(SamplingMode::Flat).sample_size(10);
        for way in &WAYS {
            group.bench_function(BenchmarkId::from_parameter(way.name), |b| {
                b.iter(|| fit(&autoencoders, &classes, way));
            });
        }
        group.finish();

        let mut best = [Duration::MAX; WAYS.len()];
        for _ in 0..5 {
            for (best, way) in best.iter_mut().zip(&WAYS) {
                let start = Instant::now();
                fit(&autoencoders, &classes, way);
                *best = start.elapsed().min(*best);
            }
        }
        for (time, way) in best.iter().zip(&WAYS) {
            let (time, first) = (time.as_secs_f64(), best[0].as_secs_f64());
            let ratio = first / time;
            println!("fit/{name}, {}: {time:.3} s, {ratio:.2} times", way.name);
        }
    }
}

criterion_group!(benches, fits);
criterion_main!(benches);
