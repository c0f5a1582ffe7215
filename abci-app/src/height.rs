//! Two counts of blocks: CometBFT's begins at 1, ours at 0.

/// CometBFT's height of our block `height`; 0 before the first.
pub(crate) fn to_comet(height: Option<u64>) -> i64 {
    height.map_or(0, |height| i64::try_from(height.saturating_add(1)).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_block_is_one_for_cometbft() {
        assert_eq!([to_comet(None), to_comet(Some(0)), to_comet(Some(41))], [0, 1, 42]);
    }
}
