// A picture that is looked at closely: how near, and where it lies in its frame, in shares of it.
export const CLOSEST = 16;
export const within = (value, low, high) => Math.min(Math.max(value, low), high);

// Where the picture lies after a push, never with a gap at its edge.
export const pannedBy = ({x, y, zoom}, dx, dy) => ({
  x: within(x + dx, 1 - zoom, 0),
  y: within(y + dy, 1 - zoom, 0),
});
// What lies at x, y of the pane stays there.
export const zoomedTo = (look, zoom, x, y) => {
  const next = within(zoom, 1, CLOSEST),
    grown = next / look.zoom,
    settled = {...look, zoom: next < 1.01 ? 1 : next};
  return {
    zoom: settled.zoom,
    ...pannedBy(settled, (x - look.x) * (1 - grown), (y - look.y) * (1 - grown)),
  };
};
