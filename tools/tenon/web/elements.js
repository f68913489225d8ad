// Elements, numbers and pictures.

/// An element with attributes (style: an object; undefined ones are left out) and children, nested as they
/// come.
function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes))
    if (name === "style")
      for (const [property, text] of Object.entries(value)) made.style.setProperty(property, text);
    else if (value !== undefined)
      made.setAttribute(name, value);
  made.append(...children.flat(Infinity).filter((child) => child !== undefined && child !== null));
  return made;
}

const hint = (...text) => element("p", {class: "hint"}, ...text);
const scroll = (label, child) =>
    element("div", {class: "scroll", tabindex: 0, role: "region", "aria-label": label}, child);

function table(head, rows, numbers = []) {
  const cell = (tag, value, column) => element(
      tag, {class: numbers.includes(column) ? "number" : undefined, scope: tag === "th" ? "col" : undefined},
      value);
  return element(
      "table", {class: "costs"},
      element("thead", {}, element("tr", {}, head.map((name, i) => cell("th", name, i)))),
      element(
          "tbody", {}, rows.map((row) => element("tr", {}, row.map((value, i) => cell("td", value, i))))));
}

const isNumber = (value) => typeof value === "number";
const fixed = (value, digits) => (isNumber(value) ? value.toFixed(digits) : "–");
const percent = (value, digits = 2) => (isNumber(value) ? (100 * value).toFixed(digits) + " %" : "–");
const whole = (value) => (isNumber(value) ? Math.round(value).toLocaleString("en") : "–");
const short = (value) => (isNumber(value) ? String(Number(value.toPrecision(3))) : "–");

function tile(sprite, index, size, label) {
  const scale = Math.max(1, Math.round(size / sprite.width));
  const x = (index % sprite.columns) * sprite.width * scale,
        y = Math.floor(index / sprite.columns) * sprite.height * scale;
  return element("div", {
    class: "tile",
    role: "img",
    "aria-label": label,
    style: {
      width: sprite.width * scale + "px",
      height: sprite.height * scale + "px",
      "background-image": "var(--sprite)",
      "background-size": sprite.columns * sprite.width * scale + "px auto",
      "background-position": `-${x}px -${y}px`,
    }
  });
}

function sheet(sprite, size, label) {
  return element(
      "div", {class: "sheet", style: {"--sprite": `url(${sprite.png})`}},
      Array.from({length: sprite.count}, (_, i) => tile(sprite, i, size, `${label} ${i + 1}`)));
}

function captioned({sprite, items}, withConfidence) {
  return element(
      "ul", {
        class: "pictures",
        style: {"--sprite": `url(${sprite.png})`, "--cell": withConfidence ? "5.6rem" : "4.4rem"}
      },
      items.map((item, i) => {
        const right = item.predicted === item.truth;
        const text = `${item.predicted} (${item.truth}) ${right ? "✓" : "✗"}`;
        const label = `image ${item.index}: predicted ${item.predicted}, true ${item.truth}, confidence ${
            percent(item.confidence, 1)}`;
        return element(
            "li", {title: label}, tile(sprite, i, 56, label),
            element("span", {class: right ? "right" : "wrong"}, text),
            withConfidence ? element("div", {class: "hint"}, percent(item.confidence, 1)) : null);
      }));
}
