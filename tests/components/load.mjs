// A component's script as the browser gets it: its text, those that it imports before it, and
// nothing else.
import {readFileSync} from "node:fs";

const FOLDER = new URL("../../sdplay/ui/components/", import.meta.url);
const IMPORT = /^import \{[^}]*\} from "(\.[\w./]+)";\n/gm;

const joined = (url, read) => {
  if (read.has(url.href)) return "";
  read.add(url.href);
  const text = readFileSync(url, "utf8");
  const imported = [...text.matchAll(IMPORT)].map(([, path]) => joined(new URL(path, url), read));
  return imported.join("") + text.replaceAll(IMPORT, "");
};

export const load = name => {
  const text = joined(new URL(`${name}.js`, FOLDER), new Set());
  return import(`data:text/javascript,${encodeURIComponent(text)}`);
};
