const LISTS = new WeakMap(); // what stands in the page already
const made = (tag, kind) => {
  const each = document.createElement(tag);
  each.className = kind;
  return each;
};
const failed = (trace, trigger) => {
  const node = made("section", "failed"),
    acts = made("div", "acts");
  for (const [tag, text] of [
    ["h4", trace.title],
    ["p", trace.told],
    ["strong", `Failed: ${trace.sentence}`],
  ]) {
    const line = made(tag, "");
    line.textContent = text;
    node.append(line);
  }
  for (const [label, what] of [
    ["Try again", "again"],
    ["Forget it", "forgotten"],
  ]) {
    const button = made("button", "act");
    button.type = "button";
    button.textContent = label;
    button.setAttribute("aria-label", `${label}: ${trace.title}`);
    button.onclick = () => trigger(what, trace.id);
    acts.append(button);
  }
  node.append(acts);
  return {node, at: trace.at};
};
const newestFirst = (one, other) => other.at - one.at;

export default function ({data, parentElement, setTriggerValue}) {
  const $ = name => parentElement.querySelector(name);
  const place = $(".gallery"),
    end = $(".end"),
    drop = $(".drop");
  let list = LISTS.get(parentElement);
  if (list?.name !== data.name) {
    list = {
      name: data.name,
      tiles: new Map(),
      groups: new Map(),
      traces: new Map(),
      whole: false,
      end: Infinity,
    };
    LISTS.set(parentElement, list);
    place.replaceChildren();
  }

  const group = id => {
    if (!list.groups.has(id)) {
      const node = made("section", ""),
        title = made("h4", ""),
        told = made("p", ""),
        tiles = made("div", "tiles");
      tiles.setAttribute("role", "list");
      node.append(title, told, tiles);
      list.groups.set(id, {node, title, told, tiles, members: new Set()});
    }
    return list.groups.get(id);
  };
  const put = ({tile, at, group: id}) => {
    let held = list.tiles.get(tile.id);
    if (!held) {
      const node = made("div", ""),
        button = made("button", ""),
        image = new Image(),
        caption = made("span", "");
      node.setAttribute("role", "listitem");
      node.style.display = "contents";
      button.type = "button";
      image.alt = "";
      image.loading = "lazy";
      button.append(image, caption);
      node.append(button);
      held = {node, button, image, caption, id: tile.id, at, group: id};
      list.tiles.set(tile.id, held);
      group(id).members.add(held);
      image.src = `data:image/jpeg;base64,${tile.jpeg}`;
    }
    held.caption.textContent = tile.caption;
    held.button.title = tile.label;
    held.label = [tile.label, tile.caption].join(", ");
    held.button.onclick = () => setTriggerValue("opened", tile.id);
    return held;
  };
  const take = held => {
    held.node.remove();
    list.tiles.delete(held.id);
    group(held.group).members.delete(held);
    return held.group;
  };

  const touched = new Set();
  for (const {tiles, newest, oldest, beyond} of data.stretches) {
    const fresh = new Set(tiles.map(each => each.tile.id));
    const known = [...list.tiles.values()];
    if (newest !== null && !known.some(held => held.at === newest + 1 || held.at === newest))
      continue;
    // So much is new that nothing joins it to what stands here: begin anew, scrolling brings the rest.
    const apart = newest === null && oldest !== null && known.every(held => held.at < oldest);
    if (apart) list.whole = false;
    for (const held of known)
      if (
        !fresh.has(held.id) &&
        (apart ||
          ((newest === null || held.at <= newest) && (oldest === null || held.at >= oldest)))
      )
        touched.add(take(held));
    for (const each of [...tiles, ...beyond]) {
      put(each);
      touched.add(each.group);
    }
    list.whole ||= oldest === null;
    // What lies beyond a stretch came before its turn: the list goes on after the stretch itself.
    if (apart) list.end = oldest;
    else if (oldest !== null && (newest === null || newest >= list.end - 1))
      list.end = Math.min(list.end, oldest);
  }
  for (const id of touched) {
    const one = group(id),
      members = [...one.members].sort(newestFirst);
    if (!members.length) {
      one.node.remove();
      list.groups.delete(id);
      continue;
    }
    one.at = members[0].at;
    members.forEach((held, at) => {
      held.button.setAttribute("aria-label", `${held.label}, ${at + 1} of ${members.length}`);
      if (one.tiles.children[at] !== held.node)
        one.tiles.insertBefore(held.node, one.tiles.children[at] ?? null);
    });
  }
  for (const [id, {title, told}] of Object.entries(data.headings)) {
    const one = list.groups.get(Number(id));
    if (one) {
      one.title.textContent = title;
      one.told.textContent = told;
    }
  }
  const last = () =>
    Math.min(...[...list.tiles.values()].map(held => held.at).filter(at => at >= list.end));
  const oldest = list.whole ? 0 : last();
  const traces = data.traces.filter(trace => trace.at >= oldest);
  const current = new Set(traces.map(trace => trace.id));
  for (const [id, {node}] of list.traces) {
    if (current.has(id)) continue;
    node.remove();
    list.traces.delete(id);
  }
  for (const trace of traces) {
    if (!list.traces.has(trace.id)) list.traces.set(trace.id, failed(trace, setTriggerValue));
    const {node} = list.traces.get(trace.id);
    const owner = list.groups.get(trace.group)?.node;
    node.classList.toggle("inside", Boolean(owner));
    if (owner && node.parentElement !== owner) owner.append(node);
  }
  const alone = [...list.traces.values()].filter(({node}) => !node.classList.contains("inside"));
  [...list.groups.values(), ...alone].sort(newestFirst).forEach((one, at) => {
    if (place.children[at] !== one.node) place.insertBefore(one.node, place.children[at] ?? null);
  });
  const chosen = data.chosen && new Set(data.chosen);
  for (const {id, button} of list.tiles.values())
    chosen
      ? button.setAttribute("aria-pressed", chosen.has(id))
      : button.removeAttribute("aria-pressed");

  end.hidden = list.whole || !list.tiles.size;
  let asked = false;
  const more = () => {
    if (asked || end.hidden) return;
    asked = true;
    setTriggerValue("more", last());
  };
  end.onclick = more;
  const watch = new IntersectionObserver(
    seen => {
      if (seen.some(each => each.isIntersecting)) more();
    },
    {rootMargin: "900px", scrollMargin: "900px"}, // the page scrolls inside of the window
  );
  watch.observe(end);

  const mine = event =>
    [...(event.dataTransfer?.types ?? [])].includes("Files") &&
    !event.composedPath().some(each => each.dataset?.testid?.startsWith("stFileUploader"));
  const over = event => {
    if (mine(event)) {
      event.preventDefault();
      drop.hidden = false;
    }
  };
  const left = event => {
    if (!event.relatedTarget) drop.hidden = true;
  };
  const dropped = async event => {
    drop.hidden = true;
    const file = event.dataTransfer?.files[0];
    if (!mine(event) || !file) return;
    event.preventDefault();
    if (file.size > data.largest) return setTriggerValue("refused", "large");
    const reader = new FileReader();
    reader.onerror = () => setTriggerValue("refused", "unreadable"); // such as a folder
    reader.onload = () => setTriggerValue("dropped", reader.result.split(",")[1] ?? "");
    reader.readAsDataURL(file);
  };
  const listening = {dragover: over, dragleave: left, drop: dropped};
  for (const [name, act] of Object.entries(listening)) document.addEventListener(name, act);
  return () => {
    watch.disconnect();
    for (const [name, act] of Object.entries(listening)) document.removeEventListener(name, act);
  };
}
