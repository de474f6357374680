export default function ({data, parentElement, setTriggerValue}) {
  const place = parentElement.querySelector(".tiles");
  const shown = data.tiles.map(tile => tile.id + tile.caption).join();
  if (place.dataset.shown === shown) return;
  place.dataset.shown = shown;
  place.classList.toggle("strip", data.strip);
  place.style.setProperty("--tile", `${data.width}px`);
  place.replaceChildren(
    ...data.tiles.map((tile, at) => {
      const button = document.createElement("button"),
        image = new Image(),
        caption = document.createElement("span");
      button.type = "button";
      const position = data.tiles.length > 1 ? `, ${at + 1} of ${data.tiles.length}` : "";
      button.title = tile.label;
      button.setAttribute(
        "aria-label",
        [tile.label, tile.caption].filter(Boolean).join(", ") + position,
      );
      image.src = `data:image/jpeg;base64,${tile.jpeg}`;
      image.alt = "";
      caption.textContent = tile.caption;
      button.append(image, caption);
      button.onclick = () => setTriggerValue("opened", tile.id);
      const item = document.createElement("div");
      item.setAttribute("role", "listitem");
      item.style.display = "contents";
      item.append(button);
      return item;
    }),
  );
}
