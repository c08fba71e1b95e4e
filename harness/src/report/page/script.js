"use strict";

// Sorting: a click on a heading sorts its table, a second one turns the order around. Joint runs
// stay below the others.
document.addEventListener("click", (event) => {
  const heading = event.target.closest(".sortable th[scope=col]");
  if (!heading) return;
  const table = heading.closest("table");
  const column = heading.cellIndex;
  const number = heading.classList.contains("n");
  const before = heading.getAttribute("aria-sort");
  const first = number && column > 0 ? "descending" : "ascending";
  const second = first === "ascending" ? "descending" : "ascending";
  const order = before === first ? second : first;
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", order);
  const sign = order === "ascending" ? 1 : -1;
  const key = (row) => row.cells[column].dataset.sort ?? row.cells[column].textContent;
  for (const body of table.tBodies) {
    const rows = [...body.rows].sort((a, b) => {
      const [one, other] = [key(a), key(b)];
      if (!number) return sign * one.localeCompare(other);
      const [x, y] = [parseFloat(one), parseFloat(other)];
      // Missing values come last in either order.
      if (isNaN(x) || isNaN(y)) return isNaN(x) - isNaN(y);
      return sign * (x - y);
    });
    body.append(...rows);
  }
});

// Figures: pointing at a strategy fades the others.
const point = (event) => {
  const svg = event.target.closest("figure svg");
  if (!svg) return;
  const series = event.type === "pointerover" && event.target.closest("[data-series]");
  svg.classList.toggle("one", Boolean(series));
  for (const element of svg.querySelectorAll("[data-series]")) {
    element.classList.toggle("chosen", series && element.dataset.series === series.dataset.series);
  }
};
document.addEventListener("pointerover", point);
document.addEventListener("pointerout", point);

// What is drawn or unpacked when it is opened.
document.addEventListener("toggle", (event) => {
  if (!event.target.open) return;
  unpack(event.target.querySelector(":scope > [data-packed]"));
  if (event.target.matches(".matrices")) matrices(event.target);
}, true);

// A link to a closed stream opens it.
const follow = () => {
  const target = document.getElementById(location.hash.slice(1));
  if (target?.matches("details")) target.open = true;
};
addEventListener("hashchange", follow);
follow();

async function unpack(element) {
  if (!element) return;
  const bytes = Uint8Array.from(atob(element.dataset.packed), (byte) => byte.charCodeAt(0));
  delete element.dataset.packed;
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  element.innerHTML = await new Response(stream).text();
}

// The accuracy matrix of a cell.
function matrices(details) {
  if (details.dataset.drawn) return;
  details.dataset.drawn = "yes";
  const strategies = JSON.parse(details.querySelector("script").textContent);
  const [strategy, seed, candidates] = details.querySelectorAll("select");
  const fill = (select, texts) => select.replaceChildren(...texts.map((text, i) => new Option(text, i)));
  const draw = () => {
    const text = strategies[strategy.value].cells[seed.value][1];
    const tasks = Number(details.dataset.tasks);
    const rows = tasks + 1;
    const at = (after, on) => 2 * ((Number(candidates.value) * rows + after) * tasks + on);
    details.querySelector(".matrix").replaceChildren(heatMap(rows, tasks, (after, on) => decoded(text, at(after, on))));
  };
  const choose = () => {
    fill(seed, strategies[strategy.value].cells.map(([seed]) => seed));
    draw();
  };
  fill(strategy, strategies.map(({ name }) => name));
  strategy.addEventListener("change", choose);
  seed.addEventListener("change", draw);
  candidates.addEventListener("change", draw);
  choose();
}

// Two digits in base 64: tenths of a percent.
function decoded(text, at) {
  const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._";
  const [high, low] = [digits.indexOf(text[at]), digits.indexOf(text[at + 1])];
  return high < 0 ? null : (64 * high + low) / 10;
}

function heatMap(rows, tasks, value) {
  const table = document.createElement("table");
  table.classList.toggle("many", tasks > 12);
  const head = table.createTHead().insertRow();
  const heading = (row, text, scope) => {
    const cell = document.createElement("th");
    cell.scope = scope;
    cell.textContent = text;
    row.append(cell);
  };
  heading(head, "after ↓ on →", "col");
  for (let on = 0; on < tasks; on++) heading(head, on + 1, "col");
  const body = table.createTBody();
  for (let after = 0; after < rows; after++) {
    const row = body.insertRow();
    heading(row, after, "row");
    for (let on = 0; on < tasks; on++) {
      const cell = row.insertCell();
      const accuracy = value(after, on);
      if (accuracy === null) continue;
      const [colour, light] = ramp(accuracy / 100);
      cell.style.background = colour;
      cell.style.color = light ? "#fff" : "#000";
      cell.textContent = tasks > 6 ? Math.round(accuracy) : accuracy.toFixed(1);
      cell.title = `after task ${after}, on task ${on + 1}: ${accuracy.toFixed(1)} %`;
    }
  }
  return table;
}

// A colour between two of the ramp, and whether text on it must be light.
function ramp(value) {
  const place = value * (RAMP.length - 1);
  const below = Math.min(Math.floor(place), RAMP.length - 2);
  const channels = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
  const [low, high] = [channels(RAMP[below]), channels(RAMP[below + 1])];
  const mixed = low.map((channel, i) => Math.round(channel + (place - below) * (high[i] - channel)));
  const linear = mixed.map((c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
  const luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
  return [`rgb(${mixed})`, luminance < 0.18];
}
