const QUICK_PIXELS = 600_000; // so many are written at once, more of them beside the drawing
const MARKS = 30; // strokes whose moment is remembered
const encoded = canvas =>
  new Promise(resolve => {
    canvas.toBlob(blob => {
      const reader = new FileReader();
      reader.onload = () => resolve(reader.result);
      reader.readAsDataURL(blob);
    }, "image/png");
  });

// The moment of a stroke, for whoever measures how long its picture takes.
export const marked = (pad, number) => {
  performance.mark(`sdplay-stroke-${number}`, {startTime: pad.lifted ?? performance.now()});
  pad.lifted = null;
  pad.marks.push(number);
  if (pad.marks.length > MARKS) performance.clearMarks(`sdplay-stroke-${pad.marks.shift()}`);
};

// Whether it takes a while until a picture of this size can be sent.
export const isSlow = ({width, height}) => width * height > QUICK_PIXELS;

// A PNG, or a JPEG where that would be too large; undefined where both are, null when outdated.
export const written = async (pad, number) => {
  const {width, height, largest} = pad.data,
    exact = pad.paper.exported(width, height),
    fits = text => text.length <= largest;
  const png = isSlow(pad.data) ? await encoded(exact) : exact.toDataURL("image/png");
  if (number !== pad.number) return null;
  if (fits(png)) return png;
  return [0.92, 0.75].map(quality => exact.toDataURL("image/jpeg", quality)).find(fits);
};

export const save = pad => {
  const {width, height} = pad.data,
    link = document.createElement("a");
  link.download = pad.mask ? "mask.png" : "sketch.png";
  link.href = pad.paper.exported(width, height).toDataURL("image/png");
  link.click();
};
