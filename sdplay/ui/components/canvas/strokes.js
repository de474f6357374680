// The shape of a stroke: its width follows how hard the pen is pressed or how fast the hand goes.
// A point is [x, y, pressure], pressure from 0 to 1; lengths are the drawing's own units.
const THINNEST = 0.35; // of the full width, at no pressure
const FASTEST = 4; // units in a millisecond: as thin as speed makes it
const STEADINESS = 10; // units: what shakes within this length is taken away
const ARC = Math.PI / 8;

// How hard a hand without a pen seems to press: the faster it goes the less, never by a jump.
export const pressureOfSpeed = (before, distance, milliseconds) => {
  const speed = distance / Math.max(milliseconds, 1);
  const aim = 1 - 0.7 * Math.min(1, speed / FASTEST);
  return before + (aim - before) * 0.25;
};

// The same way without the hand's shaking: calmed forwards and backwards, so that it lags behind
// nowhere, and it begins and ends where the hand did.
const calmed = points => {
  const calm = [points[0]];
  for (let at = 1; at < points.length; at++) {
    const last = calm[at - 1],
      [dx, dy] = [points[at][0] - points[at - 1][0], points[at][1] - points[at - 1][1]],
      share = 1 - Math.exp(-Math.hypot(dx, dy) / STEADINESS);
    calm.push(last.map((value, axis) => value + (points[at][axis] - value) * share));
  }
  return calm;
};
export const smoothed = points => {
  if (points.length < 3) return points;
  const forwards = calmed(points),
    backwards = calmed([...points].reverse()).reverse(),
    middle = (point, at) => point.map((value, axis) => (value + backwards[at][axis]) / 2);
  return [points[0], ...forwards.map(middle).slice(1, -1), points[points.length - 1]];
};

// Points so near each other that no corner is seen: a curve through the middles of the pieces.
export const rounded = (points, step = 3) => {
  if (points.length < 3) return points;
  const middle = (from, to) => from.map((value, axis) => (value + to[axis]) / 2);
  const curve = [points[0]];
  let from = points[0];
  for (let at = 1; at < points.length - 1; at++) {
    const bend = points[at],
      to = at === points.length - 2 ? points[at + 1] : middle(bend, points[at + 1]);
    const length =
      Math.hypot(bend[0] - from[0], bend[1] - from[1]) +
      Math.hypot(to[0] - bend[0], to[1] - bend[1]);
    const pieces = Math.max(1, Math.ceil(length / step));
    for (let piece = 1; piece <= pieces; piece++) {
      const t = piece / pieces;
      curve.push(
        from.map(
          (value, axis) => (1 - t) ** 2 * value + 2 * t * (1 - t) * bend[axis] + t ** 2 * to[axis],
        ),
      );
    }
    from = to;
  }
  return curve;
};

const radiusAt = (point, width) => (width / 2) * (THINNEST + (1 - THINNEST) * point[2]);
const arc = (x, y, radius, from, to) => {
  const turns = Math.max(1, Math.ceil((to - from) / ARC)),
    points = [];
  for (let turn = 0; turn <= turns; turn++) {
    const angle = from + ((to - from) * turn) / turns;
    points.push([x + radius * Math.cos(angle), y + radius * Math.sin(angle)]);
  }
  return points;
};
// What two round nibs and all between them cover, always drawn the same way round, so that pieces
// that lie over each other never cut holes into each other.
const bead = (from, to, width) => {
  const first = radiusAt(from, width),
    last = radiusAt(to, width);
  const [dx, dy] = [to[0] - from[0], to[1] - from[1]],
    length = Math.hypot(dx, dy);
  if (length <= Math.abs(first - last) || length < 1e-6) {
    const [large, radius] = first > last ? [from, first] : [to, last];
    return arc(large[0], large[1], radius, 0, 2 * Math.PI);
  }
  const way = Math.atan2(dy, dx),
    lean = Math.acos((first - last) / length);
  return [
    ...arc(from[0], from[1], first, way + lean, way + 2 * Math.PI - lean),
    ...arc(to[0], to[1], last, way - lean, way + lean),
  ];
};

// The stroke as closed shapes, to be filled together as one.
export const strokeShapes = (points, width, calm = true) => {
  const way = rounded(calm ? smoothed(points) : points);
  if (way.length === 1) return [arc(way[0][0], way[0][1], radiusAt(way[0], width), 0, 2 * Math.PI)];
  return way.slice(1).map((point, at) => bead(way[at], point, width));
};
