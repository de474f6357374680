import {pressureOfSpeed} from "./strokes.js";
import {POINTED} from "./tools.js";

// Pens, mice and fingers on the stage: one draws, two fingers move the view, and a hand that lies
// on the screen while a pen is in use neither draws nor moves anything.
const PALM_SECONDS = 3;
const RESTING = 0.8; // the pressure with which a mouse or a finger begins
const OTHER_END = 5; // the button of a pen that is turned round
const DRAWS = 1 + 32; // the main button, and a pen's other end

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
  const abandon = () => {
    if (drawing) pad.abandon();
    drawing = null;
  };
  // A tool that acts at a point waits until it is lifted: a second finger may still come.
  const begin = event => {
    const pressure = event.pointerType === "pen" ? event.pressure || RESTING : RESTING,
      point = [...pad.pointAt(event), pressure],
      {pointerId: id, clientX: x, clientY: y, timeStamp: time} = event;
    drawing = {id, pressure, x, y, time, isPen: event.pointerType === "pen"};
    const tool = event.button === OTHER_END ? "eraser" : pad.tool;
    if (POINTED.includes(tool)) drawing.waiting = point;
    else if (!pad.begin(point, tool)) drawing = null;
  };
  const end = (event, lifted) => {
    const {waiting} = drawing;
    drawing = null;
    if (!lifted) pad.abandon();
    else if (waiting) pad.begin(waiting);
    else pad.finish(event.timeStamp);
  };

  stage.onpointerdown = event => {
    if (![0, 1, OTHER_END].includes(event.button) || !pad.data) return;
    event.preventDefault();
    if (drawing?.isPen && event.pointerType !== "pen") return;
    stage.classList.add("pointed");
    stage.focus({preventScroll: true}); // ends a text, which then stands where it was
    stage.setPointerCapture(event.pointerId);
    if (event.pointerType === "pen") {
      lastPen = event.timeStamp;
      abandon();
      fingers.clear();
    }
    fingers.set(event.pointerId, event);
    if (fingers.size > 1) abandon();
    else if (event.button === OTHER_END) begin(event);
    else if (event.button !== 1 && pad.tool !== "hand" && !palm(event)) begin(event);
  };
  stage.onpointermove = event => {
    if (event.pointerType === "pen") lastPen = event.timeStamp;
    const before = fingers.get(event.pointerId);
    if (!before) return;
    if (drawing?.id === event.pointerId) {
      const passed = event.getCoalescedEvents?.() ?? [];
      // Another button of the mouse may still be down: then no pointerup tells of this one.
      if (!(event.buttons & DRAWS)) {
        fingers.delete(event.pointerId);
        end(event, true);
      } else if (!drawing.waiting)
        for (const each of passed.length ? passed : [event]) follow(each);
      return;
    }
    fingers.set(event.pointerId, event);
    const other = [...fingers.values()].find(finger => finger.pointerId !== event.pointerId);
    if (other) {
      const apart = finger =>
        Math.hypot(finger.clientX - other.clientX, finger.clientY - other.clientY);
      pad.zoomBy(apart(event) / Math.max(apart(before), 1), other);
    } else if (palm(event)) return;
    pad.pan(
      (event.clientX - before.clientX) / fingers.size,
      (event.clientY - before.clientY) / fingers.size,
    );
  };
  stage.onpointerup = stage.onpointercancel = event => {
    fingers.delete(event.pointerId);
    if (drawing?.id === event.pointerId) end(event, event.type === "pointerup");
  };
  // The menu of a right click would take the pointer away from a stroke.
  stage.oncontextmenu = event => {
    if (fingers.size) event.preventDefault();
  };
  stage.onwheel = event => {
    if (!event.ctrlKey && !event.shiftKey) return; // the page scrolls as ever
    event.preventDefault();
    const turned = event.deltaY || event.deltaX;
    if (event.shiftKey) pad.notch(turned < 0);
    else pad.zoomBy(Math.exp(-Math.max(-100, Math.min(100, turned)) * 0.005), event);
  };
};
