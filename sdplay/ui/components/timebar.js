export default function ({data, parentElement}) {
  const made = (tag, part, text) => {
    const each = document.createElement(tag);
    each.style.setProperty("--c", `var(--st-${part.colour})`);
    each.textContent = text;
    return each;
  };
  parentElement.querySelector("figure").setAttribute("aria-label", data.said);
  parentElement.querySelector(".bar").replaceChildren(
    ...data.parts.map(part => {
      const piece = made("i", part, "");
      piece.style.flex = `${part.seconds} 0 0`;
      return piece;
    }),
  );
  parentElement
    .querySelector("figcaption")
    .replaceChildren(...data.parts.map(part => made("span", part, `${part.name} ${part.told}`)));
}
