//! Places for names next to markers, where they touch neither each other nor a marker.

use super::axes::Area;
use super::svg::{TEXT, width_of};

/// A rectangle: left, top, right, bottom.
pub type Box = [f64; 4];

/// Where a name stands.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Place {
    /// The left end of its baseline.
    pub at: [f64; 2],
    /// Whether it is so far from its marker that a line should join them.
    pub far: bool,
    /// Where that line ends.
    pub end: [f64; 2],
}

/// A place for the name of each marker, in order, that touches no obstacle; `None` for a name that
/// fits nowhere.
pub fn places(
    names: &[&str],
    markers: &[[f64; 2]],
    obstacles: &[Box],
    area: &Area,
) -> Vec<Option<Place>> {
    const MARKER: f64 = 5.0;
    let around = |[x, y]: [f64; 2]| [x - MARKER, y - MARKER, x + MARKER, y + MARKER];
    let markers_around = markers.iter().copied().map(around);
    let mut taken: Vec<Box> = markers_around.chain(obstacles.iter().copied()).collect();
    let mut places = Vec::new();
    for (name, &[x, y]) in names.iter().zip(markers) {
        let (width, height) = (width_of(name), TEXT);
        let candidate = |distance: f64, dx: f64, dy: f64| {
            // The side of the text that faces the marker is at that distance.
            let left = match dx {
                dx if dx > 0.0 => x + MARKER + distance * dx,
                dx if dx < 0.0 => x - MARKER + distance * dx - width,
                _ => x - width / 2.0,
            };
            let middle = y + dy * (distance + MARKER + height / 2.0);
            [
                left,
                middle - height / 2.0,
                left + width,
                middle + height / 2.0,
            ]
        };
        const DIRECTIONS: [[f64; 2]; 8] = [
            [1., 0.],
            [-1., 0.],
            [0., -1.],
            [0., 1.],
            [1., -1.],
            [-1., -1.],
            [1., 1.],
            [-1., 1.],
        ];
        let all = [2.0, 9.0, 18.0, 30.0, 44.0, 60.0]
            .into_iter()
            .flat_map(|distance| {
                DIRECTIONS.map(|[dx, dy]| (distance, candidate(distance, dx, dy)))
            });
        let inside = |[left, top, right, bottom]: &Box| {
            *left >= area.left + 2.0
                && *right <= area.right
                && *top >= area.top
                && *bottom <= area.bottom - 2.0
        };
        let free = |place: &Box| !taken.iter().any(|other| touch(place, other));
        let found = all
            .into_iter()
            .find(|(_, place)| inside(place) && free(place));
        places.push(found.map(|(distance, place)| {
            taken.push(place);
            let [left, top, right, bottom] = place;
            Place {
                at: [left, bottom - 2.5],
                far: distance > 8.0,
                end: [x.clamp(left, right), y.clamp(top, bottom)],
            }
        }));
    }
    places
}

fn touch(one: &Box, other: &Box) -> bool {
    const GAP: f64 = 1.5;
    one[0] < other[2] + GAP
        && other[0] < one[2] + GAP
        && one[1] < other[3] + GAP
        && other[1] < one[3] + GAP
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_touch_neither_each_other_nor_markers() {
        let area = Area::of_height(0.0, 210.0);
        // A cluster, and markers in the corners.
        let markers: Vec<[f64; 2]> = (0..9)
            .map(|i| {
                [
                    200.0 + 7.0 * f64::from(i % 3),
                    100.0 + 5.0 * f64::from(i / 3),
                ]
            })
            .chain([
                [area.left, 0.0],
                [area.right, 0.0],
                [area.right, area.bottom],
            ])
            .collect();
        let names: Vec<String> = (0..markers.len())
            .map(|i| format!("strategy-{i}"))
            .collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let places = places(&names, &markers, &[], &area);
        let boxes: Vec<Box> = (names.iter().zip(&places))
            .filter_map(|(name, place)| {
                let [x, y] = (*place)?.at;
                Some([x, y + 2.5 - TEXT, x + width_of(name), y + 2.5])
            })
            .collect();
        assert!(boxes.len() >= 11, "{}", boxes.len());
        for (index, one) in boxes.iter().enumerate() {
            assert!(one[0] >= area.left && one[2] <= area.right, "{one:?}");
            for other in &boxes[..index] {
                assert!(!touch(one, other), "{one:?} and {other:?}");
            }
            for [x, y] in &markers {
                assert!(!touch(one, &[*x, *y, *x, *y]), "{one:?} on {x}, {y}");
            }
        }
    }
}
