// Fill: the area around a point whose colour is that of the point, as far as it reaches.
const TOLERANCE = 40; // of 255 in any channel: the soft edge of a line does not stop it early

// A mask of the pixels (1 is inside) and the box around them; pixels are RGBA, four bytes each.
export const flooded = (pixels, width, height, x, y, tolerance = TOLERANCE) => {
  const mask = new Uint8Array(width * height),
    box = {left: x, top: y, right: x, bottom: y},
    start = 4 * (y * width + x),
    goal = pixels.slice(start, start + 4);
  const alike = at => {
    for (let channel = 0; channel < 4; channel++)
      if (Math.abs(pixels[4 * at + channel] - goal[channel]) > tolerance) return false;
    return true;
  };
  const open = at => !mask[at] && alike(at);
  const rows = [[x, y]];
  while (rows.length) {
    const [from, row] = rows.pop(),
      begin = row * width;
    if (!open(begin + from)) continue;
    let left = from,
      right = from;
    while (left > 0 && open(begin + left - 1)) left--;
    while (right < width - 1 && open(begin + right + 1)) right++;
    mask.fill(1, begin + left, begin + right + 1);
    box.left = Math.min(box.left, left);
    box.right = Math.max(box.right, right);
    box.top = Math.min(box.top, row);
    box.bottom = Math.max(box.bottom, row);
    for (const next of [row - 1, row + 1]) {
      if (next < 0 || next >= height) continue;
      for (let at = left, inside = false; at <= right; at++) {
        const opens = open(next * width + at);
        if (opens && !inside) rows.push([at, next]);
        inside = opens;
      }
    }
  }
  return {mask, box};
};

// The mask, one pixel wider all around, so that no light seam stays before a line's soft edge.
export const widened = ({mask, box}, width, height) => {
  const wide = new Uint8Array(mask),
    left = Math.max(0, box.left - 1),
    right = Math.min(width - 1, box.right + 1),
    top = Math.max(0, box.top - 1),
    bottom = Math.min(height - 1, box.bottom + 1);
  for (let y = top; y <= bottom; y++)
    for (let x = left; x <= right; x++) {
      const at = y * width + x;
      wide[at] ||=
        (x > 0 && mask[at - 1]) ||
        (x < width - 1 && mask[at + 1]) ||
        (y > 0 && mask[at - width]) ||
        (y < height - 1 && mask[at + width])
          ? 1
          : 0;
    }
  return {mask: wide, box: {left, top, right, bottom}};
};
