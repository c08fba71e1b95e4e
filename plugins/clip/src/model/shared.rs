//! Rows that have the same context and begin with the same tokens, such as those of CoOp's classes.
//!
//! Attention is causal, so these tokens are the same in every row and every layer. They are encoded
//! once: they attend to the start token and to each other, and the rest of each row attends to them
//! as well.

use super::pooled::Layout;
use clbench_torch::tch::{Device, Kind, TchError, Tensor};
use clbench_transformer::layer::{Attention, Inputs};

/// The tokens after the start token with which all rows begin. In a layout they are packed before
/// the rest of any row, and the grid has only the rest.
#[derive(Debug)]
pub(super) struct SharedTokens {
    /// Their number.
    count: i64,
    /// The attention mask of the grid: 0 for tokens up to a row's own position, −∞ after it,
    /// `[length, 1 + count + length]`.
    pub(super) mask: Tensor,
}

impl SharedTokens {
    /// Prepares `count` tokens before a grid of `length` positions per row.
    pub(super) fn new(
        count: i64,
        length: i64,
        options: (Kind, Device),
    ) -> Result<SharedTokens, TchError> {
        let mask = Tensor::f_full([length, 1 + count + length], f64::NEG_INFINITY, options)?;
        Ok(SharedTokens {
            count,
            mask: mask.f_triu(2 + count)?,
        })
    }

    /// The attention of packed tokens, from its inputs, `[tokens, width]` each; in the same shape.
    pub(super) fn mix(
        &self,
        attention: &Attention,
        start: &Inputs,
        layout: &Layout,
        [queries, keys, values]: &Inputs,
    ) -> Result<Tensor, TchError> {
        let beginning = [
            self.beginning(&start[0], queries)?,
            self.beginning(&start[1], keys)?,
            self.beginning(&start[2], values)?,
        ];
        let shared = attention.mix(1, &beginning, None)?;
        let of_rows = [
            layout.in_grid(&start[0], &self.rest(queries)?)?,
            self.of_rows(&start[1], layout, keys)?,
            self.of_rows(&start[2], layout, values)?,
        ];
        let rest = attention
            .mix(layout.rows, &of_rows, Some(&self.mask))?
            .f_index_select(0, &layout.places)?;
        Tensor::f_cat(&[&shared.f_narrow(0, 1, self.count)?, &rest], 0)
    }

    /// Packed keys or values, `[tokens, width]`, as whole rows with start and shared tokens,
    /// `[rows, 1 + count + length, width]`.
    pub(super) fn of_rows(
        &self,
        start: &Tensor,
        layout: &Layout,
        packed: &Tensor,
    ) -> Result<Tensor, TchError> {
        let width = packed.size()[1];
        let beginning = self
            .beginning(start, packed)?
            .f_expand([layout.rows, -1, -1], false)?;
        let rest = layout
            .in_grid(start, &self.rest(packed)?)?
            .f_view([layout.rows, -1, width])?;
        Tensor::f_cat(&[beginning, rest], 1)
    }

    /// The start token and the shared tokens, `[1 + count, width]`.
    fn beginning(&self, start: &Tensor, packed: &Tensor) -> Result<Tensor, TchError> {
        Tensor::f_cat(&[start, &packed.f_narrow(0, 0, self.count)?], 0)
    }

    /// The packed tokens after the shared ones.
    fn rest(&self, packed: &Tensor) -> Result<Tensor, TchError> {
        packed.f_narrow(0, self.count, packed.size()[0] - self.count)
    }
}
