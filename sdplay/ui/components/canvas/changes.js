// What was done to a drawing, in order; undo and redo have no end.
export const untouched = () => ({done: [], undone: []});
export const changed = (changes, change) => ({done: [...changes.done, change], undone: []});
// What was remembered, and over it what was drawn before that came.
export const recalled = (remembered, {done, undone}) =>
  done.length ? {done: [...remembered.done, ...done], undone} : remembered;
export const undo = ({done, undone}) =>
  done.length
    ? {done: done.slice(0, -1), undone: [...undone, done[done.length - 1]]}
    : {done, undone};
export const redo = ({done, undone}) =>
  undone.length
    ? {done: [...done, undone[undone.length - 1]], undone: undone.slice(0, -1)}
    : {done, undone};

// The picture under the drawing, by its id; empty for none.
export const ground = done => done.findLast(change => change.tool === "background")?.picture ?? "";
// Whether a drawing shows anything at all: what was drawn since it was last cleared, or a picture.
export const blank = done => {
  const drawn = done.filter(change => change.tool !== "background"),
    cleared = drawn.findLastIndex(change => change.tool === "clear");
  return !ground(done) && drawn.slice(cleared + 1).every(change => change.tool === "eraser");
};
// Every picture that undo or redo may bring back.
export const pictures = ({done, undone}) =>
  new Set([...done, ...undone].map(change => change.picture).filter(Boolean));
