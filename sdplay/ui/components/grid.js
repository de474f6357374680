const made = (tag, kind, text) => {
  const each = document.createElement(tag);
  if (kind) each.className = kind;
  if (text !== undefined) each.textContent = text;
  return each;
};
function drawn(cell, button) {
  window.sdplayThumbnails ??= new Map();
  const store = window.sdplayThumbnails;
  const told = JSON.stringify(cell) + store.has(cell.picture);
  if (button.dataset.told === told) return;
  button.dataset.told = told;
  button.className = cell.state + (cell.badge ? " chosen" : "");
  button.setAttribute("aria-label", cell.title);
  button.title = cell.title;
  const frame = made("span", "picture"),
    image = new Image();
  image.alt = "";
  if (store.has(cell.picture)) image.src = store.get(cell.picture);
  frame.append(image);
  if (cell.heat !== null) {
    const tone = made("span", "tone");
    tone.style.setProperty("--heat", cell.heat);
    frame.append(tone);
  }
  if (cell.badge) frame.append(made("span", "badge", cell.badge));
  button.replaceChildren(frame, made("span", "text", cell.text));
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
export default function ({data, parentElement, setTriggerValue}) {
  const table = parentElement.querySelector("table");
  const shape = JSON.stringify([data.corner, data.columns, data.rows, data.cells.length]);
  const flows = !data.columns.length;
  table.classList.toggle("flow", flows);
  table.classList.toggle(
    "single",
    data.rows.every(label => !label),
  );
  table.style.setProperty("--most", `${data.most}px`);
  table.style.setProperty("--count", data.columns.length || 1);
  table.style.setProperty(
    "--side",
    data.rows.every(label => !label) ? "0px" : "clamp(72px, 14cqw, 150px)",
  );
  table.style.setProperty("--ratio", data.ratio);
  if (table.dataset.shape !== shape) {
    table.dataset.shape = shape;
    const head = made("thead"),
      top = made("tr"),
      body = made("tbody");
    const header = (label, scope) => {
      const each = made("th"),
        text = made("span", "", label);
      each.scope = scope;
      each.title = label;
      each.append(text);
      return each;
    };
    top.append(header(data.corner, "col"), ...data.columns.map(label => header(label, "col")));
    head.append(top);
    data.rows.forEach((label, row) => {
      const line = made("tr");
      line.append(header(label, "row"));
      for (let column = 0; column < (data.columns.length || data.cells.length); column++) {
        const place = made("td"),
          button = made("button");
        button.type = "button";
        button.tabIndex = row || column ? -1 : 0;
        place.append(button);
        line.append(place);
      }
      body.append(line);
    });
    table.replaceChildren(head, body);
  }
  const buttons = [...table.querySelectorAll("button")],
    upper = each => each.getBoundingClientRect().top;
  const refresh = () => {
    for (const [n, cell] of data.cells.entries()) drawn(cell, buttons[n]);
  };
  refresh();
  buttons.forEach((button, n) => {
    button.onclick = () => setTriggerValue("picked", data.cells[n].at);
  });
  table.onkeydown = event => {
    const wide = flows
      ? buttons.filter(each => upper(each) === upper(buttons[0])).length
      : data.columns.length;
    const from = buttons.indexOf(event.target);
    const to = neighbour(from, event.key, wide, buttons.length);
    if (to === null) return;
    event.preventDefault();
    buttons[from].tabIndex = -1;
    buttons[to].tabIndex = 0;
    buttons[to].focus();
  };
  window.addEventListener("sdplay-thumbnails", refresh);
  return () => window.removeEventListener("sdplay-thumbnails", refresh);
}
