//! Axes in numbers: from values to coordinates, with round ticks.

/// A scale of an axis.
#[derive(Debug, Clone, PartialEq)]
pub struct Scale {
    logarithmic: bool,
    domain: [f64; 2],
    range: [f64; 2],
    ticks: Vec<f64>,
}

impl Scale {
    /// A linear scale that begins and ends with a tick, within `limits`.
    pub fn linear(values: impl Iterator<Item = f64>, limits: [f64; 2], range: [f64; 2]) -> Scale {
        let [low, high] = extent(values).unwrap_or([0.0, 1.0]);
        let least = 1e-9 + 0.005 * high.abs().max(low.abs());
        let slack = (least - (high - low)).max(0.0) / 2.0;
        let (low, high) = (low - slack, high + slack);
        let step = round_step((high - low) / 5.0);
        let start = (low / step).floor().max((limits[0] / step).ceil());
        let end = (high / step).ceil().min((limits[1] / step).floor());
        let count = (end - start).round() as i64;
        let ticks: Vec<f64> = (0..=count.max(1))
            .map(|index| (start + index as f64) * step)
            .collect();
        Scale {
            logarithmic: false,
            domain: [ticks[0], ticks[ticks.len() - 1]],
            range,
            ticks,
        }
    }

    /// A logarithmic scale; values of zero and less are drawn at its beginning.
    pub fn logarithmic(values: impl Iterator<Item = f64>, range: [f64; 2]) -> Scale {
        let [low, high] = extent(values.filter(|value| *value > 0.0)).unwrap_or([1.0, 10.0]);
        let (low, high) = (low / 1.15, high * 1.15);
        let (from, to) = (low.log10().floor() as i32, high.log10().ceil() as i32);
        let decades = (from..=to).map(|power| 10f64.powi(power));
        // 1, 2, 5 within a few decades; else powers of ten, and not too many.
        let wide = to - from > 3;
        let every = ((to - from) / 6 + 1) as usize;
        let ticks: Vec<f64> = match wide {
            true => decades.step_by(every).collect(),
            false => decades
                .flat_map(|ten| [ten, 2.0 * ten, 5.0 * ten])
                .collect(),
        };
        let inside = |tick: &f64| (low..=high).contains(tick);
        let ticks: Vec<f64> = ticks.into_iter().filter(inside).collect();
        Scale {
            logarithmic: true,
            domain: [low, high],
            range,
            ticks,
        }
    }

    /// The coordinate of a value, never outside the axis.
    pub fn at(&self, value: f64) -> f64 {
        let [low, high] = self.domain;
        let part = match self.logarithmic {
            false => (value - low) / (high - low),
            true if value <= 0.0 => 0.0,
            true => (value / low).ln() / (high / low).ln(),
        };
        let [from, to] = self.range;
        from + part.clamp(0.0, 1.0) * (to - from)
    }

    /// The ticks.
    pub fn ticks(&self) -> &[f64] {
        &self.ticks
    }

    /// The text of a tick.
    pub fn text(&self, tick: f64) -> String {
        if self.logarithmic {
            return short(tick);
        }
        let step = match self.ticks[..] {
            [first, second, ..] => second - first,
            _ => 1.0,
        };
        // As many as the step has.
        let is_whole = |number: f64| (number - number.round()).abs() < 1e-6 * number.abs();
        let decimals = (0..6).find(|&count| is_whole(step * 10f64.powi(count)));
        let decimals = decimals.unwrap_or(6) as usize;
        super::super::number::decimals(tick, decimals)
    }
}

/// The least value that is not far from the others, if few are: a plot in which one strategy is far
/// below all others would show nothing else. `values` are distances from the best, at least 0.
pub fn near_limit(distances: impl Iterator<Item = f64>) -> Option<f64> {
    let mut distances: Vec<f64> = distances.filter(|distance| *distance > 0.0).collect();
    distances.sort_by(f64::total_cmp);
    let median = distances
        .get(distances.len() / 2)
        .filter(|_| distances.len() > 2)?;
    // The median of those that remain when the farthest is left out, if there are few.
    let typical = distances[(distances.len() - 1) / 2].min(*median);
    let limit = 6.0 * typical;
    let far = distances
        .iter()
        .filter(|distance| **distance > limit)
        .count();
    (far > 0 && 3 * far <= distances.len()).then_some(limit)
}

/// A number in few characters, such as 20, 0.5 or 3k.
pub fn short(number: f64) -> String {
    let trimmed = |number: f64| {
        let text = format!("{number:.3}");
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    };
    match number.abs() {
        n if n >= 1e6 => trimmed(number / 1e6) + "M",
        n if n >= 1e4 => trimmed(number / 1e3) + "k",
        n if n != 0.0 && n < 1e-3 => format!("{number:e}"),
        _ => trimmed(number),
    }
}

fn extent(values: impl Iterator<Item = f64>) -> Option<[f64; 2]> {
    let finite = values.filter(|value| value.is_finite());
    finite.fold(None, |extent, value| match extent {
        None => Some([value, value]),
        Some([low, high]) => Some([value.min(low), value.max(high)]),
    })
}

/// The least of 1, 2, 2.5 and 5, times a power of ten, that is not below `least`.
fn round_step(least: f64) -> f64 {
    let ten = 10f64.powf(least.log10().floor());
    let steps = [1.0, 2.0, 2.5, 5.0, 10.0].map(|step| step * ten);
    let enough = |step: &f64| *step >= least * (1.0 - 1e-9);
    steps.into_iter().find(enough).unwrap_or(10.0 * ten)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(scale: &Scale) -> Vec<String> {
        scale.ticks().iter().map(|&tick| scale.text(tick)).collect()
    }

    #[test]
    fn ticks_are_round_and_stay_within_the_limits() {
        let percent = |values: &[f64]| {
            let values = values.iter().copied();
            texts(&Scale::linear(values, [0.0, 100.0], [0.0, 1.0]))
        };
        assert_eq!(percent(&[3.0, 99.4]), ["0", "20", "40", "60", "80", "100"]);
        assert_eq!(percent(&[81.0, 82.3]), ["81.0", "81.5", "82.0", "82.5"]);
        assert_eq!(
            percent(&[22.0, 34.0]),
            ["20.0", "22.5", "25.0", "27.5", "30.0", "32.5", "35.0"]
        );
        assert_eq!(percent(&[50.0]).len(), 5);
        assert_eq!(percent(&[100.0]).last().unwrap(), "100.0");
        assert_eq!(percent(&[]).len(), 6);
    }

    #[test]
    fn what_is_far_from_all_others_is_found() {
        let limit = |distances: &[f64]| near_limit(distances.iter().copied());
        // Four generators beside zero-shot.
        assert_eq!(limit(&[0.0, 0.25, 0.5, 2.75, 46.0]), Some(3.0));
        assert_eq!(
            limit(&[0.0, 3.8, 17.3, 21.0, 21.7, 41.8, 62.0, 68.5, 69.9]),
            None
        );
        assert_eq!(limit(&[0.0, 1.0, 50.0]), None);
    }

    #[test]
    fn a_logarithmic_scale_covers_its_values() {
        let ticks = |values: &[f64]| texts(&Scale::logarithmic(values.iter().copied(), [0.0, 1.0]));
        assert_eq!(
            ticks(&[0.4, 70.0]),
            ["0.5", "1", "2", "5", "10", "20", "50"]
        );
        assert_eq!(ticks(&[1.0, 3e6]), ["10", "1000", "100k"]);
        let scale = Scale::logarithmic([1.0, 100.0].into_iter(), [0.0, 10.0]);
        assert!((scale.at(10.0) - 5.0).abs() < 1e-9);
        assert_eq!(scale.at(0.0), 0.0);
    }
}
