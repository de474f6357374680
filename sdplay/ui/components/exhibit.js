const make = (tag, kind, text) => {
  const element = document.createElement(tag);
  if (kind) element.className = kind;
  if (text !== undefined) element.textContent = text;
  return element;
};

// The next picture that is there, in this direction and around the end; -1 where there is none.
export const beside = (pictures, from, step) => {
  for (let count = 1; count <= pictures.length; count++) {
    const at = (from + step * count + pictures.length * count) % pictures.length;
    if (pictures[at].source) return at;
  }
  return -1;
};

const hung = picture => {
  const frame = make("span", "frame");
  if (picture.source) {
    const image = new Image();
    image.alt = "";
    image.src = picture.source;
    frame.append(image);
  }
  if (picture.source && picture.ring) {
    const ring = make("span", "ring");
    const [left, top, width, height] = picture.ring;
    Object.assign(ring.style, {
      left: `${left}%`,
      top: `${top}%`,
      width: `${width}%`,
      height: `${height}%`,
    });
    frame.append(ring);
  }
  if (picture.marks.length) {
    const mark = make("span", "mark");
    mark.append(...picture.marks.map(number => make("b", "", number)));
    frame.append(mark);
  }
  return frame;
};

export default function ({data, parentElement}) {
  const wall = parentElement.querySelector(".wall");
  const dialog = parentElement.querySelector("dialog");
  const {pictures} = data;
  wall.style.setProperty("--columns", data.columns);
  wall.style.setProperty("--ratio", data.ratio);
  wall.classList.toggle("flow", data.flows);
  let open = -1;
  const look = at => {
    if (at < 0) return;
    open = at;
    const large = dialog.querySelector(".large");
    large.src = pictures[at].source;
    large.alt = pictures[at].text;
    dialog.querySelector(".name").textContent = pictures[at].text;
    if (!dialog.open) dialog.showModal();
  };
  while (wall.children.length > pictures.length) wall.lastChild.remove();
  for (const [at, picture] of pictures.entries()) {
    const shape = JSON.stringify(picture);
    const item = wall.children[at] ?? wall.appendChild(make("div"));
    item.setAttribute("role", "listitem");
    let piece = item.firstChild;
    if (!piece) {
      piece = item.appendChild(make("button"));
      piece.type = "button";
    }
    piece.onclick = () => pictures[at].source && look(at);
    if (piece.dataset.shape === shape) continue;
    piece.dataset.shape = shape;
    piece.className = `piece ${picture.state}`;
    piece.setAttribute("aria-disabled", String(!picture.source));
    piece.replaceChildren(hung(picture), make("span", "text", picture.text));
  }
  const turn = step => look(beside(pictures, open, step));
  dialog.querySelector(".before").onclick = () => turn(-1);
  dialog.querySelector(".next").onclick = () => turn(1);
  dialog.querySelector(".close").onclick = () => dialog.close();
  dialog.onkeydown = event => {
    const step = {ArrowLeft: -1, ArrowRight: 1}[event.key];
    if (step) turn(step);
  };
  dialog.onclick = event => {
    if (event.target === dialog) dialog.close();
  };
  let began = null;
  dialog.ontouchstart = event => {
    began = event.touches[0].clientX;
  };
  dialog.ontouchend = event => {
    const moved = event.changedTouches[0].clientX - (began ?? 0);
    if (began !== null && Math.abs(moved) > 40) turn(moved < 0 ? 1 : -1);
    began = null;
  };
}
