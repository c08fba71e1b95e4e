//! The five-domain comparison with the weights in the repository.

use crate::leaderboard::Means;
use clbench_tests::{Dir, root};

/// The purpose of the domains, on one seed of three: zero-shot, the small CLIP is good on the near
/// domain and bad on the far ones, although its features separate their classes; strategies trained
/// task after task forget, and untrained ones do not; replay of generated embeddings comes close to
/// joint training on all real ones.
#[test]
fn zero_shot_accuracy_drops_with_distance_coop_forgets_and_cgil_does_not() {
    let dir = Dir::new();
    let scenario = root().join("scenarios/comparison.yaml");
    let args = "--seed 1996 -j 2 --out out".split(' ');
    let args = ["run", scenario.to_str().unwrap()].into_iter().chain(args);
    dir.clbench(args).succeeds();
    let means = Means::read(&dir, "out/leaderboard.csv");
    let faa = |domain: &str, strategy: &str| means.of(domain, strategy, "faa");
    assert!(faa("plain", "zero-shot") > 70.0);
    assert!(faa("negative", "zero-shot") < 15.0);
    let far = ["recoloured", "sketch", "negative", "digits"];
    for domain in far {
        assert!(
            faa(domain, "linear-head-joint") > faa(domain, "zero-shot") + 15.0,
            "{domain}"
        );
    }
    let domains = far.iter().chain(&["plain", "overall"]);
    for domain in domains {
        assert_eq!(means.of(domain, "zero-shot", "forgetting-all"), 0.0);
        assert_eq!(means.get(domain, "linear-head", "ci-transfer"), None);
        assert!(means.of(domain, "linear-head", "forgetting-seen") > 50.0);
    }
    assert!(means.of("overall", "coop", "forgetting-all") > 0.0);
    assert!(faa("overall", "coop") > faa("overall", "zero-shot"));
    for cgil in ["cgil", "cgil-reference"] {
        assert!(faa("overall", cgil) > faa("overall", "coop") + 20.0);
        assert!(faa("overall", cgil) > faa("overall", "prompt-tuning-joint") - 6.0);
        assert!(means.of("overall", cgil, "forgetting-seen") < 8.0);
    }
    // A trained head on prompted images is better than one on frozen features, but cannot score
    // unseen classes.
    assert!(faa("overall", "l2p") > faa("overall", "linear-head") + 10.0);
    assert_eq!(means.get("overall", "l2p", "ci-transfer"), None);
    // Before the last task, longer text features let unseen classes win nearly everywhere.
    assert!(means.of("overall", "cgil-reference", "forgetting-all") < -50.0);
    assert_eq!(
        means.get("overall", "prompt-tuning-joint", "ci-transfer"),
        None
    );
}
