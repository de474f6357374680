// Streamlit keeps a visitor's choice of theme under this name and reads it when the page loads; it
// offers no other way from outside.  The address holds the form, so a reload loses nothing.
const CHOICE = `stActiveTheme-${location.pathname}-v2`;
const PAUSE = 150; // until what was being typed has reached the address

const isDark = element => {
  const [red, green, blue] = getComputedStyle(element)
    .backgroundColor.match(/[\d.]+/g)
    .map(Number);
  return red + green + blue < 384;
};

export default function ({parentElement}) {
  const button = parentElement.querySelector("button");
  const draw = () => {
    const dark = isDark(document.querySelector(".stApp") ?? document.body);
    const label = dark ? "Light colours" : "Dark colours";
    button.classList.toggle("dark", dark);
    button.title = label;
    button.setAttribute("aria-label", label);
    return dark;
  };
  button.onclick = () => {
    localStorage.setItem(CHOICE, JSON.stringify(draw() ? "Light" : "Dark"));
    setTimeout(() => location.reload(), PAUSE);
  };
  draw();
  const watch = new MutationObserver(draw);
  watch.observe(document.head, {childList: true});
  return () => watch.disconnect();
}
