"""Run the manual's notebook, and make its page.

Usage: notebook.py [--check] [--saved]

By default, runs the cells of src/analysis.ipynb in order, saves their outputs in it, and writes
src/analysis.md. It needs what the notebook imports, but no Jupyter:

    pip install pandas tensorboard wandb
    PYTHONPATH=plugins/python/package python harness/book/notebook.py

Outputs are text: what a cell prints, and the last expression as `repr` shows it.
"""

import argparse
import ast
import contextlib
import difflib
import io
import json
import os
import sys
import traceback
from pathlib import Path

SOURCE = Path(__file__).resolve().parent / "src"
NOTEBOOK = SOURCE / "analysis.ipynb"
PAGE = SOURCE / "analysis.md"
NOTE = "<!-- Made from analysis.ipynb by harness/book/notebook.py; edit the notebook. -->\n\n"
RENEW = "`UPDATE_EXPECT=1 cargo test --release -p clbench-tests --test clbench notebook`"


def run(notebook):
    """Runs all cells in the notebook's folder, and replaces the saved outputs by theirs."""
    names = {"__name__": "__main__"}
    os.chdir(SOURCE)
    number = 0
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            number += 1
            try:
                cell["outputs"] = outputs("".join(cell["source"]), number, names)
            except Exception:
                traceback.print_exc()
                sys.exit(f"{NOTEBOOK.name}: cell {number} failed; see above")
            cell["execution_count"] = number


def outputs(source, number, names):
    """The outputs of a cell, as a notebook holds them."""
    code = ast.parse(source, f"cell {number}")
    last = None
    if code.body and isinstance(code.body[-1], ast.Expr):
        last = ast.Expression(code.body.pop().value)
    printed, made = io.StringIO(), []
    with contextlib.redirect_stdout(printed):
        exec(compile(code, f"cell {number}", "exec"), names)
        value = last and eval(compile(last, f"cell {number}", "eval"), names)
    if printed.getvalue():
        made.append({"name": "stdout", "output_type": "stream", "text": lines(printed.getvalue())})
    if value is not None:
        made.append(
            {
                "data": {"text/plain": lines(repr(value))},
                "execution_count": number,
                "metadata": {},
                "output_type": "execute_result",
            }
        )
    return made


def lines(text):
    """A text as notebooks hold it. Padding at the end of lines says nothing."""
    return "\n".join(line.rstrip() for line in text.split("\n")).splitlines(keepends=True)


def page(notebook):
    """The notebook as Markdown."""
    parts = []
    for cell in notebook["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            parts.append(source)
            continue
        parts.append(f"```python\n{source}\n```")
        for output in cell["outputs"]:
            text = "".join(output.get("text") or output["data"]["text/plain"])
            parts.append(f"```text\n{text.rstrip()}\n```")
    return NOTE + "\n\n".join(parts) + "\n"


def differences(path, new):
    """How a file differs from what it should be."""
    old = path.read_text(encoding="utf-8") if path.exists() else ""
    compared = old.splitlines(keepends=True), new.splitlines(keepends=True)
    return "".join(difflib.unified_diff(*compared, f"{path.name} as it is", "as it should be"))


def main():
    parser = argparse.ArgumentParser(description="Run the manual's notebook, and make its page.")
    flag = lambda name, does: parser.add_argument(name, action="store_true", help=does)
    flag("--check", "write nothing; fail if a file differs")
    flag("--saved", "run nothing; use the saved outputs")
    options = parser.parse_args()
    notebook = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    if not options.saved:
        run(notebook)
    # As Jupyter writes it.
    files = {
        NOTEBOOK: json.dumps(notebook, indent=1, ensure_ascii=False) + "\n",
        PAGE: page(notebook),
    }
    if options.check:
        found = "".join(differences(path, text) for path, text in files.items())
        if found:
            sys.exit(f"{found}\nthe notebook or its page is out of date; {RENEW} renews them")
    else:
        for path, text in files.items():
            path.write_text(text, encoding="utf-8")


main()
