const WAIT = 160; // a pointer that only passes over a picture enlarges nothing
const GAP = 10;

const tileOf = event =>
  event
    .composedPath()
    .find(
      part =>
        part instanceof HTMLButtonElement && part.closest(".tiles") && part.querySelector("img"),
    );
const photoOf = event =>
  event
    .composedPath()
    .find(part => part instanceof HTMLImageElement && part.closest("[data-testid=stImage]"));

export default function ({parentElement}) {
  const larger = parentElement.querySelector(".larger");
  const dialog = parentElement.querySelector("dialog");
  let timer, enlarged;

  const hide = () => {
    clearTimeout(timer);
    larger.hidden = true;
    if (enlarged) enlarged.button.title = enlarged.title;
    enlarged = undefined;
  };
  const show = button => {
    hide();
    enlarged = {button, title: button.title};
    larger.querySelector("img").src = button.querySelector("img").src;
    larger.querySelector("p").textContent = button.title;
    button.title = ""; // the browser's own note would stand over it
    larger.hidden = false;
    const tile = button.getBoundingClientRect();
    const {width, height} = larger.getBoundingClientRect();
    const right = tile.right + GAP + width < innerWidth;
    const left = right ? tile.right + GAP : Math.max(GAP, tile.left - GAP - width);
    const top = Math.min(tile.top, innerHeight - height - GAP);
    larger.style.left = `${left}px`;
    larger.style.top = `${Math.max(GAP, top)}px`;
  };

  const showSoon = button => {
    clearTimeout(timer);
    timer = setTimeout(() => show(button), WAIT);
  };
  const over = event => {
    const button = event.pointerType === "mouse" && tileOf(event);
    if (button && button !== enlarged?.button) showSoon(button);
  };
  const out = event => {
    if (event.pointerType === "mouse" && tileOf(event)) hide();
  };
  // The focus moves from tile to tile inside a shadow root without a word outside; the key is heard.
  const tabbed = event => {
    if (event.key !== "Tab") return;
    const button = tileOf(event);
    if (button?.matches(":focus-visible")) showSoon(button);
    else hide();
  };
  const pressed = event => {
    if (event.key === "Escape") hide();
  };
  const scrolled = () => {
    if (enlarged) hide(); // one that is still awaited is placed when it comes
  };
  const clicked = event => {
    hide();
    const photo = photoOf(event);
    if (!photo) return;
    const image = dialog.querySelector("img");
    image.src = photo.currentSrc || photo.src;
    image.alt = photo.alt;
    dialog.showModal();
  };
  dialog.querySelector("button").onclick = () => dialog.close();

  const listening = {
    pointerover: over,
    pointerout: out,
    keyup: tabbed,
    focusout: hide,
    keydown: pressed,
    click: clicked,
    scroll: scrolled,
  };
  // Streamlit also ends a component that stays on the page, without beginning it again: it is the
  // next one that ends this one.
  window.sdplayEnlarge?.abort();
  const listeners = new AbortController();
  window.sdplayEnlarge = listeners;
  for (const [name, act] of Object.entries(listening))
    document.addEventListener(name, act, {capture: true, signal: listeners.signal});
}
