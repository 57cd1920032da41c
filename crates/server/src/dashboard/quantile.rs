use serving::Histogram;

/// The value below which `share` of the observations lie, in the unit of `bounds`; `None` if there are none.
///
/// Only the bucket is known for sure; within it observations are taken to be spread evenly, as
/// Prometheus's `histogram_quantile` does. What lies above the last bound is said to be that bound.
pub(super) fn quantile<const N: usize>(
    histogram: &Histogram<N>,
    bounds: &[f64; N],
    share: f64,
) -> Option<f64> {
    if histogram.count == 0 {
        return None;
    }
    let rank = share * histogram.count as f64;
    let mut below = 0.0;
    let mut lower = 0.0;
    for (bound, count) in bounds.iter().zip(histogram.buckets) {
        let count = count as f64;
        if count > 0.0 && below + count >= rank {
            return Some(lower + (bound - lower) * ((rank - below) / count).clamp(0.0, 1.0));
        }
        below += count;
        lower = *bound;
    }
    Some(lower)
}

#[cfg(test)]
mod tests;
