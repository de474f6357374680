// Renders every thing of things.json in every style to a transparent PNG.
// node render.mjs THINGS.json OUT_FOLDER   (run where the npm packages listed in data.py are installed)
import { readFileSync, existsSync, mkdirSync, writeFileSync, copyFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const require = createRequire(join(process.cwd(), "package.json"));
const { Resvg } = require("@resvg/resvg-js");
const PIXELS = 192;
const SETS = { flat: "fluent-emoji-flat", cartoon: "noto", simple: "twemoji" };

const [things, out] = process.argv.slice(2);
const plain = (text) => text.toLowerCase().normalize("NFD").replace(/[\u0300-\u036f]/g, "");
const emoji = Object.fromEntries(
  JSON.parse(readFileSync("node_modules/emojibase-data/en/data.json")).map((entry) => [plain(entry.label), entry]),
);

function drawn(set, slug) {
  const icon = set.icons[slug] ?? set.icons[set.aliases?.[slug]?.parent];
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
for (const { word, label } of JSON.parse(readFileSync(things))) {
  const slug = label.replace(/[^a-z0-9]+/g, "-"), file = word.replaceAll(" ", "-");
  for (const [style, set] of Object.entries(sets)) {
    const png = drawn(set, slug);
    if (png) writeFileSync(join(out, style, `${file}.png`), png);
    else console.log(`no ${style} picture of ${word}`);
  }
  const code = emoji[label].hexcode.toLowerCase().replace(/-fe0f$/, "");
  const webp = [code, `${code}-fe0f`].map((name) => `node_modules/@lobehub/fluent-emoji-3d/assets/${name}.webp`).find(existsSync);
  if (webp) copyFileSync(webp, join(out, "3d", `${file}.webp`));
  else console.log(`no 3d picture of ${word}`);
}
