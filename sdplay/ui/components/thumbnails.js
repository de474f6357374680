// Where a chart's tooltip names a thumbnail, the picture itself.
export const unveil = (tip, store) => {
  for (const value of tip.querySelectorAll("td.value")) {
    const source = store.get(value.textContent.trim());
    if (!source) continue;
    const image = new Image();
    image.src = source;
    image.alt = "";
    image.style.cssText = "display: block; width: 168px; border-radius: 8px;";
    value.colSpan = 2;
    value.parentElement.replaceChildren(value);
    value.replaceChildren(image);
  }
};
// The tooltip is added to the page when it is first needed, and filled anew each time.
function watch(store) {
  const fillings = new MutationObserver(records => unveil(records[0].target, store));
  const arrivals = new MutationObserver(() => {
    const tip = document.querySelector("#vg-tooltip-element:not([data-pictures])");
    if (!tip) return;
    tip.dataset.pictures = "";
    fillings.observe(tip, {childList: true});
    unveil(tip, store);
  });
  arrivals.observe(document.body, {childList: true});
  return arrivals;
}
export default function ({data}) {
  window.sdplayThumbnails ??= new Map();
  const store = window.sdplayThumbnails;
  window.sdplayTooltips ??= watch(store);
  for (const [id, jpeg] of Object.entries(data.pictures))
    store.set(id, `data:image/jpeg;base64,${jpeg}`);
  window.dispatchEvent(new Event("sdplay-thumbnails"));
}
