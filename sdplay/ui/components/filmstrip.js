const LOOKS = new WeakMap(); // what the person has set: it outlives reruns
const SHORT = {step: "Step", noise: "Noise level", seconds: "Seconds"};
const KINDS = {clean: "Prediction", noisy: "Noisy"};
const PLAY = "M8 5v14l11-7z",
  PAUSE = "M7 5h4v14H7zM13 5h4v14h-4z",
  TURN = 6000;
const LEFT = 34,
  RIGHT = 374,
  TOP = 8,
  BOTTOM = 200;

function made(tag, facts, ...inside) {
  const drawing = ["svg", "path", "line", "circle", "text"].includes(tag);
  const each = drawing
    ? document.createElementNS("http://www.w3.org/2000/svg", tag)
    : document.createElement(tag);
  for (const [name, value] of Object.entries(facts)) each.setAttribute(name, value);
  each.append(...inside);
  return each;
}

// The stop of the scrubber that lies nearest to a share of its way.
export const nearest = (stops, share) => {
  const gaps = stops.map(stop => Math.abs(stop.at - share));
  return gaps.indexOf(Math.min(...gaps));
};

export default function ({data, parentElement}) {
  const $ = name => parentElement.querySelector(name),
    all = name => [...parentElement.querySelectorAll(name)];
  const film = $(".film"),
    scrubber = $(".rows input"),
    rows = $(".rows");
  const {strips, ways} = data;
  const look = LOOKS.get(parentElement) ?? {};
  LOOKS.set(parentElement, look);
  const jpeg = (run, index) => `data:image/jpeg;base64,${strips[run].frames[index][look.kind]}`;
  const colour = strip => `--colour:var(--st-${strip.colour}-color)`;

  const choices = (place, name, offered, chosen, choose) => {
    place.replaceChildren(
      place.firstElementChild,
      ...Object.entries(offered).map(([value, [text, off]]) => {
        const input = made("input", {type: "radio", name, value});
        [input.checked, input.disabled] = [value === chosen, Boolean(off)];
        input.onchange = () => choose(value);
        const label = made("label", {}, input, text);
        if (off) label.title = off;
        return label;
      }),
    );
  };

  const build = () => {
    film.style.setProperty("--ratio", data.ratio);
    film.style.setProperty("--columns", Math.min(strips.length, 3));
    $(".now").replaceChildren(
      ...strips.map(strip =>
        made(
          "figure",
          {style: colour(strip)},
          made(
            "div",
            {class: "picture"},
            made("img", {alt: ""}),
            made("span", {class: "end"}, "last step"),
          ),
          made("figcaption", {}, made("b", {}, strip.label), made("span", {})),
        ),
      ),
    );
    $(".tracks").replaceChildren(
      ...strips.map(strip =>
        made(
          "div",
          {class: "row", style: colour(strip)},
          made("span", {title: strip.label}, strip.label),
          made(
            "div",
            {
              class: "track",
              role: "img",
              "aria-label": `${strip.frames.length} frames of ${strip.label}`,
            },
            ...strip.frames.map(() => made("img", {alt: "", draggable: "false"})),
          ),
        ),
      ),
    );
    choices(
      $(".ways"),
      "way",
      Object.fromEntries(
        Object.entries(SHORT).map(([name, text]) => [
          name,
          [text, !ways.some(way => way.name === name) && "Not every run tells this."],
        ]),
      ),
      look.way.name,
      lineUp,
    );
    choices(
      $(".kinds"),
      "kind",
      {
        clean: [KINDS.clean],
        noisy: [KINDS.noisy, !data.noisy && "Not every run keeps what the model was given."],
      },
      look.kind,
      kind => {
        look.kind = kind;
        fill();
      },
    );
    chart();
    fill();
  };

  const fill = () => {
    for (const [run, track] of all(".track").entries())
      for (const [index, image] of [...track.children].entries()) {
        image.src = jpeg(run, index);
        image.style.setProperty("--at", look.way.places[run][index]);
      }
    draw();
  };

  const x = share => LEFT + (RIGHT - LEFT) * share,
    y = share => TOP + (BOTTOM - TOP) * share;
  const chart = () => {
    const {curves, ticks, last, said} = data.schedule;
    $(".chart").hidden = !curves.length;
    const level = ([share, text]) => [
      made("line", {class: "grid", x1: LEFT, x2: RIGHT, y1: y(share), y2: y(share)}),
      made("text", {x: LEFT - 6, y: y(share) + 4, "text-anchor": "end"}, text),
    ];
    const route = points => `M${points.map(point => `${x(point[0])} ${y(point[1])}`).join("L")}`;
    $(".chart svg").replaceChildren(
      ...ticks.flatMap(level),
      made("text", {x: LEFT, y: BOTTOM + 18}, "step 1"),
      made("text", {x: RIGHT, y: BOTTOM + 18, "text-anchor": "end"}, last),
      made(
        "text",
        {x: (LEFT + RIGHT) / 2, y: BOTTOM + 18, "text-anchor": "middle"},
        "noise level before each step",
      ),
      ...curves.map((points, run) =>
        made("path", {class: "curve", d: route(points), style: colour(strips[run])}),
      ),
      ...curves.flatMap((_points, run) => [
        made("line", {class: "drop", y2: BOTTOM, style: colour(strips[run])}),
        made("circle", {class: "dot", r: 6, style: colour(strips[run])}),
      ]),
    );
    $(".chart svg").setAttribute("aria-label", "Noise level over steps");
    $(".chart figcaption").textContent = said;
  };

  const draw = () => {
    const stop = look.way.stops[look.stop];
    rows.style.setProperty("--at", stop.at);
    scrubber.value = stop.at;
    scrubber.setAttribute("aria-valuetext", stop.said);
    $(".said").textContent = stop.said;
    stop.shown.forEach((index, run) => {
      const frame = strips[run].frames[index],
        figure = $(".now").children[run],
        image = figure.querySelector("img");
      image.hidden = !frame;
      if (frame) image.src = jpeg(run, index);
      image.alt = frame ? `${KINDS[look.kind]} of ${strips[run].label}, ${frame.told}` : "";
      figure.querySelector(".end").hidden = index !== strips[run].frames.length - 1;
      figure.querySelector("figcaption span").textContent = frame ? frame.told : "not there yet";
      for (const [at, image] of [...all(".track")[run].children].entries())
        image.classList.toggle("current", at === index);
      const point = data.schedule.curves[run]?.[Math.max(index, 0)];
      if (!point) return;
      const dot = all(".dot")[run],
        drop = all(".drop")[run];
      dot.setAttribute("cx", x(point[0]));
      dot.setAttribute("cy", y(point[1]));
      for (const [name, value] of [
        ["x1", x(point[0])],
        ["x2", x(point[0])],
        ["y1", y(point[1])],
      ])
        drop.setAttribute(name, value);
    });
    const sign = made("path", {d: look.timer ? PAUSE : PLAY});
    $(".play").replaceChildren(made("svg", {viewBox: "0 0 24 24", "aria-hidden": "true"}, sign));
    $(".play").setAttribute("aria-label", look.timer ? "Pause" : "Play");
  };

  const go = stop => {
    look.stop = Math.min(Math.max(stop, 0), look.way.stops.length - 1);
    draw();
  };
  const halt = () => {
    look.timer = clearTimeout(look.timer);
  };
  const seek = share => {
    halt();
    go(nearest(look.way.stops, share));
  };
  const lineUp = name => {
    // the longest run stays at its frame
    const counts = strips.map(strip => strip.frames.length),
      longest = counts.indexOf(Math.max(...counts));
    const frame = look.way.stops[look.stop].shown[longest];
    halt();
    look.way = ways.find(way => way.name === name);
    look.stop = Math.max(
      look.way.stops.findIndex(stop => stop.shown[longest] === frame),
      0,
    );
    fill();
  };
  const play = () => {
    const {stops} = look.way;
    if (look.timer) halt();
    else {
      if (look.stop === stops.length - 1) look.stop = 0;
      const next = () => {
        look.timer = null;
        go(look.stop + 1);
        if (look.stop < stops.length - 1) wait();
        draw();
      };
      const wait = () => {
        look.timer = setTimeout(next, TURN * (stops[look.stop + 1].at - stops[look.stop].at) + 20);
      };
      if (stops.length > 1) wait();
    }
    draw();
  };

  scrubber.oninput = () => seek(Number(scrubber.value));
  scrubber.onkeydown = event => {
    const by = {
      ArrowLeft: -1,
      ArrowDown: -1,
      ArrowRight: 1,
      ArrowUp: 1,
      PageDown: -5,
      PageUp: 5,
      Home: -1e6,
      End: 1e6,
    };
    if (event.key !== " " && !by[event.key]) return;
    event.preventDefault();
    if (event.key === " ") return play();
    halt();
    go(look.stop + by[event.key]);
  };
  const pointed = event => {
    const box = rows.getBoundingClientRect(),
      thumb = $(".track img").offsetWidth;
    seek((event.clientX - box.left - thumb / 2) / (box.width - thumb));
  };
  $(".tracks").onpointerdown = event => {
    if (event.button) return;
    $(".tracks").setPointerCapture(event.pointerId);
    pointed(event);
  };
  $(".tracks").onpointermove = event => {
    if ($(".tracks").hasPointerCapture(event.pointerId)) pointed(event);
  };
  $(".play").onclick = play;

  if (look.id !== data.id) {
    halt();
    const ended = ways[0].stops.findIndex(stop =>
      stop.shown.some((at, run) => at === strips[run].frames.length - 1),
    );
    Object.assign(look, {id: data.id, kind: "clean", way: ways[0], stop: Math.max(ended, 0)});
    build();
  }
  return halt;
}
