// What the crawl asks of a page, put into it before it loads: when it has come to rest, what can be
// pressed, what it says, and what runs over its frame.  Open shadow roots are part of the page.
window.crawler = (() => {
  const CONTROLS = "button, a[href], input, textarea, select, summary, canvas.ink, [role=button], [role=tab]," +
    "[role=radio], [role=switch], [role=checkbox], [role=slider], [role=menuitem]";
  const CHANGING = ["aria-checked", "aria-selected", "aria-expanded", "aria-pressed", "aria-valuenow", "aria-label", "src",
    "open"];
  const TOAST = "[data-testid=stToast]";
  const PASSING = "[data-testid*=Icon], [role=tooltip], [data-testid=stTooltipContent], [data-testid=stToast], [data-testid=stSpinner]";
  const AT_WORK = ".st-key-cancel, .st-key-reel_cancel, .st-key-sketch_cancel, .st-key-lesson_cancel," +
    ".st-key-sweep_pause, [class*=st-key-lens_at_work], figure.working";
  const AFTERWARDS = 800; // milliseconds: what ends may still ask for another run
  const state = {runs: 0, sent: 0, worked: 0, changed: 0, copied: 0, toasts: 0, controls: []};

  function* walk(root) {
    for (const each of root.querySelectorAll("*")) {
      yield each;
      if (each.shadowRoot) yield* walk(each.shadowRoot);
    }
  }
  const up = each => each.parentElement ?? each.getRootNode().host ?? null;
  const closest = (each, selector) => {
    for (let at = each; at; at = up(at)) if (at.matches(selector)) return at;
    return null;
  };
  const visible = each => {
    const box = each.getBoundingClientRect();
    return box.width > 1 && box.height > 1 && box.right > 0 && box.left < innerWidth
      && each.checkVisibility({visibilityProperty: true});
  };
  const words = text => text.replace(/\s+/g, " ").trim();

  // Rest --------------------------------------------------------------------------------------
  new MutationObserver(records => {
    state.changed = performance.now();
    if (working()) state.worked++;
    for (const record of records) {
      if (record.attributeName === "data-test-script-state") state.runs++;
      for (const added of record.addedNodes)
        if (added.nodeType === Node.ELEMENT_NODE && (added.matches(TOAST) || added.querySelector(TOAST))) state.toasts++;
    }
  }).observe(document, {subtree: true, childList: true, characterData: true, attributes: true});
  const send = WebSocket.prototype.send;
  WebSocket.prototype.send = function(...given) { state.sent++; return send.apply(this, given); };
  // A part of the page whose script is not here yet has a grey field in its place.
  const resting = () => document.querySelector("[data-test-script-state=notRunning]")
    && !document.querySelector("[data-stale=true], [data-testid=stSkeleton]");
  const working = () => document.querySelector(AT_WORK) !== null;
  const mark = () => ({runs: state.runs, sent: state.sent, worked: state.worked});
  // Until the page has stood still for so long; longer while it may still send something, and until
  // what it has sent has made the script run.
  const rest = (since, quiet, patience, most) => new Promise(done => {
    const begun = performance.now();
    const look = () => {
      const now = performance.now(), ran = state.runs > since.runs;
      const awaited = !ran && state.sent > since.sent && now - begun < 6000;
      const ended = state.worked > since.worked && !working();
      const least = Math.max(quiet, ran ? 0 : patience, ended ? AFTERWARDS : 0);
      const still = now - Math.max(state.changed, begun) >= least;
      if ((resting() && still && !awaited) || now - begun > most) done(now - begun <= most);
      else setTimeout(look, 15);
    };
    look();
  });

  // Controls ----------------------------------------------------------------------------------
  const labelled = each => (each.getAttribute("aria-labelledby") ?? "").split(" ")
    .map(id => each.getRootNode().getElementById?.(id)?.textContent ?? "").join(" ");
  const spoken = each => {
    if (["INPUT", "TEXTAREA", "SELECT", "CANVAS"].includes(each.tagName)) return "";
    const copy = each.cloneNode(true);
    copy.querySelectorAll("[data-testid*=Icon], kbd").forEach(icon => icon.remove());
    return copy.textContent;
  };
  const name = each => words(each.getAttribute("aria-label") || labelled(each) || each.labels?.[0]?.textContent
    || spoken(each) || each.title || each.placeholder || "");
  const place = each => {
    const keyed = closest(each, "[class*=st-key-]");
    return keyed ? /st-key-(\S+)/.exec(keyed.className)[1] : "";
  };
  const surface = each => {
    if (closest(each, "[role=dialog]:not([data-testid=stPopoverBody])")) return "dialog";
    if (closest(each, "[data-testid=stPopoverBody], [data-testid=stPopover] [role=dialog]")) return "popover";
    return closest(each, "[data-testid=stSidebar]") ? "sidebar" : "main";
  };
  const kind = each => {
    const role = each.getAttribute("role"), type = each.type;
    if (each.tagName === "CANVAS") return "canvas";
    if (each.tagName === "A") return "link";
    if (role === "combobox") return "combobox";
    if (each.getAttribute("aria-haspopup") === "listbox") return "opener";
    if (type === "range" || role === "slider") return "slider";
    if (type === "number") return "number";
    if (each.tagName === "SELECT") return "select";
    if (type === "color") return "colour";
    if (each.tagName === "TEXTAREA" || (each.tagName === "INPUT" && ["text", "search", "password"].includes(type)))
      return "text";
    if (role === "tab") return "tab";
    if (type === "checkbox" || role === "switch") return "toggle";
    if (type === "radio") return "option";
    if (role === "radio") return "radio";
    if (each.tagName === "SUMMARY") return "fold";
    if (each.hasAttribute("aria-pressed")) return "choice";
    return name(each).startsWith("Help for") ? "help" : "button";
  };
  const controls = () => {
    state.controls = [...walk(document)].filter(each => each.matches(CONTROLS) && visible(each) && each.type !== "file");
    return state.controls.map((each, at) => {
      const group = closest(each, "[role=list], [role=grid], [role=radiogroup], [data-testid=stFeedback]");
      return {
        at, kind: kind(each), name: name(each), place: place(each), surface: surface(each),
        group: group ? group.getAttribute("role") ?? "feedback" : "",
        members: group ? group.querySelectorAll("button, [role=radio]").length : 0,
        primary: each.getAttribute("kind") === "primary",
        chosen: ["aria-checked", "aria-selected"].some(name => each.getAttribute(name) === "true")
          || each.classList.contains("chosen") || (each.type === "radio" && each.checked),
        disabled: each.disabled || each.getAttribute("aria-disabled") === "true",
      };
    });
  };

  // What the page says ------------------------------------------------------------------------
  const signature = lasting => {
    const told = [location.href, state.copied, document.fullscreenElement ? "full" : ""];
    if (!lasting) told.push(state.toasts); // one may be gone again on a busy machine
    const visit = (node, root) => {
      if (node.nodeType === Node.TEXT_NODE) { if (node.data.trim()) told.push(words(node.data)); return; }
      if (node.nodeType !== Node.ELEMENT_NODE) return;
      if (["STYLE", "SCRIPT"].includes(node.tagName) || (lasting && node.matches(PASSING))) return;
      if (!node.checkVisibility({visibilityProperty: true}) && getComputedStyle(node).display !== "contents") return;
      for (const name of CHANGING) if (node.hasAttribute(name)) told.push(`${name}=${node.getAttribute(name).slice(0, 200)}`);
      if (["INPUT", "TEXTAREA", "SELECT"].includes(node.tagName)) told.push(`=${node.value}${node.checked}`);
      if (node.tagName === "CANVAS" && node.width) told.push(node.toDataURL().slice(-200));
      for (const child of (node.shadowRoot ?? node).childNodes) visit(child);
    };
    visit(document.body);
    return told;
  };

  // Layout ------------------------------------------------------------------------------------
  const shown = each => `${each.tagName.toLowerCase()}[${[place(each), each.dataset.testid].filter(Boolean)}] "${words(each.textContent).slice(0, 40)}"`;
  const scrolls = each => ["auto", "scroll"].includes(getComputedStyle(each).overflowX);
  const hides = each => getComputedStyle(each).overflowX !== "visible";
  const titled = each => closest(each, "[title], [aria-label]");
  const layout = () => {
    const faults = [], wide = document.documentElement.scrollWidth;
    if (wide > innerWidth) faults.push(`the page is ${wide} px wide in a window of ${innerWidth} px`);
    for (const each of walk(document.body)) {
      if (!visible(each) || closest(each, "svg, canvas")) continue;
      const over = each.scrollWidth - each.clientWidth, style = getComputedStyle(each);
      const own = [...each.childNodes].some(node => node.nodeType === Node.TEXT_NODE && node.data.trim());
      if (scrolls(each) && over > 0 && over <= 24 && each.clientWidth)
        faults.push(`${shown(each)} scrolls sideways for ${over} px`);
      if (own && over > 1 && style.overflowX === "hidden" && !titled(each))
        faults.push(`${shown(each)} is cut, and has no title`);
      if (own && style.overflowY === "hidden" && style.webkitLineClamp !== "none"
          && each.scrollHeight > each.clientHeight + 2 && !titled(each))
        faults.push(`${shown(each)} is cut below, and has no title`);
      const frame = up(each);
      if (!frame || frame === document.body || !frame.matches("[data-testid], [class*=st-key-], div, section")) continue;
      if (style.position !== "static" || hides(frame) || style.display === "contents") continue;
      const box = each.getBoundingClientRect(), around = frame.getBoundingClientRect();
      const margin = Math.max(0, -parseFloat(style.marginRight) || 0);
      if (box.right > around.right + margin + 2 && around.width > 0 && getComputedStyle(frame).display !== "contents"
          && getComputedStyle(frame).display !== "inline")
        faults.push(`${shown(each)} is ${Math.round(box.right - around.right)} px wider than its frame`);
    }
    return [...new Set(faults)];
  };

  const written = navigator.clipboard?.writeText;
  if (written) navigator.clipboard.writeText = text => { state.copied++; return written.call(navigator.clipboard, text); };
  const troubles = () => [...document.querySelectorAll("[data-testid=stException], [data-testid=stExceptionMessage]")]
    .map(each => words(each.textContent).slice(0, 300))
    .concat(document.body.textContent.includes("Traceback (most recent call last)") ? ["a traceback"] : []);
  const focused = () => {
    let at = document.activeElement;
    while (at?.shadowRoot?.activeElement) at = at.shadowRoot.activeElement;
    return at;
  };
  return {
    mark, rest, controls, signature, layout, troubles, working,
    worked: since => state.worked > since.worked,
    control: at => state.controls[at],
    focusElsewhere: at => focused() !== state.controls[at] && focused() !== document.body,
    again: () => ["keydown", "keypress", "keyup"].forEach(kind =>
      document.body.dispatchEvent(new KeyboardEvent(kind, {key: "r", code: "KeyR", keyCode: 82, bubbles: true}))),
    unfill: () => document.fullscreenElement && document.exitFullscreen(),
  };
})();
