import {pressureOfSpeed} from "./strokes.js";

// Pens, mice and fingers on the stage: one draws, two fingers move the view, and a hand that lies
// on the screen while a pen is in use draws nothing.
const PALM_SECONDS = 3;
const RESTING = 0.8; // the pressure with which a mouse or a finger begins

export const listen = (stage, pad) => {
  const fingers = new Map();
  let drawing = null,
    lastPen = Number.NEGATIVE_INFINITY;

  const pressed = event => {
    if (event.pointerType === "pen") return event.pressure || RESTING;
    const distance = Math.hypot(event.clientX - drawing.x, event.clientY - drawing.y);
    return pressureOfSpeed(drawing.pressure, distance, event.timeStamp - drawing.time);
  };
  const follow = event => {
    drawing.pressure = pressed(event);
    Object.assign(drawing, {x: event.clientX, y: event.clientY, time: event.timeStamp});
    pad.extend([...pad.pointAt(event), drawing.pressure]);
  };
  const palm = event =>
    event.pointerType === "touch" && event.timeStamp - lastPen < PALM_SECONDS * 1000;

  stage.onpointerdown = event => {
    if (event.button > 1 || pad.busy()) return;
    event.preventDefault();
    stage.classList.add("pointed");
    stage.focus({preventScroll: true});
    stage.setPointerCapture(event.pointerId);
    if (event.pointerType === "pen") lastPen = event.timeStamp;
    fingers.set(event.pointerId, event);
    if (fingers.size > 1) {
      if (drawing) pad.abandon();
      drawing = null;
      return;
    }
    if (event.button === 1 || pad.tool === "hand" || palm(event)) return;
    const pressure = event.pointerType === "pen" ? event.pressure || RESTING : RESTING;
    drawing = {
      id: event.pointerId,
      pressure,
      x: event.clientX,
      y: event.clientY,
      time: event.timeStamp,
    };
    if (!pad.begin([...pad.pointAt(event), pressure])) drawing = null;
  };
  stage.onpointermove = event => {
    const before = fingers.get(event.pointerId);
    if (!before) return;
    if (event.pointerType === "pen") lastPen = event.timeStamp;
    if (drawing?.id === event.pointerId) {
      const passed = event.getCoalescedEvents?.() ?? [];
      for (const each of passed.length ? passed : [event]) follow(each);
      return;
    }
    const other = [...fingers.values()].find(finger => finger.pointerId !== event.pointerId);
    if (other) {
      const apart = finger =>
        Math.hypot(finger.clientX - other.clientX, finger.clientY - other.clientY);
      pad.zoomBy(apart(event) / Math.max(apart(before), 1), other);
    }
    pad.pan(
      (event.clientX - before.clientX) / fingers.size,
      (event.clientY - before.clientY) / fingers.size,
    );
    fingers.set(event.pointerId, event);
  };
  stage.onpointerup = stage.onpointercancel = event => {
    fingers.delete(event.pointerId);
    if (drawing?.id !== event.pointerId) return;
    drawing = null;
    if (event.type === "pointerup") pad.finish(event.timeStamp);
    else pad.abandon();
  };
  stage.onwheel = event => {
    if (!event.ctrlKey && !event.shiftKey) return; // the page scrolls as ever
    event.preventDefault();
    const turned = event.deltaY || event.deltaX;
    if (event.shiftKey) pad.notch(turned < 0);
    else pad.zoomBy(Math.exp(-Math.max(-100, Math.min(100, turned)) * 0.005), event);
  };
};
