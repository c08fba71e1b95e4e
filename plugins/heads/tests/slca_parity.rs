//! Compares `classifier-alignment` with the published code of SLCA: both stages, the statistics and
//! the draws. See the README of `tests/fixtures/classifier_alignment/`.

use clbench_heads::classifier_alignment::draws::{Gaussians, mean_factors};
use clbench_heads::classifier_alignment::parameters::Parameters;
use clbench_heads::classifier_alignment::stages;
use clbench_heads::classifier_alignment::statistics::ClassStatistics;
use clbench_heads::head::Head;
use clbench_torch::Generator;
use clbench_torch::bridge::{state, threads};
use clbench_torch::tch::{Device, Kind, Tensor};
use clbench_torch::training::{GradientMode, TrainingSamples};
use harness_abi::parameters::parse;
use harness_abi::{Host, State};
use safetensors::{Dtype, SafeTensors};

const WIDTH: i64 = 6;
const CLASSES: i64 = 6;
const PER_TASK: i64 = 2;
/// The largest difference, relative to the largest number of a tensor.
const TOLERANCE: f64 = 1e-4;

struct Fixture(Vec<u8>);

impl Fixture {
    fn open() -> Fixture {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../tests/fixtures/classifier_alignment/classifier_alignment.safetensors"
        );
        Fixture(std::fs::read(path).unwrap())
    }

    fn tensor(&self, name: &str) -> Tensor {
        let file = SafeTensors::deserialize(&self.0).unwrap();
        let stored = file.tensor(name).unwrap_or_else(|_| panic!("{name}"));
        let kind = match stored.dtype() {
            Dtype::F32 => Kind::Float,
            Dtype::F64 => Kind::Double,
            Dtype::I64 => Kind::Int64,
            Dtype::I16 => Kind::Int16,
            Dtype::I8 => Kind::Int8,
            other => panic!("{name} is of {other:?}"),
        };
        let shape: Vec<i64> = stored.shape().iter().map(|&n| n as i64).collect();
        Tensor::from_data_size(stored.data(), &shape, kind)
    }

    /// The order of an epoch.
    fn order(&self, name: &str, epoch: u32) -> Tensor {
        self.tensor(name).get(epoch.into()).to_kind(Kind::Int64)
    }

    fn close(&self, name: &str, ours: &Tensor) {
        let theirs = self.tensor(name).to_kind(Kind::Double);
        assert_eq!(ours.size(), theirs.size(), "{name}");
        let off = (ours.to_kind(Kind::Double) - &theirs).abs().max() / theirs.abs().max();
        let off = off.double_value(&[]);
        println!("{name}: {off:.1e}");
        assert!(off < TOLERANCE, "{name} is off by {off:e}");
    }
}

/// The weights and the bias of a head's classes, `[classes, width + 1]`.
fn rows(head: &Head) -> Tensor {
    let (weight, bias) = head.tensors();
    Tensor::cat(&[weight.detach(), bias.detach().unsqueeze(1)], 1)
}

/// A head with these weights and biases.
fn head(rows: &Tensor) -> Head {
    let mut generator = Generator::new(1, "init", 0);
    let mut head = Head::new(
        CLASSES as u32,
        WIDTH as u32,
        0.0,
        &mut generator,
        Device::Cpu,
    )
    .unwrap();
    let mut written = State::default();
    let (weight, bias) = (rows.narrow(1, 0, WIDTH), rows.select(1, WIDTH));
    state::put(&mut written, "weight", &weight.contiguous()).unwrap();
    state::put(&mut written, "bias", &bias.contiguous()).unwrap();
    head.restore(written).unwrap();
    head
}

#[test]
fn both_stages_match_the_published_code() {
    threads::set(1).unwrap();
    let fixture = Fixture::open();
    let parameters = br#"{
        "training": { "epochs": 6, "milestones": [4], "lr": 0.02, "batch_size": 8 },
        "alignment": { "epochs": 3, "lr": 0.02 }
    }"#;
    let settings = parse::<Parameters>(parameters).unwrap().settings();
    let (training, alignment) = (&settings.training, &settings.alignment);
    let host = Host::silent();

    let initial: Vec<Tensor> = (1..=3)
        .map(|task| fixture.tensor(&format!("{task}.initial")))
        .collect();
    let mut head = head(&Tensor::cat(&initial, 0));
    let (features, labels) = (
        fixture.tensor("train.features"),
        fixture.tensor("train.labels"),
    );
    let test = fixture.tensor("test.features");
    let mut statistics = ClassStatistics::default();
    let mut arrived = Vec::new();
    for task in 1..=3_u32 {
        let name = |what: &str| format!("{task}.{what}");
        let seen = PER_TASK * i64::from(task);
        let own: Vec<i64> = (seen - PER_TASK..seen).collect();
        let is_own = labels
            .ge(own[0])
            .logical_and(&labels.lt(seen))
            .nonzero()
            .view(-1);
        let samples = TrainingSamples {
            features: features.index_select(0, &is_own),
            targets: labels.index_select(0, &is_own) - own[0],
        };
        let part = head.part(&own).unwrap();
        let order = |epoch| Ok(fixture.order(&name("order"), epoch));
        stages::train(&part, training, &samples, &host, order).unwrap();
        head.replace(&own, &part).unwrap();
        fixture.close(&name("trained"), &rows(&head).narrow(0, 0, seen));

        for &class in &own {
            let of_class = labels.eq(class).nonzero().view(-1);
            let of_class = features.index_select(0, &of_class);
            statistics.add(class as u32, &of_class, true).unwrap();
            arrived.push(task);
        }
        fixture.close(&name("means"), &statistics.means().unwrap());
        let covariances: Vec<Tensor> = (0..seen as u32)
            .map(|class| {
                let ridge = alignment.covariance_ridge;
                statistics.covariance(class, ridge).unwrap()
            })
            .collect();
        fixture.close(&name("covariances"), &Tensor::stack(&covariances, 0));

        let ids: Vec<i64> = (0..seen).collect();
        let aligned = head.part(&ids).unwrap();
        if task > 1 {
            let factors = mean_factors(&arrived, task, alignment.mean_shrinkage);
            let gaussians =
                Gaussians::new(&statistics, &factors, alignment.covariance_ridge).unwrap();
            let normal = fixture.tensor(&name("normal")).to_kind(Kind::Float) / 32.0;
            let blocks: Vec<_> = (0..i64::from(task))
                .map(|t| PER_TASK * t..PER_TASK * (t + 1))
                .collect();
            let drawn = |epoch: u32| {
                let _mode = GradientMode::off();
                let of_epoch = normal.narrow(0, i64::from(epoch) * seen, seen);
                let order = fixture.order(&name("alignment_order"), epoch);
                Ok(TrainingSamples {
                    features: gaussians.drawn(&of_epoch).unwrap().index_select(0, &order),
                    targets: order.divide_scalar_mode(256, "floor"),
                })
            };
            let steps =
                stages::align(&aligned, alignment, training, &blocks, &host, drawn).unwrap();
            assert_eq!(steps, 3 * seen as u64);
        }
        fixture.close(&name("aligned"), &rows(&aligned));
        let logits = aligned.logits(&test, &ids).unwrap().detach();
        fixture.close(&name("logits"), &logits);
        let theirs = fixture.tensor(&name("logits"));
        assert_eq!(logits.argmax(1, false), theirs.argmax(1, false));
    }
    // The fixture would show an alignment that accumulates: the third task starts from `2.trained`.
    let apart = fixture.tensor("2.trained") - fixture.tensor("2.aligned");
    assert!(apart.abs().max().double_value(&[]) > 0.1);
}
