// Charts; they are made again when the theme changes, as a canvas does not follow the style sheet.

const drawings = [];
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();

function axis(title, extra = {}) {
  return {
    ...extra,
    title: {display: title !== "", text: title, color: colour("muted")},
    grid: {color: colour("line"), drawBorder: false, ...extra.grid},
    ticks: {color: colour("muted"), maxRotation: 0, autoSkipPadding: 12, ...extra.ticks},
  };
}

function plot(title, description, configuration) {
  const canvas = element("canvas", {role: "img", "aria-label": description});
  const drawing = {
    chart: null,
    draw: () => {
      drawing.chart?.destroy();
      drawing.chart = new Chart(canvas, configuration());
    }
  };
  drawings.push(drawing);
  return element("figure", {}, element("figcaption", {}, title), element("div", {class: "plot"}, canvas));
}

function base(type, datasets, x, y, extra = {}) {
  return {
    type,
    data: {labels: extra.labels, datasets},
    options: {
      animation: false,
      responsive: true,
      maintainAspectRatio: false,
      interaction: {mode: "index", intersect: false},
      ...extra.options,
      scales: {x, y},
      plugins: {
        legend: {
          display: datasets.length > 1 && extra.legend !== false,
          align: "start",
          labels: {
            color: colour("text"),
            ...(type === "bar" ? {boxWidth: 12, boxHeight: 12} :
                                 {usePointStyle: true, pointStyle: "line", pointStyleWidth: 26})
          }
        },
        tooltip: extra.tooltip ?? {},
      },
    },
  };
}

/// Figures of the epochs: [{label, values, theme colour}].
function curves(title, unit, series, {format = short, zero = false} = {}) {
  const present = series.filter(({values}) => values?.some(isNumber));
  if (present.length === 0) return null;
  const epochs = Math.max(...present.map(({values}) => values.length));
  const labels = Array.from({length: epochs}, (_, i) => i + 1);
  const last = present.map(({label, values}) => `${label} ends at ${format(values.at(-1))}`).join(", ");
  return plot(
      title, `${title} over ${epochs} epochs: ${last}`,
      () => base(
          "line", present.map(({label, values, tone, dashed}) => ({
                                label,
                                data: values,
                                borderColor: colour(tone),
                                backgroundColor: colour(tone),
                                borderWidth: 2,
                                borderDash: dashed ? [6, 3] : [],
                                pointRadius: epochs > 40 ? 0 : 2.5,
                                pointStyle: dashed ? "rect" : "circle",
                                tension: 0,
                              })),
          axis("epoch", {grid: {display: false}}),
          axis(unit, {beginAtZero: zero, ticks: {callback: (value) => format(value), maxTicksLimit: 7}}), {
            labels,
            tooltip: {
              callbacks: {
                title: (items) => "epoch " + items[0].label,
                label: (item) => ` ${item.dataset.label}: ${format(item.parsed.y)}`
              }
            }
          }));
}

/// The colour of one of `count` epochs, from early to late.
function ramp(i, count) {
  const share = count > 1 ? i / (count - 1) : 1;
  const [from, to] = ["early", "late"].map(
      (name) => colour(name).match(/[0-9a-f]{2}/gi).map((digits) => parseInt(digits, 16)));
  return `rgb(${from.map((value, c) => Math.round(value + share * (to[c] - value))).join(", ")})`;
}

/// The share of values per unit of the axis, at the middle of each part; of few values in wider parts.
function density(range, counts) {
  const total = counts.reduce((a, b) => a + b, 0);
  if (total === 0 || !(range[1] > range[0])) return [];
  const joined = Math.max(1, counts.length / Math.max(4, 2 ** Math.floor(Math.log2(2 * Math.sqrt(total)))));
  const parts = counts.length / joined, width = (range[1] - range[0]) / parts;
  const at = (i) => counts.slice(i * joined, (i + 1) * joined).reduce((a, b) => a + b, 0) / total / width;
  return [
    {x: range[0], y: 0},
    ...Array.from({length: parts}, (_, i) => ({x: range[0] + (i + 0.5) * width, y: at(i)})),
    {x: range[1], y: 0}
  ];
}

/// Histograms of some epochs: {range, counts}, a row an epoch.
function histogram(title, name, {range, counts}, epochs) {
  const last = range.at(-1).map(short).join(" to ");
  return plot(
      title, `${title} of ${name}: histograms of the epochs ${epochs.join(", ")}; in the last from ${last}`,
      () => base(
          "line", epochs.map((epoch, i) => ({
                               label: "epoch " + epoch,
                               data: density(range[i], counts[i]),
                               borderWidth: 1.5,
                               pointRadius: 0,
                               tension: 0,
                               borderColor: ramp(i, epochs.length),
                             })),
          axis("", {type: "linear", ticks: {callback: short, maxTicksLimit: 5}, grid: {display: false}}),
          axis("", {beginAtZero: true, ticks: {callback: short, maxTicksLimit: 4}}),
          {legend: false, tooltip: {enabled: false}}));
}
