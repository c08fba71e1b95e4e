//! [`Outline`]: how far a point is from the edge of a shape.

/// A point, right and down from a shape's centre, in units of half its size: most of a shape is
/// within ±1.
pub(crate) type Point = [f32; 2];

/// One or more closed polygons. A point is inside if an odd number of them surround it.
pub(crate) struct Outline {
    edges: Vec<Edge>,
    reach: f32,
}

struct Edge {
    from: Point,
    along: Point,
    inverse_square: f32,
}

impl Outline {
    pub(crate) fn new(contours: &[Vec<Point>]) -> Self {
        let corners = contours.iter().flatten();
        let reach = corners.map(|[x, y]| (x * x + y * y).sqrt());
        let reach = reach.fold(0.0, f32::max);
        let edges = contours.iter().flat_map(|contour| {
            let next = contour.iter().cycle().skip(1);
            contour.iter().zip(next).map(|(&from, &to)| {
                let along = [to[0] - from[0], to[1] - from[1]];
                Edge {
                    from,
                    along,
                    inverse_square: 1.0 / (along[0] * along[0] + along[1] * along[1]),
                }
            })
        });
        Self {
            edges: edges.collect(),
            reach,
        }
    }

    /// The distance of the farthest corner from the centre.
    pub(crate) fn reach(&self) -> f32 {
        self.reach
    }

    /// The distance from a point to the nearest edge, negative inside.
    pub(crate) fn distance(&self, [x, y]: Point) -> f32 {
        let mut nearest = f32::MAX;
        let mut inside = false;
        for edge in &self.edges {
            let [along_x, along_y] = edge.along;
            let (from_x, from_y) = (x - edge.from[0], y - edge.from[1]);
            let at = (from_x * along_x + from_y * along_y) * edge.inverse_square;
            let at = at.clamp(0.0, 1.0);
            let (to_x, to_y) = (from_x - at * along_x, from_y - at * along_y);
            nearest = nearest.min(to_x * to_x + to_y * to_y);
            // Does a ray from the point to the right cross the edge?
            let starts_above = from_y < 0.0;
            let ends_above = from_y - along_y < 0.0;
            let left_of_line = (from_x * along_y < from_y * along_x) == (along_y > 0.0);
            inside ^= (starts_above != ends_above) & left_of_line;
        }
        let distance = nearest.sqrt();
        if inside { -distance } else { distance }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_to_a_frame_are_exact() {
        let square = |half: f32| vec![[-half, -half], [half, -half], [half, half], [-half, half]];
        let frame = Outline::new(&[square(1.0), square(0.5)]);
        assert_eq!(frame.distance([0.0, 0.0]), 0.5);
        assert_eq!(frame.distance([0.875, 0.0]), -0.125);
        assert_eq!(frame.distance([0.0, -0.625]), -0.125);
        assert_eq!(frame.distance([1.75, 0.25]), 0.75);
        assert_eq!(frame.distance([4.0, 5.0]), 5.0);
    }
}
