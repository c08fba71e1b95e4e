//! Class ids in a state.

use clbench_torch::During;
use clbench_torch::bridge::state::taken;
use clbench_torch::tch::{Device, Kind, Tensor};
use harness_abi::{Error, Result, State};

/// Class ids as a tensor, i64 on the CPU.
///
/// # Errors
///
/// If memory is short.
pub fn ids(ids: &[u32]) -> Result<Tensor> {
    let ids: Vec<i64> = ids.iter().map(|&id| id.into()).collect();
    Tensor::f_from_slice(&ids).during("storing class ids")
}

/// Removes class ids from a state.
///
/// # Errors
///
/// As for [`taken`], or if a number is not an id.
pub fn taken_ids(state: &mut State, name: &str) -> Result<Vec<u32>> {
    let ids = taken(state, name, &[-1], (Kind::Int64, Device::Cpu))?;
    let ids = Vec::<i64>::try_from(&ids).during("reading class ids")?;
    ids.into_iter()
        .map(|id| {
            u32::try_from(id).map_err(|_| {
                Error::failed(format!(
                    "the state's tensor `{name}` has {id}, not a class id"
                ))
            })
        })
        .collect()
}
