const element = (tag, kind, text) => {
  const made = document.createElement(tag);
  if (kind) made.className = kind;
  if (text !== undefined) made.textContent = text;
  return made;
};
function drawn(cell, button) {
  window.sdplayThumbnails ??= new Map();
  const store = window.sdplayThumbnails;
  const state = JSON.stringify(cell) + store.has(cell.picture);
  if (button.dataset.state === state) return;
  button.dataset.state = state;
  button.className = cell.state + (cell.badge ? " chosen" : "");
  button.setAttribute("aria-label", cell.title);
  button.title = cell.title;
  const frame = element("span", "picture"),
    image = new Image();
  image.alt = "";
  if (store.has(cell.picture)) image.src = store.get(cell.picture);
  frame.append(image);
  if (cell.heat !== null) {
    const tone = element("span", "tone");
    tone.style.setProperty("--heat", cell.heat);
    frame.append(tone);
  }
  if (cell.badge) {
    const badge = element("span", "badge");
    badge.dataset.letter = cell.badge; // drawn by the style sheet: the button's name has it already
    frame.append(badge);
  }
  button.replaceChildren(frame, element("span", "text", cell.text));
}
// The cell that an arrow key leads to, none at an edge; `wide` cells stand in a row.
export const neighbour = (from, key, wide, count) => {
  const move = {ArrowRight: 1, ArrowLeft: -1, ArrowDown: wide, ArrowUp: -wide}[key];
  const to = from + move;
  if (!move || from < 0 || to < 0 || to >= count) return null;
  const sideways = key === "ArrowRight" || key === "ArrowLeft";
  const sameRow = Math.floor(to / wide) === Math.floor(from / wide);
  return sideways && wide > 1 && !sameRow ? null : to;
};
// How wide headers must be so that none breaks inside a word: their longest word, within bounds.
export const room = (labels, width, least, most) => {
  const words = labels.flatMap(label => label.split(/\s+/)).filter(Boolean);
  return Math.min(most, Math.max(least, ...words.map(width)));
};
function measure(table, data) {
  table.pen ??= document.createElement("canvas").getContext("2d");
  const {pen} = table;
  const head = table.querySelector("thead th:last-child span");
  if (head) pen.font = getComputedStyle(head).font;
  const width = text => Math.ceil(pen.measureText(text).width) + 10;
  const rows = data.rows.filter(Boolean);
  const whole = Math.max(0, ...rows.map(width));
  const side = rows.length ? room(rows, width, Math.min(whole, 132), 220) : 0;
  table.style.setProperty("--side", `${side}px`);
  table.style.setProperty("--least", `${room(data.columns, width, 88, 220)}px`);
}
function build(table, data) {
  const head = element("thead"),
    top = element("tr"),
    body = element("tbody");
  const header = (label, scope) => {
    const cell = element("th");
    cell.scope = scope;
    cell.title = label;
    cell.append(element("span", "", label));
    return cell;
  };
  top.append(element("td"), ...data.columns.map(label => header(label, "col")));
  head.append(top);
  data.rows.forEach((label, row) => {
    const line = element("tr");
    line.append(header(label, "row"));
    for (let column = 0; column < (data.columns.length || data.cells.length); column++) {
      const cell = element("td"),
        button = element("button");
      button.type = "button";
      button.tabIndex = row || column ? -1 : 0;
      cell.append(button);
      line.append(cell);
    }
    body.append(line);
  });
  table.replaceChildren(head, body);
}
export default function ({data, parentElement, setTriggerValue}) {
  const table = parentElement.querySelector("table");
  const shape = JSON.stringify([data.columns, data.rows, data.cells.length]);
  const flows = !data.columns.length,
    single = data.rows.every(label => !label);
  table.classList.toggle("flow", flows);
  table.classList.toggle("single", single);
  table.style.setProperty("--most", `${data.most}px`);
  table.style.setProperty("--count", data.columns.length || 1);
  table.style.setProperty("--ratio", data.ratio);
  if (table.dataset.shape !== shape) {
    table.dataset.shape = shape;
    build(table, data);
    measure(table, data);
    document.fonts?.ready.then(() => measure(table, data));
  }
  const buttons = [...table.querySelectorAll("button")],
    upper = button => button.getBoundingClientRect().top;
  const refresh = () => {
    for (const [n, cell] of data.cells.entries()) drawn(cell, buttons[n]);
  };
  refresh();
  buttons.forEach((button, n) => {
    button.onclick = () => setTriggerValue("picked", data.cells[n].at);
  });
  table.onkeydown = event => {
    const wide = flows
      ? buttons.filter(button => upper(button) === upper(buttons[0])).length
      : data.columns.length;
    const from = buttons.indexOf(event.target);
    const to = neighbour(from, event.key, wide, buttons.length);
    if (to === null) return;
    event.preventDefault();
    buttons[from].tabIndex = -1;
    buttons[to].tabIndex = 0;
    buttons[to].focus();
  };
  const frame = table.parentElement;
  const fit = () => frame.classList.toggle("fits", table.scrollWidth <= frame.clientWidth + 1);
  const watcher = new ResizeObserver(fit);
  watcher.observe(frame);
  watcher.observe(table);
  window.addEventListener("sdplay-thumbnails", refresh);
  return () => {
    watcher.disconnect();
    window.removeEventListener("sdplay-thumbnails", refresh);
  };
}
