const MEASURED = "sdplay-stroke-to-picture",
  MOST = 500; // times that the browser remembers
const LATEST = new WeakMap(); // the last request whose picture stands here
// Whether an answer may take the place of the one that stands: an older one never does.
export const isNewer = (standing, turn) => standing === undefined || turn >= standing;
// How long it took from a stroke to its picture; nothing where the stroke was not made here.
export const sinceStroke = (stroke, now, marks) => {
  const begun = marks(`sdplay-stroke-${stroke}`);
  return begun.length ? now - begun[begun.length - 1].startTime : null;
};

export default function ({data, parentElement}) {
  const $ = name => parentElement.querySelector(name);
  const image = $("img"),
    figure = $(".outcome");
  figure.style.setProperty("--ratio", data.width / data.height);
  figure.classList.toggle("working", data.working);
  $(".said").textContent = data.said;
  $(".dot").hidden = !data.said;
  $(".empty").textContent = data.empty;
  $(".empty").hidden = Boolean(data.source);
  if (!data.source || !isNewer(LATEST.get(parentElement), data.turn)) return;
  const fresh = LATEST.get(parentElement) !== data.turn;
  LATEST.set(parentElement, data.turn);
  image.alt = data.alt;
  image.hidden = false;
  if (!fresh && image.src === data.source) return;
  $(".time").textContent = "";
  image.src = data.source;
  image.decode().then(
    () => {
      if (!data.timed || LATEST.get(parentElement) !== data.turn) return;
      const marks = name => performance.getEntriesByName(name, "mark"),
        taken = sinceStroke(data.stroke, performance.now(), marks);
      if (taken === null) return;
      if (performance.getEntriesByName(MEASURED).length >= MOST)
        performance.clearMeasures(MEASURED);
      performance.measure(MEASURED, `sdplay-stroke-${data.stroke}`);
      $(".time").textContent = `${(taken / 1000).toFixed(2)} s from stroke to picture`;
    },
    () => {}, // the next one came before this was decoded
  );
}
