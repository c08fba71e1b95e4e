//! Saves a strategy's tensors in its state and restores them, bit for bit.

use crate::bridge::{self, During};
use harness_abi::{Error, Result, State};
use tch::{Device, Kind, Tensor};

/// Adds a CPU copy of the tensor to a state. A copy, because training may continue while the host
/// still holds the state.
///
/// # Errors
///
/// If the ABI does not support the tensor's type.
pub fn put(state: &mut State, name: &str, tensor: &Tensor) -> Result<()> {
    let copy = tensor
        .f_to_device(Device::Cpu)
        .during("copying a tensor to the CPU")
        .and_then(|tensor| bridge::copy_out(&tensor))
        .map_err(|error| error.context(format!("the state's tensor `{name}`")))?;
    state.tensors.push((name.into(), copy));
    Ok(())
}

/// Copies the state's tensor `name` into `target`, which keeps its shape, type, device and
/// `requires_grad`.
///
/// # Errors
///
/// If the state has no such tensor, or its shape or type differs.
pub fn take(state: &mut State, name: &str, target: &mut Tensor) -> Result<()> {
    let stored = taken(state, name, &target.size(), (target.kind(), Device::Cpu))?;
    let _mode = crate::training::GradientMode::off();
    target.f_copy_(&stored).during(&described(name))
}

/// Removes the tensor `name` from the state, for tensors whose length only the state knows. A
/// negative number in `shape` matches any length.
///
/// # Errors
///
/// If the state has no such tensor, or its shape or type differs.
pub fn taken(
    state: &mut State,
    name: &str,
    shape: &[i64],
    (kind, device): (Kind, Device),
) -> Result<Tensor> {
    let stored = state.take(name)?;
    let (view, what) = (stored.view(), described(name));
    view.expect_shape(&what, shape)?;
    if view.dtype() != bridge::dtype(kind)? {
        return Err(Error::failed(format!(
            "{what} has type {}, expected {}",
            view.dtype(),
            bridge::dtype(kind)?
        )));
    }
    bridge::copy_in(view)?.f_to_device(device).during(&what)
}

/// A tensor of the state, for messages.
fn described(name: &str) -> String {
    format!("the state's tensor `{name}`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restored_tensor_has_the_same_bits_and_still_requires_a_gradient() {
        let values = [f32::from_bits(1), -0.0, 3.25, f32::MAX];
        let trained = Tensor::from_slice(&values)
            .view((2, 2))
            .set_requires_grad(true);
        let mut state = State::default();
        put(&mut state, "weight", &trained).unwrap();
        let bytes = state.to_bytes().unwrap();

        let mut other = Tensor::zeros([2, 2], (Kind::Float, Device::Cpu)).set_requires_grad(true);
        take(&mut state, "weight", &mut other).unwrap();
        assert!(other.requires_grad());
        let mut again = State::default();
        put(&mut again, "weight", &other).unwrap();
        assert_eq!(again.to_bytes().unwrap(), bytes);
    }

    #[test]
    fn a_state_does_not_change_when_training_continues() {
        let mut weight = Tensor::ones([2], (Kind::Float, Device::Cpu));
        let mut state = State::default();
        put(&mut state, "weight", &weight).unwrap();
        let _ = weight.fill_(9.0);
        assert_eq!(
            state.tensors[0].1.view().as_slice::<f32>().unwrap(),
            [1.0, 1.0]
        );
    }

    #[test]
    fn a_tensor_of_the_wrong_shape_or_type_is_named() {
        let mut target = Tensor::zeros([2, 2], (Kind::Float, Device::Cpu));
        let mut take = |tensor: Tensor| {
            let mut state = State::default();
            put(&mut state, "weight", &tensor).unwrap();
            super::take(&mut state, "weight", &mut target)
                .unwrap_err()
                .to_string()
        };
        assert_eq!(
            take(Tensor::zeros([3], (Kind::Float, Device::Cpu))),
            "the state's tensor `weight` should have shape [2, 2], not [3]"
        );
        assert_eq!(
            take(Tensor::zeros([2, 2], (Kind::Double, Device::Cpu))),
            "the state's tensor `weight` has type f64, expected f32"
        );
    }
}
