const LOOKS = new WeakMap(); // order and bounds as the person set them

const number = (cell, by) => cell.numbers[by] ?? null;

// The cells by a number; those without one stand last, equals stay as they were.
export const ordered = (cells, by, falling = false) => {
  if (!by) return [...cells];
  const known = cells.filter(cell => number(cell, by) !== null),
    turn = falling ? -1 : 1;
  known.sort((one, other) => turn * (number(one, by) - number(other, by)));
  return [...known, ...cells.filter(cell => number(cell, by) === null)];
};
// Whether a number lies between the bounds; an empty bound holds nothing back.
export const fits = (cell, by, low, high) => {
  const value = number(cell, by);
  if (!by || (low === null && high === null)) return true;
  return value !== null && (low === null || value >= low) && (high === null || value <= high);
};
// From the least to the most, as 0 to 1.
export const shares = (cells, by) => {
  const values = cells.map(cell => number(cell, by)).filter(value => value !== null);
  const low = Math.min(...values),
    wide = Math.max(...values) - low;
  return new Map(
    cells.map(cell => [
      cell.at,
      number(cell, by) === null || !wide ? 0 : (number(cell, by) - low) / wide,
    ]),
  );
};
// What somebody typed into a bound: a number, or nothing.
export const bound = text => {
  const value = Number(text.replace(",", "."));
  return text.trim() === "" || Number.isNaN(value) ? null : value;
};

const element = (tag, kind, text) => {
  const made = document.createElement(tag);
  if (kind) made.className = kind;
  if (text !== undefined) made.textContent = text;
  return made;
};

export default function ({data, parentElement, setTriggerValue}) {
  window.sdplayThumbnails ??= new Map();
  const store = window.sdplayThumbnails;
  const $ = name => parentElement.querySelector(name);
  const look = LOOKS.get(parentElement) ?? {
    sort: "",
    by: "",
    falling: false,
    low: null,
    high: null,
  };
  LOOKS.set(parentElement, look);
  const rejected = new Set(data.rejected);
  const named = new Map(data.numbers.map(entry => [entry.id, entry]));
  const several = count => `${count} picture${count === 1 ? "" : "s"}`;

  // Numbers that cost time are counted when somebody asks for them.
  const need = by => {
    if (by && !named.get(by).ready) setTriggerValue("wanted", by);
  };
  const put = changed => {
    for (const at of changed) rejected.has(at) ? rejected.delete(at) : rejected.add(at);
    setTriggerValue("rejected", [...rejected]);
    draw();
  };
  const tile = (cell, share) => {
    const out = rejected.has(cell.at),
      item = element("div", "tile"),
      open = element("button", "look"),
      image = new Image(),
      away = element("button", "out", out ? "Take back" : "Reject");
    item.setAttribute("role", "listitem");
    item.style.setProperty("--share", share);
    image.alt = "";
    if (store.has(cell.picture)) image.src = store.get(cell.picture);
    const by = look.sort || look.by,
      value = by && number(cell, by) !== null ? `${named.get(by).label}: ${cell.texts[by]}` : "";
    open.type = away.type = "button";
    open.append(image, element("span", "number", value), element("span", "name", cell.name));
    open.setAttribute("aria-label", [cell.name, value].filter(Boolean).join(", "));
    away.setAttribute("aria-label", `${away.textContent} ${cell.name}`);
    open.onclick = () => setTriggerValue("opened", cell.at);
    away.onclick = () => put([cell.at]);
    open.onkeydown = event => {
      if (event.key !== "x" && event.key !== "X" && event.key !== "Delete") return;
      event.preventDefault();
      const next = item.nextElementSibling ?? item.previousElementSibling,
        at = next?.dataset.at;
      put([cell.at]);
      [...$(".tiles").children].find(each => each.dataset.at === at)?.firstElementChild.focus();
    };
    item.dataset.at = cell.at;
    item.append(open, away);
    return item;
  };
  // Drawn anew, the tile that had the focus has it again.
  const draw = () => {
    const focused = parentElement.getRootNode().activeElement,
      at = focused?.closest(".tile")?.dataset.at;
    redraw();
    if (at === undefined) return;
    const tiles = [...parentElement.querySelectorAll(".tile")];
    tiles
      .find(each => each.dataset.at === at)
      ?.querySelector(`.${focused.className}`)
      ?.focus();
  };
  const redraw = () => {
    const inside = data.cells.filter(cell => !rejected.has(cell.at)),
      fitting = inside.filter(cell => fits(cell, look.by, look.low, look.high)),
      beyond = inside.length - fitting.length,
      strength = shares(data.cells, look.sort || look.by);
    $(".tiles").replaceChildren(
      ...ordered(fitting, look.sort, look.falling).map(cell => tile(cell, strength.get(cell.at))),
    );
    const gone = data.cells.filter(cell => rejected.has(cell.at));
    $(".tiles.rejected").replaceChildren(...gone.map(cell => tile(cell, 0)));
    $("details").hidden = !gone.length;
    $("summary").textContent = `${gone.length} rejected`;
    $(".count").textContent = beyond
      ? `${fitting.length} of ${several(inside.length)}`
      : several(inside.length);
    $(".drop").hidden = !beyond;
    $(".drop").textContent = `Reject the other ${beyond}`;
    $(".drop").onclick = () =>
      put(inside.filter(cell => !fits(cell, look.by, look.low, look.high)).map(cell => cell.at));
    $(".turn").textContent = look.falling ? "Largest first" : "Smallest first";
    $(".turn").hidden = !look.sort;
    $(".bounds").hidden = !look.by;
    $(".sift").classList.toggle("measured", Boolean(look.sort || look.by));
  };

  const options = JSON.stringify(data.numbers.map(entry => entry.label));
  if ($(".sort").dataset.shape !== options) {
    $(".sort").dataset.shape = options;
    for (const [name, nothing] of [
      [".sort", "the plan"],
      [".by", "all"],
    ])
      $(name).replaceChildren(
        new Option(nothing, ""),
        ...data.numbers.map(entry => new Option(entry.label, entry.id)),
      );
  }
  $(".sort").value = look.sort;
  $(".by").value = look.by;
  $(".sort").onchange = event => {
    look.sort = event.target.value;
    need(look.sort);
    draw();
  };
  $(".by").onchange = event => {
    look.by = event.target.value;
    need(look.by);
    draw();
  };
  for (const name of ["low", "high"])
    $(`.${name}`).oninput = event => {
      look[name] = bound(event.target.value);
      draw();
    };
  $(".turn").onclick = () => {
    look.falling = !look.falling;
    draw();
  };
  parentElement.querySelector(".sift").style.setProperty("--ratio", data.ratio);
  draw();
  window.addEventListener("sdplay-thumbnails", draw);
  return () => window.removeEventListener("sdplay-thumbnails", draw);
}
