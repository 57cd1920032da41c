//! Rectangles whose areas are as weights, as square as can be (Bruls, Huizing, van Wijk 2000).

use super::svg::Area;

/// Lays out weights, which descend; each gets an area in the same order.
pub(super) fn layout(weights: &[f64], within: Area) -> Vec<Area> {
    let total: f64 = weights.iter().sum();
    if total <= 0.0 {
        return weights.iter().map(|_| Area { width: 0.0, height: 0.0, ..within }).collect();
    }
    let scale = within.width * within.height / total;
    let areas: Vec<f64> = weights.iter().map(|weight| weight * scale).collect();
    let (mut placed, mut rest, mut start) = (Vec::with_capacity(areas.len()), within, 0);
    while start < areas.len() {
        let side = rest.width.min(rest.height);
        let mut end = start + 1;
        while end < areas.len()
            && worst(&areas[start..=end], side) <= worst(&areas[start..end], side)
        {
            end += 1;
        }
        rest = place(&areas[start..end], rest, &mut placed);
        start = end;
    }
    placed
}

/// The worst ratio of sides if these areas share a row along `side`.
fn worst(row: &[f64], side: f64) -> f64 {
    let sum: f64 = row.iter().sum();
    let (least, most) = row
        .iter()
        .fold((f64::INFINITY, 0.0_f64), |(low, high), area| (low.min(*area), high.max(*area)));
    let (side, sum) = (side * side, sum * sum);
    (side * most / sum).max(sum / (side * least.max(1e-12)))
}

/// Puts a row along the shorter side; returns what is left.
fn place(row: &[f64], rest: Area, placed: &mut Vec<Area>) -> Area {
    let sum: f64 = row.iter().sum();
    let is_tall = rest.width >= rest.height;
    let side = rest.width.min(rest.height).max(1e-9);
    let depth = sum / side;
    let mut along = 0.0;
    for area in row {
        let length = area / depth.max(1e-9);
        placed.push(if is_tall {
            Area { x: rest.x, y: rest.y + along, width: depth, height: length }
        } else {
            Area { x: rest.x + along, y: rest.y, width: length, height: depth }
        });
        along += length;
    }
    if is_tall {
        Area { x: rest.x + depth, width: (rest.width - depth).max(0.0), ..rest }
    } else {
        Area { y: rest.y + depth, height: (rest.height - depth).max(0.0), ..rest }
    }
}

#[cfg(test)]
mod tests {
    use super::{Area, layout};

    const WITHIN: Area = Area { x: 10.0, y: 20.0, width: 600.0, height: 400.0 };

    #[track_caller]
    fn check(weights: &[f64]) {
        let areas = layout(weights, WITHIN);
        let total: f64 = weights.iter().sum();
        assert_eq!(areas.len(), weights.len());
        for (area, weight) in areas.iter().zip(weights) {
            let expected = weight / total * WITHIN.width * WITHIN.height;
            assert!((area.width * area.height - expected).abs() < 1e-6 * expected, "{area:?}");
            assert!(area.x >= WITHIN.x - 1e-6 && area.y >= WITHIN.y - 1e-6, "{area:?}");
            assert!(area.x + area.width <= WITHIN.x + WITHIN.width + 1e-6, "{area:?}");
            assert!(area.y + area.height <= WITHIN.y + WITHIN.height + 1e-6, "{area:?}");
        }
    }

    #[test]
    fn areas_are_as_weights_and_stay_inside() {
        check(&[1.0]);
        check(&[6.0, 6.0, 4.0, 3.0, 2.0, 2.0, 1.0]);
        check(&(1..100).rev().map(f64::from).collect::<Vec<_>>());
    }

    #[test]
    fn nothing_has_no_area() {
        assert!(layout(&[], WITHIN).is_empty());
        assert!(layout(&[0.0, 0.0], WITHIN).iter().all(|area| area.width == 0.0));
    }
}
