// The sections of the page, from its data.

const data = JSON.parse(document.getElementById("data").textContent);
const main = document.getElementById("main");

function section(id, title, ...children) {
  main.append(element(
      "section", {id, "aria-labelledby": id + "-title"}, element("h2", {id: id + "-title"}, title),
      children));
  document.getElementById("contents").append(element("a", {href: "#" + id}, title));
}

const metadata = data.run.metadata, history = data.history, test = data.test, layers = data.layers;
const epochs = data.run.epoch;

function heading() {
  const name = data.model?.name ?? metadata["trainer.model"] ?? "Run";
  document.title = `${name}: Tenon report`;
  document.getElementById("title").textContent = name;
  document.getElementById("subtitle").textContent =
      `${data.file}, epoch ${epochs}, step ${data.run.step.toLocaleString("en")}` +
      (data.model ? ` · ${data.model.paper}` : "");
  if (data.notes.length)
    main.append(element(
        "div", {class: "notes", role: "note"},
        data.notes.map((note) => element("p", {}, note[0].toUpperCase() + note.slice(1) + "."))));

  const figures = [];
  const add = (name, value, more) => figures.push(element(
      "div", {}, element("dt", {}, name),
      element("dd", {}, value, more ? element("small", {}, more) : null)));
  if (test) {
    add("test accuracy", percent(test.accuracy), `${whole(test.wrong)} of ${whole(test.samples)} wrong`);
    add("test loss", fixed(test.loss, 4));
  }
  const losses = history.validation_loss ?? [];
  const best = losses.reduce((found, value, i) => (value === null || value >= losses[found] ? found : i), 0);
  if (losses.length) add("best validation loss", fixed(losses[best], 4), `epoch ${best + 1}`);
  if (history.loss?.length)
    add("training loss", fixed(history.loss.at(-1), 4), `epoch ${history.loss.length}`);
  if (layers) add("parameters", whole(layers.parameters));
  if (data.speed?.seconds.length) {
    const sorted = [...data.speed.samples_per_second].sort((a, b) => a - b);
    add("training speed", whole(sorted[Math.floor(sorted.length / 2)]), "images/s, median of the epochs");
    add("training time", fixed(data.speed.seconds.reduce((a, b) => a + b, 0), 1) + " s",
        "without validation");
  }
  main.append(element("dl", {class: "figures"}, figures));
}

function curvesSection() {
  const pair = (name) =>
      [{label: "training", values: history[name], tone: "training"},
       {label: "validation", values: history["validation_" + name], tone: "validation", dashed: true}];
  const known = ["loss", "accuracy", "learning_rate"];
  const others =
      Object.keys(history).filter((name) => !name.startsWith("validation_") && !known.includes(name));
  const missing = epochs - (data.speed?.samples_per_second.length ?? 0);
  const speed = data.speed && [...Array(Math.max(0, missing)).fill(null), ...data.speed.samples_per_second];
  const charts = [
    curves("Loss", "mean loss", pair("loss"), {zero: true}),
    curves("Accuracy", "share of right images", pair("accuracy"), {format: (value) => percent(value, 1)}),
    curves(
        "Learning rate", "at the end of the epoch",
        [{label: "learning rate", values: history.learning_rate, tone: "training"}],
        {zero: true, format: (value) => (value === 0 ? "0" : value.toPrecision(2))}),
    curves(
        "Training speed", "images/s", [{label: "images/s", values: speed, tone: "training"}],
        {zero: true, format: whole}),
    ...others.map((name) => curves(name.replaceAll("_", " "), name.replaceAll("_", " "), pair(name))),
  ].filter((chart) => chart !== null);
  if (charts.length) section("curves", "Curves", element("div", {class: "charts"}, charts));
}

function confusionTable() {
  const classes = test.confusion.map((_, i) => i);
  const off = Math.max(1, ...test.confusion.flatMap((row, i) => row.filter((_, j) => j !== i)));
  const shade = (count, i, j, total) => {
    if (count === 0) return undefined;
    const strength = i === j ? 0.1 + 0.4 * (count / total) : 0.12 + 0.5 * Math.sqrt(count / off);
    return {background: `rgba(var(--shade${i === j ? "" : "-off"}), ${strength.toFixed(2)})`};
  };
  const head = element(
      "tr", {}, element("td", {}), classes.map((c) => element("th", {scope: "col"}, String(c))),
      element("th", {class: "axis", scope: "col"}, "right"));
  const rows = test.confusion.map((row, i) => {
    const total = row.reduce((a, b) => a + b, 0);
    return element(
        "tr", {}, element("th", {scope: "row"}, String(i)),
        row.map(
            (count, j) => element(
                "td", {
                  style: shade(count, i, j, total) ?? {},
                  title: `${count} of ${total} images of ${i} taken for ${j}`
                },
                count === 0 ? "·" : String(count))),
        element("td", {class: "axis"}, total ? percent(row[i] / total, 1) : "–"));
  });
  return scroll(
      "Confusion matrix",
      element("table", {class: "confusion"}, element("thead", {}, head), element("tbody", {}, rows)));
}

function testSection() {
  if (!test) return;
  const children = [
    element("h3", {}, `The first ${test.first.items.length} images`),
    hint(
        "Predicted (true): ", element("span", {class: "right"}, "right ✓"), ", ",
        element("span", {class: "wrong"}, "wrong ✗"),
        `. In the whole set ${whole(test.wrong)} of ${whole(test.samples)} are wrong.`),
    captioned(test.first, false),
    element("h3", {}, "Confusion matrix"),
    hint("A row for each true class, a column for each class that was predicted."),
    confusionTable(),
  ];
  if (test.mistakes)
    children.push(
        element("h3", {}, `The ${test.mistakes.items.length} most confident mistakes`),
        hint("Predicted (true), and the probability that the model gave its prediction."),
        captioned(test.mistakes, true));
  section("test", "Test set", children);
}

function picturesSection() {
  const children = [];
  if (data.filters) {
    const {name, shape, limit, all, sprite} = data.filters;
    children.push(
        element("h3", {}, "Filters of the first layer"),
        hint(
            element("code", {}, `${name} ${shape}`),
            `${sprite.count < all ? `, the first ${sprite.count} of ${all}` : ""}: blue is ${
                short(-limit)}, white 0, orange ${short(limit)}.`),
        sheet(sprite, 60, "filter"));
  }
  if (data.maps?.layers.length) {
    children.push(
        element("h3", {}, "Feature maps of one image"),
        hint(
            "What each layer makes of the first test image; black is the least value of the layer, ",
            "white the greatest."),
        sheet(data.maps.input, 84, "input"));
    for (const {name, type, shape, range, all, sprite} of data.maps.layers)
      children.push(
          element(
              "h4", {}, name,
              ` ${type} ${shape}, ${short(range[0])} to ${short(range[1])}${
                  sprite.count < all ? `, the first ${sprite.count} of ${all}` : ""}`),
          sheet(sprite, 56, name + " map"));
  }
  if (children.length) section("pictures", "Filters and feature maps", children);
}

function timeSection() {
  if (!layers) return;
  const rows = layers.layers;
  const bars = plot(
      "Time of each layer",
      "Milliseconds of each layer, forward and backward; the table below has the figures",
      () => base(
          "bar",
          [
            {
              label: "forward",
              data: rows.map((row) => row.forward),
              backgroundColor: colour("training"),
              barPercentage: 0.7
            },
            {
              label: "backward",
              data: rows.map((row) => row.backward),
              backgroundColor: colour("validation"),
              barPercentage: 0.7
            },
          ],
          axis("milliseconds", {stacked: true, beginAtZero: true}),
          axis("", {stacked: true, grid: {display: false}}), {
            labels: rows.map((row) => row.name),
            options: {indexAxis: "y"},
            tooltip: {callbacks: {label: (item) => ` ${item.dataset.label}: ${fixed(item.parsed.x, 3)} ms`}}
          }));
  bars.querySelector(".plot").style.height = 5 + 1.9 * rows.length + "rem";
  const kernels = (names) => names.map((name) => element("div", {}, name));
  const costs = table(
      [
        "layer", "type", "output", "parameters", "forward, ms", "backward, ms", "forward kernels",
        "backward kernels"
      ],
      [
        ...rows.map(
            (row) =>
                [row.name, row.type, row.output, whole(row.parameters), fixed(row.forward, 3),
                 fixed(row.backward, 3), kernels(row.forward_kernels), kernels(row.backward_kernels)]),
        [
          "between layers, loss", "", "", "", fixed(layers.forward_between, 3),
          fixed(layers.backward_between, 3), "", ""
        ],
        [
          "all", "", "", whole(layers.parameters), fixed(layers.forward, 3), fixed(layers.backward, 3), "", ""
        ],
      ],
      [3, 4, 5]);
  const all = table(
      ["operation", "kernel", "implementation", "calls", "ms", "converted operands"],
      layers.kernels.map(
          (row) =>
              [row.operation, row.kernel, row.implementation, short(row.calls), fixed(row.milliseconds, 3),
               short(row.reorders)]),
      [3, 4, 5]);
  section(
      "time", "Time and kernels",
      hint(
          `One batch of ${layers.batch} images as a whole on ${layers.threads} threads of the machine that made `,
          `this report, medians of ${layers.repeats} repeats; training may cut it into shards, which take other `,
          "times. The backward pass of a layer lasts from the arrival of its output's gradient to that of its ",
          "input's."),
      element("div", {class: "charts", style: {"grid-template-columns": "1fr"}}, bars),
      scroll("Time of each layer", costs), element("h3", {}, "Kernels of a forward and backward pass"),
      scroll("Kernels", all));
}

function histogramSection() {
  if (!data.histograms?.epochs.length) return;
  const {epochs: shown, parameters} = data.histograms;
  const keys = element("ul", {class: "keys", "aria-label": "Epochs"});
  const paint = () => keys.replaceChildren(...shown.map(
      (epoch, i) =>
          element("li", {}, element("i", {style: {background: ramp(i, shown.length)}}), "epoch " + epoch)));
  drawings.push({draw: paint});
  section(
      "histograms", "Parameters and gradients",
      hint(
          "How the values of each parameter are spread at the end of an epoch, and those of its gradient at ",
          "the last batch: share of the values per unit."),
      keys,
      element(
          "div", {class: "charts"},
          parameters.map(
              ({name, values, gradient}) => element(
                  "div", {}, element("h3", {}, element("code", {}, name)),
                  element(
                      "div", {class: "pair"}, histogram("values", name, values, shown),
                      histogram("gradient", name, gradient, shown))))));
}

function runSection() {
  const values = (object) => scroll(
      "Values",
      element(
          "table", {class: "values"},
          element(
              "tbody", {},
              Object.entries(object).map(
                  ([name, value]) => element(
                      "tr", {}, element("th", {scope: "row"}, name), element("td", {}, String(value)))))));
  section(
      "run", "Configuration and machine",
      Object.keys(metadata).length ? values(metadata) : hint("The checkpoint has no metadata."),
      element("h3", {}, "This report"), values({
        "checkpoint written by": data.run.written_by,
        "report made by": data.run.reported_by,
        "Chart.js": Chart.version,
        ...(test ? {"test set": test.data} : {})
      }),
      element("pre", {tabindex: 0}, data.run.machine));
}

const dark = window.matchMedia("(prefers-color-scheme: dark)");
const button = document.getElementById("theme");

function use(theme) {
  document.documentElement.dataset.theme = theme;
  button.setAttribute("aria-pressed", String(theme === "dark"));
  drawings.forEach((drawing) => drawing.draw());
}

Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
heading();
for (const build of [curvesSection, testSection, picturesSection, timeSection, histogramSection, runSection])
  build();
use(dark.matches ? "dark" : "light");
dark.addEventListener("change", () => use(dark.matches ? "dark" : "light"));
button.addEventListener(
    "click", () => use(document.documentElement.dataset.theme === "dark" ? "light" : "dark"));
