"""A run's tables, read from those that are committed."""

import tempfile
import unittest
from pathlib import Path

try:
    import pandas
except ImportError:
    pandas = None

import clbench

QUICKSTART = Path(__file__).resolve().parents[4] / "results" / "quickstart"


@unittest.skipIf(pandas is None, "pandas is not installed")
class TableTests(unittest.TestCase):
    def setUp(self):
        self.results = clbench.results(QUICKSTART)

    def test_metrics_follow_from_the_matrices(self):
        """FAA is the mean of the last row of `seen`, and CI-Transfer reads `all` above the diagonal."""
        metrics = self.results.metrics
        all_ = self.results.matrices("all")
        checked = 0
        for cell, seen in self.results.matrices().items():
            own = metrics[
                (metrics.stream == cell.stream)
                & (metrics.strategy == cell.strategy)
                & (metrics.seed == cell.seed)
            ].set_index("metric")["value"]
            self.assertAlmostEqual(seen[-1].mean(), own["faa"], 5)
            tasks = len(seen) - 1
            later = [all_[cell][task, task:].mean() for task in range(1, tasks)]
            if later and not pandas.isna(later[0]):
                self.assertAlmostEqual(sum(later) / len(later), own["ci-transfer"], 5)
                checked += 1
        self.assertGreaterEqual(checked, 3 * 2 * 3)

    def test_a_matrix_is_the_mean_over_seeds(self):
        ranpac = self.results.matrix("ranpac", "recoloured")
        of_seeds = [
            self.results.matrix("ranpac", "recoloured", seed)
            for seed in self.results.accuracy.seed.unique()
        ]
        self.assertEqual(ranpac.shape, (6, 5))
        self.assertAlmostEqual(ranpac[-1].mean(), sum(m[-1].mean() for m in of_seeds) / 3, 9)
        with self.assertRaisesRegex(ValueError, "name a stream: digits, recoloured"):
            self.results.matrix("ranpac")
        with self.assertRaisesRegex(KeyError, "ranpac on digits"):
            self.results.matrix("ranpac", "plain")

    def test_hashes_stay_texts(self):
        self.assertTrue(self.results.costs.settings.map(len).eq(12).all())

    def test_names_stay_texts_and_only_an_empty_field_is_missing(self):
        with tempfile.TemporaryDirectory() as folder:

            def write(table, *lines):
                text = "\n".join(lines) + "\n"
                (Path(folder) / f"{table}.csv").write_text(text, encoding="utf-8")

            write("confusion", "seed,class,predicted,count", "1,NA,7,2", "1,007,null,3")
            write("classes", "seed,class,n,seen_correct", "1,7,10,8", "1,9,5,")
            write("scalars", "task,name,step,value", "1,loss,0,0.5", "1,loss,1,NaN", "1,loss,2,inf")
            results = clbench.results(folder)
            pairs = list(zip(results.confusion["class"], results.confusion["predicted"]))
            self.assertEqual(pairs, [("NA", "7"), ("007", "null")])
            self.assertEqual(list(results.confusion["count"]), [2, 3])
            self.assertEqual(list(results.classes["class"]), ["7", "9"])
            self.assertEqual(list(results.classes["seen_correct"].isna()), [False, True])
            self.assertEqual(results.scalars["value"][0] + 1, 1.5)
            self.assertTrue(pandas.isna(results.scalars["value"][1]))

    def test_what_is_missing_is_named(self):
        with self.assertRaisesRegex(FileNotFoundError, "nowhere/costs.csv: no such file"):
            clbench.results("nowhere").costs
        with self.assertRaisesRegex(FileNotFoundError, "`clbench run --confusion` writes it"):
            self.results.confusion
        with self.assertRaisesRegex(AttributeError, "no table `cost`; there are accuracy"):
            self.results.cost


if __name__ == "__main__":
    unittest.main()
